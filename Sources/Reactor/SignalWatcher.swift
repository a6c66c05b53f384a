internal import CLibUV
internal import Glibc

/// Tells its owner about one signal of the process, on the loop.
@safe public final class SignalWatcher {
  public enum Signal: Sendable { case terminate, interrupt, hangUp, quit }

  private let handle: UnsafeMutablePointer<uv_signal_t>
  private var action: (() -> Void)?

  public init(_ signal: Signal, on loop: EventLoop, _ action: @escaping () -> Void) {
    self.action = action
    unsafe handle = .allocate(capacity: 1)
    unsafe uv_signal_init(loop.raw, handle)
    unsafe handle.pointee.data = Unmanaged.passRetained(self).toOpaque()
    let number =
      switch signal {
      case .terminate: SIGTERM
      case .interrupt: SIGINT
      case .hangUp: SIGHUP
      case .quit: SIGQUIT
      }
    unsafe uv_signal_start(handle, signalDidArrive, number)
    unsafe uv_unref(clibuv_signal_handle(handle))
  }

  /// Idempotent. The signal has its default effect again.
  public func close() {
    guard action != nil else { return }
    action = nil
    unsafe uv_close(clibuv_signal_handle(handle), signalDidClose)
  }

  fileprivate func arrived() { action?() }

  deinit {
    precondition(action == nil, "freed before the close callback")
    unsafe handle.deallocate()
  }
}

private func signalDidArrive(_ handle: UnsafeMutablePointer<uv_signal_t>?, _ number: Int32) {
  unsafe Unmanaged<SignalWatcher>.fromOpaque(handle!.pointee.data)._withUnsafeGuaranteedRef { $0.arrived() }
}

private func signalDidClose(_ handle: UnsafeMutablePointer<uv_handle_t>?) {
  unsafe Unmanaged<SignalWatcher>.fromOpaque(handle!.pointee.data).release()
}
