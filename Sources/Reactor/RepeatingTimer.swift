public import Base
internal import CLibUV

/// A `uv_timer` of its own, for work that is not a connection's deadline: log flushing, drains,
/// checks.
@safe public final class RepeatingTimer {
  private let handle: UnsafeMutablePointer<uv_timer_t>
  private var action: (() -> Void)?

  /// Calls `action` every `interval`, first after one `interval`, until `close`.
  public init(every interval: Interval, on loop: EventLoop, _ action: @escaping () -> Void) {
    self.action = action
    unsafe handle = .allocate(capacity: 1)
    unsafe uv_timer_init(loop.raw, handle)
    unsafe handle.pointee.data = Unmanaged.passRetained(self).toOpaque()
    unsafe uv_timer_start(handle, timerDidFire, interval.milliseconds, interval.milliseconds)
  }

  /// Keeps this timer from holding its loop in `run`.
  public func unreference() { unsafe uv_unref(clibuv_timer_handle(handle)) }

  /// Idempotent. The action is not called again.
  public func close() {
    guard action != nil else { return }
    action = nil
    unsafe uv_close(clibuv_timer_handle(handle), timerDidClose)
  }

  fileprivate func fired() { action?() }

  deinit {
    precondition(action == nil, "freed before the close callback")
    unsafe handle.deallocate()
  }
}

private func timerDidFire(_ handle: UnsafeMutablePointer<uv_timer_t>?) {
  unsafe Unmanaged<RepeatingTimer>.fromOpaque(handle!.pointee.data)._withUnsafeGuaranteedRef { $0.fired() }
}

private func timerDidClose(_ handle: UnsafeMutablePointer<uv_handle_t>?) {
  unsafe Unmanaged<RepeatingTimer>.fromOpaque(handle!.pointee.data).release()
}
