internal import Base
internal import CLibUV

/// How far a turn of splicing came.
public enum SpliceState {
  /// The source has nothing more at the moment.
  case sourceEmpty
  /// The limit or the share of this turn is used up; there may be more.
  case limitReached
  /// The sink is full. What was taken from the source is in its queue: `streamDidDrain` follows.
  case sinkFull
  /// The source ended before the limit.
  case sourceEnded
  case sourceFailed(UVError)
  case sinkFailed(UVError)
}

/// A kernel pipe through which bytes go from socket to socket without passing through the process.
///
/// One for each loop: it is empty between turns, because what a full sink refuses is read back out and
/// queued. splice(2) needs no copy of what is passed on, which is three quarters of the cost of a
/// large body.
@safe final class SplicePipe {
  /// What one turn moves at most, so that one fast transfer does not starve the loop.
  private static let turnBytes = 1024 * 1024
  /// What is in the pipe at most, and so what a full sink can leave us to hold.
  private static let pipeBytes = 64 * 1024

  private var descriptors: [Int32] = [-1, -1]
  private(set) var isUsable = false

  init() {
    let status = unsafe descriptors.withUnsafeMutableBufferPointer { pair in
      unsafe clibuv_splice_pipe(pair.baseAddress!, Int32(SplicePipe.pipeBytes))
    }
    isUsable = status == 0
  }

  deinit {
    guard isUsable else { return }
    clibuv_close_descriptor(descriptors[0])
    clibuv_close_descriptor(descriptors[1])
  }

  func relay(from source: SocketStream, to sink: SocketStream, limit: Int) -> (moved: Int, state: SpliceState) {
    var moved = 0
    let share = min(limit, SplicePipe.turnBytes)
    while moved < share {
      let wanted = min(share - moved, SplicePipe.pipeBytes)
      let taken = unsafe clibuv_splice_in(source.handle, descriptors[1], wanted)
      if taken == 0 { return (moved, .sourceEnded) }
      if taken < 0 {
        let isEmpty = taken == Int(UV_EAGAIN.rawValue)
        return (moved, isEmpty ? .sourceEmpty : .sourceFailed(UVError(code: Int32(taken))))
      }
      moved += taken
      if let state = pass(taken, to: sink, moreFollow: moved < limit) { return (moved, state) }
    }
    return (moved, .limitReached)
  }

  /// `nil` when the sink took all.
  private func pass(_ count: Int, to sink: SocketStream, moreFollow: Bool) -> SpliceState? {
    var left = count
    while left > 0 {
      let passed = unsafe clibuv_splice_out(sink.handle, descriptors[0], left, moreFollow ? 1 : 0)
      if passed > 0 {
        left -= passed
        continue
      }
      // The pipe must be empty for the next transfer, whatever became of this one.
      let rest = readBack(left)
      if passed < 0, passed != Int(UV_EAGAIN.rawValue) { return .sinkFailed(UVError(code: Int32(passed))) }
      switch sink.write(owned: rest) {
      case .failed(let error): return .sinkFailed(error)
      case .sent, .queued: return .sinkFull
      }
    }
    return nil
  }

  private func readBack(_ count: Int) -> ByteBuffer {
    var rest = ByteBuffer(capacity: count)
    while rest.count < count {
      let room = count - rest.count
      let got = unsafe rest.appendUninitialized(room) { start in unsafe clibuv_pipe_read(descriptors[0], start, room) }
      precondition(got > 0, "a pipe gives back what was put into it")
    }
    return rest
  }
}

extension SocketStream {
  /// Moves up to `limit` bytes from here to `sink` inside the kernel.
  ///
  /// Both must be open, and `sink` without queued bytes. At the end of the source `streamDidEnd` is not
  /// called: the state says it.
  public func splice(to sink: SocketStream, limit: Int) -> (moved: Int, state: SpliceState) {
    precondition(limit > 0)
    precondition(!sink.hasQueuedBytes)
    return loop.splicePipe.relay(from: self, to: sink, limit: limit)
  }

  /// Whether `splice` can be used on this loop: it needs a pipe, which needs two descriptors.
  public var canSplice: Bool { loop.splicePipe.isUsable }
}
