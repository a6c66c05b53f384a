public import Base

/// How long what is ready waits for its loop: rings a bell and sees when it hears it.
///
/// The kernel hands ready descriptors out in the order in which they became ready, so the bell waits behind
/// whatever was ready before it, as a request would. Timers do not tell: libuv comes to them only after up to 48
/// rounds of 1024 events, which with some thousand busy connections is half a second even where none of them waits
/// longer than a tenth.
public final class QueueProbe {
  private let bell = Bell()
  /// Non-nil while the bell is on its way.
  private var rungAt: UInt64?
  private var isClosed = false
  /// What the last one waited.
  public private(set) var delay = Interval(milliseconds: 0)
  /// From here on there is something to watch: the next one is sent at once.
  private static let busy = Interval.milliseconds(20)

  public init(on loop: EventLoop) {
    bell.hang(on: loop) { [unowned self] in heard() }
  }

  /// Sends one, unless one is on its way. Called now and then; under load it goes on by itself.
  public func send() {
    guard rungAt == nil, !isClosed else { return }
    rungAt = EventLoop.nanoseconds
    bell.ring()
  }

  private func heard() {
    guard let rungAt else { return }
    delay = Interval(milliseconds: (EventLoop.nanoseconds &- rungAt) / 1_000_000)
    self.rungAt = nil
    if delay >= QueueProbe.busy { send() }
  }

  /// For how long the one that is on its way has been. Looks at the clock only while one is.
  @inline(__always) public var wait: Interval {
    guard let rungAt else { return Interval(milliseconds: 0) }
    return Interval(milliseconds: (EventLoop.nanoseconds &- rungAt) / 1_000_000)
  }

  /// Idempotent.
  public func close() {
    guard !isClosed else { return }
    isClosed = true
    bell.takeDown()
  }
}
