internal import Base
internal import CLibUV

/// How far a turn of splicing came.
public enum SpliceState {
  /// The source has nothing more at the moment.
  case sourceEmpty
  /// What one turn takes was taken; there may be more.
  case limitReached
  /// The sink is full. What was taken from the source waits for it in the kernel: `streamDidDrain`
  /// follows.
  case sinkFull
  /// The source ended before the limit.
  case sourceEnded
  case sourceFailed(UVError)
  case sinkFailed(UVError)
}

/// A kernel pipe through which bytes go from socket to socket without passing through the process.
///
/// splice(2) passes pages on instead of copying them, which is three quarters of the cost of a large
/// body. A pipe is used for one turn and empty afterwards, unless the sink was full: then the sink keeps
/// the pipe, with what is in it, until that is sent. So a slow reader costs kernel pages and none of
/// ours.
@safe final class SplicePipe {
  /// Larger pipes mean fewer calls: 256 KiB saves some 15 % of the CPU time of 64 KiB.
  static let capacityBytes = 256 * 1024
  /// Enough for libuv to wait for the sink with: it tells when these bytes are sent.
  private static let sentinelBytes = 1024

  private var descriptors: [Int32] = [-1, -1]
  /// Bytes inside.
  private(set) var count = 0

  /// `nil` when no descriptors are left.
  init?() {
    let status = unsafe descriptors.withUnsafeMutableBufferPointer { pair in
      unsafe clibuv_splice_pipe(pair.baseAddress!, Int32(SplicePipe.capacityBytes))
    }
    guard status == 0 else { return nil }
  }

  deinit {
    guard descriptors[0] >= 0 else { return }
    clibuv_close_descriptor(descriptors[0])
    clibuv_close_descriptor(descriptors[1])
  }

  /// Takes up to `wanted` bytes from the source. Returns the count, 0 at its end, or an error code.
  func fill(from source: SocketStream, wanted: Int) -> Int {
    let taken = unsafe clibuv_splice_in(source.handle, descriptors[1], wanted)
    if taken > 0 { count += taken }
    return taken
  }

  enum Flow {
    case emptied
    case full
    case failed(UVError)
  }

  /// Passes what is inside to the sink, as far as it takes it.
  func drain(to sink: SocketStream) -> Flow {
    while count > 0 {
      let passed = unsafe clibuv_splice_out(sink.handle, descriptors[0], count)
      if passed > 0 {
        count -= passed
      } else if passed == 0 || passed == Int(UV_EAGAIN.rawValue) {
        return .full
      } else {
        return .failed(UVError(code: Int32(passed)))
      }
    }
    return .emptied
  }

  /// The first bytes inside, to be queued ahead of the rest.
  func takeSentinel() -> ByteBuffer {
    var bytes = ByteBuffer(capacity: SplicePipe.sentinelBytes)
    let wanted = min(count, SplicePipe.sentinelBytes)
    let got = unsafe bytes.appendUninitialized(wanted) { start in
      unsafe clibuv_pipe_read(descriptors[0], start, wanted)
    }
    precondition(got > 0, "a pipe gives back what was put into it")
    count -= got
    return bytes
  }
}

extension SocketStream {
  /// Moves up to `limit` bytes from here to `sink` inside the kernel.
  ///
  /// Both must be open, and `sink` without queued bytes. Bytes count as moved once they are taken from
  /// here. At the end of the source `streamDidEnd` is not called: the state says it.
  public func splice(to sink: SocketStream, limit: Int) -> (moved: Int, state: SpliceState) {
    precondition(limit > 0)
    precondition(!sink.hasQueuedBytes)
    guard let pipe = loop.takePipe() else {
      // No descriptors left for a pipe: reading needs none.
      setReadMode(.body)
      return (0, .limitReached)
    }
    let wanted = min(limit, SplicePipe.capacityBytes)
    // One filling a turn, not one after the other until the source is empty: each byte taken opens the
    // source's window, and whoever comes back at once finds one packet at a time. Ten times the calls.
    let taken = pipe.fill(from: self, wanted: wanted)
    guard taken > 0 else {
      loop.giveBack(pipe)
      if taken == 0 { return (0, .sourceEnded) }
      let isEmpty = taken == Int(UV_EAGAIN.rawValue)
      return (0, isEmpty ? .sourceEmpty : .sourceFailed(UVError(code: Int32(taken))))
    }
    switch pipe.drain(to: sink) {
    case .emptied:
      loop.giveBack(pipe)
      return (taken, .limitReached)
    case .full: return (taken, sink.wait(for: pipe))
    case .failed(let error): return (taken, .sinkFailed(error))
    }
  }
}
