internal import Base
public import Observe
public import Reactor
internal import Synchronization
internal import TLS

/// Ack-then-deliver as a whole: one thread with a loop of its own, so that neither jobs nor their destinations are in
/// the way of what is proxied; two more for the store.
public final class DeliveryService: Sendable {
  public enum Event: Sendable {
    /// It takes jobs at that address; so many wait from before.
    case started(SocketAddress, pending: Int)
    case failed(String)
    case warning(String)
    /// Everything under way is written down, or was given up.
    case ended
  }

  private enum Command: Sendable {
    case answers([StoreAnswer])
    case drain, cut
  }

  private let mailbox = Mailbox<Command>()
  private let latest = Mutex(DeliverySnapshot())
  private let isOpen = Atomic<Bool>(false)

  private init() {}

  /// Starts the thread. `report` is called on it.
  public static func start(
    _ settings: DeliverySettings, sink: (any LineSink)?, report: @escaping @Sendable (Event) -> Void
  ) throws(UVError) -> (service: DeliveryService, thread: LoopThread) {
    try start(settings, sink: sink, resolver: { Resolver.resolve($0, port: $1, on: $2, $3) }, report: report)
  }

  /// - Parameter resolver: in the place of the system's, for tests.
  static func start(
    _ settings: DeliverySettings, sink: (any LineSink)?,
    resolver:
      @escaping @Sendable (
        String, UInt16, EventLoop, @escaping (Result<[SocketAddress], UVError>) -> Void
      ) -> Void,
    report: @escaping @Sendable (Event) -> Void
  ) throws(UVError) -> (service: DeliveryService, thread: LoopThread) {
    let service = DeliveryService()
    let thread = try LoopThread { service.run(settings, sink, resolver, report) }
    while !service.isOpen.load(ordering: .acquiring) { LoopThread.yield() }
    return (service, thread)
  }

  /// What was counted, a quarter of a second ago at most.
  public var snapshot: DeliverySnapshot { latest.withLock { $0 } }

  /// Takes no more jobs and begins no attempt; `ended` follows.
  public func drain() { mailbox.post(.drain) }

  /// Ends at once: attempts under way are made again at the next start.
  public func cut() { mailbox.post(.cut) }

  private func run(
    _ settings: DeliverySettings, _ sink: (any LineSink)?, _ resolver: @escaping Outbound.Resolve,
    _ report: @escaping @Sendable (Event) -> Void
  ) {
    guard let loop = try? EventLoop() else {
      isOpen.store(true, ordering: .releasing)
      report(.failed("a loop cannot be made"))
      return report(.ended)
    }
    let mailbox = mailbox
    let parts: (TLSClient, SQLiteJobStore)
    do {
      let tls = try TLSClient(name: "", isAddress: false, verifies: true, authorities: settings.authorities)
      let store = try SQLiteJobStore(
        directory: settings.stateDirectory, bytesMax: Int64(settings.storeBytesMax)
      ) { [self] answers in
        // What is posted before the mailbox is open goes nowhere.
        while !isOpen.load(ordering: .acquiring) { LoopThread.yield() }
        mailbox.post(.answers(answers))
      }
      parts = (tls, store)
    } catch {
      isOpen.store(true, ordering: .releasing)
      loop.close()
      report(.failed("\(error)"))
      return report(.ended)
    }
    let log = DeliveryLog(sink, isJSON: settings.logsJSON, bodyBytesMax: settings.logBodyBytesMax)
    let outbound = Outbound(settings, tls: parts.0, on: loop, resolver: resolver)
    let deliverer = Deliverer(settings, store: parts.1, outbound: outbound, log: log, on: loop) {
      report(.warning($0))
    }
    let intake = IntakeServer(deliverer) { report(.warning($0)) }
    let publishing = RepeatingTimer(every: .milliseconds(200), on: loop) { [self] in
      deliverer.flush()
      var snapshot = deliverer.snapshot()
      snapshot.connections = intake.connectionCount
      latest.withLock { $0 = snapshot }
    }
    var hasEnded = false
    func end() {
      guard !hasEnded else { return }
      hasEnded = true
      intake.close()
      deliverer.stop()
      publishing.close()
      mailbox.close()
    }
    mailbox.open(on: loop) { command in
      switch command {
      case .answers(let answers):
        deliverer.received(answers)
        if case .failed(let reason)? = answers.first {
          report(.failed(reason))
          return end()
        }
        guard case .opened(let recovery)? = answers.first, let address = settings.listen else { return }
        do throws(UVError) {
          report(.started(try intake.listen(on: address), pending: recovery.entries.count))
        } catch {
          report(.failed("SLUICE_ASYNC_LISTEN: cannot listen on \(address): \(error)"))
          end()
        }
      case .drain:
        // Whoever asked is answered, and what has begun is written down.
        intake.drain { deliverer.drain { end() } }
      case .cut: end()
      }
    }
    isOpen.store(true, ordering: .releasing)
    loop.run()
    parts.1.close()
    loop.close()
    report(.ended)
  }
}
