public import Base
public import Cache
internal import HTTP1
public import Observe
public import Reactor
public import Routing
public import Upstream

/// The data path of one loop: what its connections share.
///
/// Confined to its loop; nothing in here is locked.
public final class ProxyContext: ListenerHandler {
  public let loop: EventLoop
  let settings: ProxySettings
  /// Where requests go; the first is the only one where there are no routes.
  let upstreams: [Upstream]
  /// Which of them a request goes to; `nil` where there is only one for all.
  let routes: RouteTable?
  let counters = Confined(ProxyCounters())
  let accessLog: AccessLog?
  /// `nil` where nothing is cached.
  private(set) var cache: ProxyCache?
  let budget: ConnectionBudget
  let requestRewrite: RequestRewrite
  let responseRewrite: ResponseRewrite
  /// The head being read at this moment. Nothing may be kept in it from one event to the next.
  let table = Confined(FieldTable())
  /// What is about to be written at this moment.
  let scratch = Confined(ByteBuffer(capacity: 4096))
  let clock = Confined(DateClock())

  private var listeners: [SocketListener] = []
  private var connections: ContiguousArray<ClientConnection> = []
  /// Exchanges that are done, to be used again: an exchange and its buffers are not for every request.
  private let spareExchanges = Confined<[Exchange]>([])
  private static let spareExchangesMax = 1024
  private static let shedIdleMin = Interval.seconds(1)
  private var acceptRetry: RepeatingTimer?
  private var shedCursor = 0
  private(set) var isDraining = false
  /// Once draining: until when an idle connection may still ask something.
  private(set) var drainsIdleUntil = Instant.never
  /// Exchanges for which there is no endpoint just now, the longest waiting first.
  private var waiting: [Exchange] = []
  private var waitTimer: RepeatingTimer?
  private var isWaking = false
  private static let waitingMax = 1024
  private static let waitTick = Interval.milliseconds(100)
  /// So many try again at each tick, until one succeeds.
  private static let probesMax = 8
  private var onDrained: (() -> Void)?
  /// Called with what an operator should know; at most once a second for each kind of trouble.
  private let report: (String) -> Void
  private var lastReport = Instant(milliseconds: 0)

  public init(
    settings: ProxySettings, upstreams: [Upstream], routes: RouteTable?, store: CacheStore?,
    accessLog: AccessLog?,
    budget: ConnectionBudget,
    on loop: EventLoop, report: @escaping (String) -> Void
  ) {
    self.loop = loop
    self.settings = settings
    precondition(!upstreams.isEmpty)
    self.upstreams = upstreams
    self.routes = routes
    self.accessLog = accessLog
    self.budget = budget
    self.report = report
    requestRewrite = RequestRewrite(settings)
    responseRewrite = ResponseRewrite(settings)
    if let store { cache = ProxyCache(store, settings.cache, context: self, on: loop) }
    for upstream in upstreams { upstream.onChange = { [unowned self] in wakeWaiting(.max) } }
  }

  /// Gives this context a listener whose handler it is.
  public func add(_ listener: SocketListener) { listeners.append(listener) }

  public var connectionCount: Int { connections.count }

  // MARK: Accepting

  public func listenerShouldAccept(_ listener: SocketListener) -> Bool {
    if budget.hasRoom, DescriptorBudget.hasRoomForClients { return true }
    if shedIdleConnection() { return true }
    retryAcceptSoon()
    return false
  }

  public func listener(_ listener: SocketListener, didAccept stream: SocketStream) {
    let connection = ClientConnection(stream, context: self)
    budget.take()
    counters.value.accepted += 1
    connection.registryIndex = connections.count
    connections.append(connection)
    connection.start()
  }

  public func listener(_ listener: SocketListener, didFail error: UVError) {
    warn("cannot accept connections: \(error)")
    // Ours to give: idle upstream connections hold descriptors too.
    _ = dropIdleConnection()
    retryAcceptSoon()
  }

  /// Says something to the operator, but never a line per request.
  func warn(_ text: @autoclosure () -> String) {
    guard loop.now.since(lastReport) >= .seconds(1) || lastReport.milliseconds == 0 else { return }
    lastReport = loop.now
    report(text())
  }

  /// Other loops may make room, or other processes: look again ten times a second until accepted.
  private func retryAcceptSoon() {
    guard acceptRetry == nil else { return }
    warn("connection limit reached (\(budget.count) of \(budget.limit)): new connections wait")
    acceptRetry = RepeatingTimer(every: .milliseconds(100), on: loop) { [unowned self] in
      acceptRetry?.close()
      acceptRetry = nil
      resumeListeners()
    }
    acceptRetry?.unreference()
  }

  private func resumeListeners() { for listener in listeners { listener.resume() } }

  /// Closes the idle connection, of some that are looked at, that was idle for longest. One that was
  /// accepted or used a moment ago is not idle: its request may be in the kernel already.
  private func shedIdleConnection() -> Bool {
    guard !connections.isEmpty else { return false }
    var oldest: ClientConnection?
    for _ in 0..<min(64, connections.count) {
      shedCursor = (shedCursor + 1) % connections.count
      let candidate = connections[shedCursor]
      let idleSince = Instant(milliseconds: candidate.idleSinceMilliseconds)
      guard candidate.isIdle, loop.now.since(idleSince) >= ProxyContext.shedIdleMin else { continue }
      if let known = oldest, known.idleSinceMilliseconds <= candidate.idleSinceMilliseconds { continue }
      oldest = candidate
    }
    guard let oldest else { return false }
    oldest.close()
    return true
  }

  func remove(_ connection: ClientConnection) {
    let index = connection.registryIndex
    let last = connections.removeLast()
    if last !== connection {
      connections[index] = last
      last.registryIndex = index
    }
    budget.release()
    if acceptRetry != nil { resumeListeners() }
    if isDraining, connections.isEmpty { drained() }
  }

  // MARK: Exchanges

  func makeExchange() -> Exchange { spareExchanges.value.popLast() ?? Exchange(context: self) }

  func recycle(_ exchange: Exchange) {
    if spareExchanges.value.count < ProxyContext.spareExchangesMax, !isDraining {
      spareExchanges.value.append(exchange)
    }
  }

  // MARK: Waiting for an endpoint

  /// Lets `exchange` wait. `false` when too many do.
  func enqueue(_ exchange: Exchange) -> Bool {
    guard waiting.count < ProxyContext.waitingMax else { return false }
    waiting.append(exchange)
    if waitTimer == nil {
      waitTimer = RepeatingTimer(every: ProxyContext.waitTick, on: loop) { [unowned self] in
        wakeWaiting(ProxyContext.probesMax)
      }
      waitTimer?.unreference()
    }
    return true
  }

  func dequeue(_ exchange: Exchange) {
    if let index = waiting.firstIndex(where: { $0 === exchange }) { waiting.remove(at: index) }
  }

  /// A connect succeeded: whoever waits may be served by the same endpoint.
  @inline(__always) func endpointAnswered() {
    if !waiting.isEmpty { wakeWaiting(2 * ProxyContext.probesMax) }
  }

  /// Lets up to `count` of those that wait try again, the longest waiting first.
  private func wakeWaiting(_ count: Int) {
    guard !waiting.isEmpty, !isWaking else { return }
    // Those that must go on waiting queue up anew, behind the others.
    isWaking = true
    let woken = Array(waiting.prefix(count))
    waiting.removeFirst(woken.count)
    for exchange in woken where exchange.isWaiting { exchange.endpointMayBeThere() }
    isWaking = false
    if waiting.isEmpty {
      waitTimer?.close()
      waitTimer = nil
    }
  }

  // MARK: Others

  /// Frees a descriptor by closing an idle upstream connection, wherever there is one.
  func dropIdleConnection() -> Bool { upstreams.contains { $0.dropIdleConnection() } }

  /// Who a request is from: the peer, or whom trusted peers say they speak for, the last first.
  func clientAddress(_ bytes: Span<UInt8>, _ client: ClientConnection) -> IPAddress? {
    guard client.isTrusted else { return client.peer }
    return ForwardedFor.client(bytes, table.value) { address in
      settings.trustedProxies.contains { $0.contains(address) }
    } ?? client.peer
  }

  /// What this loop counted, for those who show it.
  public func snapshot() -> ProxySnapshot {
    ProxySnapshot(
      connections: connections.count, waiting: waiting.count, counters: counters.value,
      upstreams: upstreams.map { $0.snapshot() })
  }

  // MARK: Ending

  /// Stops accepting and lets exchanges finish; each answer says that it is the last of its connection.
  /// `onDrained` follows, once.
  ///
  /// An idle connection is not closed at once, because its next request may be on its way already and
  /// would meet a reset: it has `idleGrace` to make that one request.
  public func drain(idleGrace: Interval, _ onDrained: @escaping () -> Void) {
    guard !isDraining else { return }
    isDraining = true
    drainsIdleUntil = loop.now.advanced(by: idleGrace)
    self.onDrained = onDrained
    closeListeners(takingPending: true)
    for connection in Array(connections) where connection.isIdle { connection.drainIdle() }
    if connections.isEmpty { drained() }
  }

  /// Cuts what is left. Returns how many connections that were.
  public func cut() -> Int {
    isDraining = true
    // These do not end by draining: whoever cuts them says so.
    onDrained = nil
    closeListeners()
    let count = connections.count
    for connection in Array(connections) { connection.cut() }
    closeUpstreams()
    return count
  }

  private func closeListeners(takingPending: Bool = false) {
    spareExchanges.value = []
    for listener in listeners { listener.close(takingPending: takingPending) }
    listeners = []
    acceptRetry?.close()
    acceptRetry = nil
  }

  private func closeUpstreams() {
    cache?.close()
    for upstream in upstreams { upstream.close() }
    waitTimer?.close()
    waitTimer = nil
  }

  private func drained() {
    closeUpstreams()
    let action = onDrained
    onDrained = nil
    action?()
  }
}
