internal import Base
internal import CLibUV

// How a stream reads.
extension SocketStream {
  public func startReading() {
    guard isOpen, !reads else { return }
    reads = true
    unsafe clibuv_report_changes(handle)
    unsafe uv_read_start(handle, lendNoBuffer, mayRead)
  }

  /// Stops until `startReading`. Costs two calls of epoll_ctl in all: for back-pressure, not for
  /// every exchange.
  public func pauseReading() {
    guard reads else { return }
    reads = false
    unsafe uv_read_stop(handle)
  }

  /// Chooses between reading and being told. Free: looked at before each read.
  public func setReadMode(_ mode: ReadMode) { readMode = mode }

  /// So often a stream that fills the buffer is read before others have their turn.
  private static let readsMax = 4

  /// There is something to read, or the end.
  func becameReadable() {
    for _ in 0..<SocketStream.readsMax {
      guard reads else { return }
      if readMode == .readiness {
        unsafe clibuv_report_again(handle)
        tellReadable()
        return
      }
      let room = readMode == .head ? EventLoop.headReadBytes : EventLoop.readBufferBytes
      let base = unsafe handle.pointee.loop.pointee.data.assumingMemoryBound(to: UInt8.self)
      let count = unsafe clibuv_receive(handle, base, room)
      guard count > 0 else {
        if count == 0 { return ended(nil) }
        return count == Int(UV_EAGAIN.rawValue) ? () : ended(UVError(code: Int32(count)))
      }
      received(unsafe Span(_unsafeStart: base, count: count))
      // Less than there was room for: that was all.
      if count < room { return }
    }
    unsafe clibuv_report_again(handle)
  }
}
