public import Base

/// Something that is done once, a little later, unless it is called off before.
///
/// Whoever holds it cancels it before going away; one that waits lives until then, or until its time.
public final class Delay {
  private var timer: RepeatingTimer?

  public init() {}

  public var isPending: Bool { timer != nil }

  /// Does `action` after `interval`, unless one is pending already: then that one stays, and this is forgotten.
  /// - Parameter holdsLoop: Whether the loop's `run` goes on until then.
  public func start(
    after interval: Interval, on loop: EventLoop, holdsLoop: Bool = false, _ action: @escaping () -> Void
  ) {
    guard timer == nil else { return }
    // It holds itself: nobody else may.
    timer = RepeatingTimer(every: interval, on: loop) { [self] in
      cancel()
      action()
    }
    if !holdsLoop { timer?.unreference() }
  }

  /// Idempotent. What was pending is not done.
  public func cancel() {
    timer?.close()
    timer = nil
  }
}
