internal import CLibUV
internal import Glibc

/// A thread for a loop (or for the one writer that may block, such as a log).
@safe public final class LoopThread {
  private var thread = uv_thread_t()
  private var isJoined = false

  /// Starts `body` on a thread of its own.
  public init(_ body: @escaping @Sendable () -> Void) throws(UVError) {
    let box = unsafe Unmanaged.passRetained(Body(run: body))
    let status = unsafe uv_thread_create(
      &thread,
      { argument in
        let body = unsafe Unmanaged<Body>.fromOpaque(argument!).takeRetainedValue()
        body.run()
      }, box.toOpaque())
    if status < 0 {
      unsafe box.release()
      isJoined = true
      throw UVError(code: status)
    }
  }

  /// Waits for the body to return. Once.
  public func join() {
    precondition(!isJoined)
    unsafe uv_thread_join(&thread)
    isJoined = true
  }

  /// Lets another thread run.
  public static func yield() { sched_yield() }

  deinit { precondition(isJoined, "a thread is joined before it is forgotten") }

  private final class Body: Sendable {
    let run: @Sendable () -> Void
    init(run: @escaping @Sendable () -> Void) { self.run = run }
  }
}
