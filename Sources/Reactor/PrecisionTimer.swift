internal import Base
internal import CLibUV

/// A moment to the microsecond, on one loop: a `timerfd`, because libuv's timers are whole milliseconds.
///
/// Costs a descriptor and one system call a setting; a deadline of a connection belongs in the wheel.
@safe public final class PrecisionTimer {
  private let handle: UnsafeMutablePointer<uv_poll_t>
  private let descriptor: Int32
  private var action: (() -> Void)?

  /// Calls `action` whenever the time set is reached. Within it the timer is set again or stopped.
  public init(on loop: EventLoop, _ action: @escaping () -> Void) throws(UVError) {
    descriptor = clibuv_precision_timer()
    try UVError.check(descriptor)
    self.action = action
    unsafe handle = .allocate(capacity: 1)
    let status = unsafe uv_poll_init(loop.raw, handle, descriptor)
    if status < 0 {
      unsafe handle.deallocate()
      clibuv_close_descriptor(descriptor)
      self.action = nil
      throw UVError(code: status)
    }
    unsafe handle.pointee.data = Unmanaged.passRetained(self).toOpaque()
    unsafe uv_poll_start(handle, Int32(UV_READABLE.rawValue), timeWasReached)
  }

  /// Sets the time, in nanoseconds of `EventLoop.nanoseconds`. A time in the past is reached at once.
  public func set(nanoseconds: UInt64) { clibuv_precision_timer_set(descriptor, max(1, nanoseconds)) }

  public func stop() { clibuv_precision_timer_set(descriptor, 0) }

  /// Idempotent. The action is not called again.
  public func close() {
    guard action != nil else { return }
    action = nil
    unsafe uv_close(clibuv_poll_handle(handle), timerDidClose)
  }

  fileprivate func reached() { action?() }

  fileprivate func closed() { clibuv_close_descriptor(descriptor) }

  deinit {
    precondition(action == nil, "freed before the close callback")
    unsafe handle.deallocate()
  }
}

private func timeWasReached(_ handle: UnsafeMutablePointer<uv_poll_t>?, _ status: Int32, _ events: Int32) {
  unsafe Unmanaged<PrecisionTimer>.fromOpaque(handle!.pointee.data)._withUnsafeGuaranteedRef { $0.reached() }
}

private func timerDidClose(_ handle: UnsafeMutablePointer<uv_handle_t>?) {
  unsafe Unmanaged<PrecisionTimer>.fromOpaque(handle!.pointee.data).takeRetainedValue().closed()
}
