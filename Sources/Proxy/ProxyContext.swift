public import Base
public import Cache
internal import HTTP1
public import Observe
internal import RateLimit
public import Reactor
public import Routing
public import TLS
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
  let limits: SharedLimits
  var budget: ConnectionBudget { limits.connections }
  private var unsent: UnsentShare
  /// What secured listeners show of themselves; `nil` where there are none.
  let tls: TLSServer?
  let gate: Gate
  let loopMark: LoopMark
  let requestIDs = Confined(RequestIDSource())
  let requestRewrite: RequestRewrite
  let responseRewrite: ResponseRewrite
  /// The head being read at this moment. Nothing may be kept in it from one event to the next.
  let table = Confined(FieldTable())
  /// What is about to be written at this moment.
  let scratch = Confined(ByteBuffer(capacity: 4096))
  let clock = Confined(DateClock())

  /// Whose word on clients is taken.
  private let trusted: AddressSet
  private var watch: RepeatingTimer?
  private static let watchInterval = Interval.milliseconds(100)
  /// How long requests wait for this loop.
  let probe: QueueProbe
  /// When the loop last came to its timers, and how many requests it has turned away since.
  private var watchedAt: UInt64 = 0
  private var shedCount: UInt64 = 0
  /// Ten times what turning one away costs with all that comes before it, which is hard to measure from within.
  private static let nanosecondsPerShed: UInt64 = 100_000
  private var listeners: [SocketListener] = []
  /// Those of them whose connections are secured.
  private var securedListeners: [SocketListener] = []
  private var connections: ContiguousArray<ClientConnection> = []
  /// Exchanges that are done, to be used again: an exchange and its buffers are not for every request.
  private let spareExchanges = Confined<[Exchange]>([])
  private static let spareExchangesMax = 4096
  private static let shedIdleMin = Interval.seconds(1)
  private let acceptRetry = Delay()
  private let relief = Delay()
  /// Who is cut next, the last first, while a relief goes on.
  private var holders: [ClientConnection] = []
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
  /// Where places at endpoints are limited, another loop may have made one.
  private static let placeTick = Interval.milliseconds(10)
  private let limitsEndpoints: Bool
  /// So many try again at each tick, until one succeeds.
  private static let probesMax = 8
  private var onDrained: (() -> Void)?
  /// Called with what an operator should know; at most once a second for each kind of trouble.
  private let report: (String) -> Void
  private var lastReport = Instant(milliseconds: 0)

  public init(
    settings: ProxySettings, upstreams: [Upstream], routes: RouteTable?, store: CacheStore?,
    accessLog: AccessLog?,
    limits: SharedLimits, tls: TLSServer? = nil,
    on loop: EventLoop, report: @escaping (String) -> Void
  ) {
    self.loop = loop
    self.settings = settings
    probe = QueueProbe(on: loop)
    precondition(routes != nil || upstreams.count <= 1)
    self.upstreams = upstreams
    self.routes = routes
    self.accessLog = accessLog
    self.limits = limits
    unsent = UnsentShare(budget: limits.buffers.limit / 4)
    self.tls = tls
    gate = Gate(settings, limits)
    loopMark = LoopMark(settings)
    limitsEndpoints = upstreams.contains { $0.settings.inFlightMax > 0 }
    trusted = AddressSet(settings.trustedProxies)
    self.report = report
    requestRewrite = RequestRewrite(settings)
    responseRewrite = ResponseRewrite(settings)
    if let store { cache = ProxyCache(store, settings.cache, context: self, on: loop) }
    loop.held.budget = limits.buffers
    keepWatch()
    watch = RepeatingTimer(every: ProxyContext.watchInterval, on: loop) { [unowned self] in keepWatch() }
    watch?.unreference()
    for upstream in upstreams { upstream.onChange = { [unowned self] in wakeWaiting(.max) } }
  }

  /// Gives this context a listener whose handler it is.
  public func add(_ listener: SocketListener, isSecured: Bool = false) {
    precondition(!isSecured || tls != nil)
    listeners.append(listener)
    if isSecured { securedListeners.append(listener) }
  }

  public var connectionCount: Int { connections.count }

  // MARK: Accepting

  public func listenerShouldAccept(_ listener: SocketListener) -> Bool {
    if budget.hasRoom, DescriptorBudget.hasRoomForClients { return true }
    if shedIdleConnection() { return true }
    retryAcceptSoon()
    return false
  }

  public func listener(_ listener: SocketListener, didAccept stream: SocketStream) {
    let isSecured = !securedListeners.isEmpty && securedListeners.contains { $0 === listener }
    let connection = ClientConnection(stream, context: self, isSecured: isSecured)
    guard connection.entersCount() else { return stream.close() }
    budget.take()
    counters.value.accepted += 1
    connection.registryIndex = connections.count
    connections.append(connection)
    if unsent.update(connections: budget.count) {
      for listener in listeners { listener.limitUnsent(bytes: unsent.bytes) }
    }
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
    guard !acceptRetry.isPending else { return }
    warn("connection limit reached (\(budget.count) of \(budget.limit)): new connections wait")
    acceptRetry.start(after: .milliseconds(100), on: loop) { [unowned self] in resumeListeners() }
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
    if acceptRetry.isPending { resumeListeners() }
    if isDraining, connections.isEmpty { drained() }
  }

  // MARK: Exchanges

  func makeExchange() -> Exchange { spareExchanges.value.popLast() ?? Exchange(context: self) }

  func recycle(_ exchange: Exchange) {
    // Its endpoint may have a place now for one that waits.
    if !waiting.isEmpty, limitsEndpoints { wakeWaiting(1) }
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
      let tick = limitsEndpoints ? ProxyContext.placeTick : ProxyContext.waitTick
      waitTimer = RepeatingTimer(every: tick, on: loop) { [unowned self] in
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
    return ForwardedFor.client(bytes, table.value) { trusted.contains($0) } ?? client.peer
  }

  /// Whether what an address says of others is believed.
  func trusts(_ address: IPAddress) -> Bool { trusted.contains(address) }

  // MARK: Too much

  /// Whether a request is to be turned away: those that came before it waited too long for this loop.
  ///
  /// Turning away is not free: where requests are small, at a third of what serving costs, a proxy that turns away
  /// all it cannot serve of three times its capacity does little else (14 % of its peak, measured). So a tenth of
  /// the time may go into that, which is plenty where requests are dear; the rest waits in the kernel, as long as
  /// there are connections at most.
  var isOverloaded: Bool {
    guard probe.wait > settings.lagMax, settings.lagMax.milliseconds > 0 else { return false }
    return shedCount < (EventLoop.nanoseconds &- watchedAt) / ProxyContext.nanosecondsPerShed
  }

  /// A request was turned away.
  func countShed() {
    shedCount += 1
    counters.value.shed += 1
  }

  /// Ten times a second, or as often as the loop comes to it.
  private func keepWatch() {
    watchedAt = EventLoop.nanoseconds
    shedCount = 0
    probe.send()
    if !relief.isPending, limits.buffers.isExceeded, loop.held.count > 0 { relieve() }
  }

  /// Buffers hold more than they may: cuts those connections that hold some and have stood still for longest, until
  /// this loop's share of what is too much is free.
  private func relieve() {
    let share = Double(loop.held.count) / Double(max(1, limits.buffers.count))
    // Below the limit, or the next byte would be one too many again.
    let excess = Double(limits.buffers.count) - 0.9 * Double(limits.buffers.limit)
    var missing = Int(excess * min(1, share))
    if holders.isEmpty {
      holders = connections.filter { $0.heldBytes > 0 }.sorted { $0.timer.deadline > $1.timer.deadline }
    }
    let begin = EventLoop.nanoseconds
    while missing > 0, !holders.isEmpty {
      guard EventLoop.nanoseconds &- begin < ProxyContext.nanosecondsPerRelief else {
        relief.start(after: .milliseconds(2), on: loop) { [unowned self] in relieve() }
        break
      }
      let connection = holders.removeLast()
      // It may have gone, or caught up, since.
      guard connection.heldBytes > 0 else { continue }
      missing -= connection.heldBytes
      counters.value.bufferCuts += 1
      connection.cutForMemory()
    }
    if !relief.isPending { holders = [] }
    warn(
      "buffers hold \(limits.buffers.count) bytes of \(limits.buffers.limit): the slowest connections are cut"
    )
  }

  /// To close one that holds much takes half a millisecond, and there may be hundreds: others have their turns between.
  private static let nanosecondsPerRelief: UInt64 = 1_000_000

  private static let failureKindsMax = 32

  func countHandshakeFailure(_ why: String) {
    let isKnown = counters.value.handshakeFailures[why] != nil
    // There are not so many; but nothing a client does makes this grow.
    let hasRoom = counters.value.handshakeFailures.count < ProxyContext.failureKindsMax
    counters.value.handshakeFailures[isKnown || hasRoom ? why : "other", default: 0] += 1
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
    securedListeners = []
    acceptRetry.cancel()
  }

  private func closeUpstreams() {
    cache?.close()
    watch?.close()
    watch = nil
    relief.cancel()
    holders = []
    probe.close()
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
