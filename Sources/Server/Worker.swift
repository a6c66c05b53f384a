internal import Admin
internal import Base
internal import Cache
internal import Configuration
internal import Logging
internal import Observe
internal import Proxy
internal import Reactor
internal import Routing
internal import TLS
internal import Upstream

/// What every worker is made from.
struct WorkerParts: Sendable {
  let settings: Settings
  /// Name and settings of each upstream.
  let upstreams: [(name: String, settings: UpstreamSettings)]
  let routes: RouteTable?
  /// The endpoints of each, at the start.
  let sets: [EndpointSet]
  /// Tells what requests find out about endpoints.
  let find: @Sendable (Finding) -> Void
  let limits: SharedLimits
  /// `nil` where nothing is cached.
  let store: CacheStore?
  /// What secured listeners show; `nil` where there are none.
  let tls: TLSServer?
  let unixSockets: [UnixListenerSocket]
  let logWriter: LogWriter?
  let logger: Logger
}

/// One loop with its listeners and its share of the connections.
final class Worker {
  enum Command: Sendable {
    case drain, cut
    /// The list of upstream `index` in force from now on.
    case endpoints(index: Int, EndpointSet)
    /// Asks for what was counted; the number comes back with the answer.
    case count(Int)
  }
  enum Event: Sendable {
    case started
    case failed(String)
    case found(Finding)
    case counted(Int, AdminSnapshot.Loop)
    /// All connections are gone; so many of them were cut.
    case ended(cut: Int)
  }

  private let loop: EventLoop
  private let context: ProxyContext
  private let accessLog: AccessLog?
  private let mailbox: Mailbox<Command>
  private let upstreams: [Upstream]
  private let idleGrace: Interval
  private static let idleGraceMax = Interval.seconds(2)
  private var lag = LoopLag(at: EventLoop.nanoseconds)
  private var lagTimer: RepeatingTimer?
  private var flushTimer: RepeatingTimer?
  private var hasEnded = false
  private let report: (Event) -> Void

  init(
    _ parts: WorkerParts, on loop: EventLoop, mailbox: Mailbox<Command>, report: @escaping (Event) -> Void
  ) {
    self.loop = loop
    self.mailbox = mailbox
    self.report = report
    accessLog = parts.logWriter.map { AccessLog(format: parts.settings.log.format, sink: $0) }
    let logger = parts.logger
    upstreams = parts.upstreams.enumerated().map { index, upstream in
      Upstream(
        index: index, name: upstream.name, parts.sets[index],
        settings: upstream.settings, workers: parts.settings.workers, on: loop, report: parts.find)
    }
    idleGrace = min(Worker.idleGraceMax, Interval(milliseconds: parts.settings.drainTimeout.milliseconds / 2))
    context = ProxyContext(
      settings: parts.settings.proxy, upstreams: upstreams, routes: parts.routes, store: parts.store,
      accessLog: accessLog, limits: parts.limits, tls: parts.tls, on: loop,
      report: { logger.warning("\($0)") })
    mailbox.open(on: loop) { [unowned self] command in
      switch command {
      case .drain: drain()
      case .cut: cut()
      case .endpoints(let index, let set): upstreams[index].apply(set)
      case .count(let number):
        self.report(
          .counted(number, AdminSnapshot.Loop(proxy: context.snapshot(), lagMilliseconds: lag.milliseconds)))
      }
    }
    lagTimer = RepeatingTimer(every: LoopLag.interval, on: loop) { [unowned self] in
      lag.ticked(at: EventLoop.nanoseconds)
    }
    // Without listeners nothing else keeps the loop waiting for mail.
    if !(parts.settings.listen + parts.settings.tlsListen).isEmpty { lagTimer?.unreference() }
    if let accessLog {
      flushTimer = RepeatingTimer(every: .milliseconds(200), on: loop) { accessLog.flush() }
      flushTimer?.unreference()
    }
  }

  /// Listens on `addresses`. Returns them as bound.
  func listen(
    on addresses: [SocketAddress], _ unixSockets: [UnixListenerSocket], isSecured: Bool = false
  ) throws(ListenError) -> [SocketAddress] {
    var bound: [SocketAddress] = []
    for address in addresses {
      do throws(UVError) {
        let listener: SocketListener
        if case .unix(let path) = address {
          guard let shared = unixSockets.first(where: { $0.path == path }) else { continue }
          listener = try SocketListener(shared, on: loop, handler: context)
        } else {
          listener = try SocketListener(
            address, isDualStack: !Worker.hasIPv4Twin(address, in: addresses), on: loop, handler: context)
        }
        context.add(listener, isSecured: isSecured)
        bound.append(listener.address)
      } catch {
        throw ListenError(address: address, cause: error)
      }
    }
    return bound
  }

  /// `[::]:80` takes IPv4 as well, unless `0.0.0.0:80` was asked for beside it.
  private static func hasIPv4Twin(_ address: SocketAddress, in all: [SocketAddress]) -> Bool {
    guard case .ip(_, let port) = address else { return false }
    return all.contains { if case .ip(let other, port) = $0 { other.isV4 } else { false } }
  }

  func drain() { context.drain(idleGrace: idleGrace) { [unowned self] in end(cut: 0) } }

  func cut() { end(cut: context.cut()) }

  private func end(cut: Int) {
    guard !hasEnded else { return }
    hasEnded = true
    accessLog?.flush()
    flushTimer?.close()
    lagTimer?.close()
    mailbox.close()
    report(.ended(cut: cut))
  }
}

struct ListenError: Error {
  let address: SocketAddress
  let cause: UVError
}
