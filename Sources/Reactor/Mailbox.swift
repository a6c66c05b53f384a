internal import CLibUV
internal import Synchronization

/// Where other threads leave values for one loop.
///
/// `post` may be called from any thread at any time, also after the loop has gone: what is posted then
/// is dropped. Values arrive on the loop in the order of their posting, several to a wake-up.
public final class Mailbox<Message: Sendable>: Sendable {
  private struct State {
    var messages: [Message] = []
    var isOpen = false
  }
  private let state = Mutex(State())
  private let bell = Bell()

  public init() {}

  public func post(_ message: Message) {
    state.withLock { state in
      guard state.isOpen else { return }
      state.messages.append(message)
      // Under the lock, so that the handle cannot be closed between the check and the ring.
      bell.ring()
    }
  }

  /// Begins delivery on `loop`. Once, on the loop's thread.
  public func open(on loop: EventLoop, _ receive: @escaping (Message) -> Void) {
    openBatches(on: loop) { for message in $0 { receive(message) } }
  }

  /// The same, for whoever does better with all that has come at once.
  public func openBatches(on loop: EventLoop, _ receive: @escaping ([Message]) -> Void) {
    bell.hang(on: loop) { [self] in
      let messages = state.withLock { state in
        var taken: [Message] = []
        swap(&taken, &state.messages)
        return taken
      }
      if !messages.isEmpty { receive(messages) }
    }
    state.withLock { $0.isOpen = true }
  }

  /// Ends delivery, on the loop's thread.
  public func close() {
    let wasOpen = state.withLock { state in
      defer { state.isOpen = false }
      return state.isOpen
    }
    if wasOpen { bell.takeDown() }
  }
}

/// A `uv_async_t`: the one libuv handle that other threads may touch.
@safe final class Bell: @unchecked Sendable {
  // Unchecked: `handle` never changes, `uv_async_send` is safe from any thread, and `action` is
  // touched on the loop's thread only. `Mailbox` rings under its lock and only while open.
  private let handle: UnsafeMutablePointer<uv_async_t>
  private var action: (() -> Void)?

  init() { unsafe handle = .allocate(capacity: 1) }

  func hang(on loop: EventLoop, _ action: @escaping () -> Void) {
    precondition(self.action == nil)
    self.action = action
    unsafe uv_async_init(loop.raw, handle, bellDidRing)
    unsafe handle.pointee.data = Unmanaged.passRetained(self).toOpaque()
    unsafe uv_unref(clibuv_async_handle(handle))
  }

  func ring() { unsafe uv_async_send(handle) }

  func takeDown() {
    action = nil
    unsafe uv_close(clibuv_async_handle(handle), bellDidClose)
  }

  fileprivate func rang() { action?() }

  deinit { unsafe handle.deallocate() }
}

private func bellDidRing(_ handle: UnsafeMutablePointer<uv_async_t>?) {
  unsafe Unmanaged<Bell>.fromOpaque(handle!.pointee.data)._withUnsafeGuaranteedRef { $0.rang() }
}

private func bellDidClose(_ handle: UnsafeMutablePointer<uv_handle_t>?) {
  unsafe Unmanaged<Bell>.fromOpaque(handle!.pointee.data).release()
}
