internal import Base
internal import Observe
public import Reactor

/// By what a request is told apart, where the balance asks for it.
public enum BalanceKey {
  case none
  case hash(UInt64)
  /// The token of a cookie of ours.
  case token([UInt8])
}

/// An upstream as one loop uses it: the shared list of endpoints, this loop's connections to them, and
/// what it counted.
public final class Upstream {
  public let index: Int
  public let name: String
  public let settings: UpstreamSettings
  /// Whether endpoints are taken in turn, whatever the request.
  public let isRoundRobin: Bool
  public private(set) var set: EndpointSet
  /// One for each entry of `set`, at the same index.
  private var locals: ContiguousArray<LocalEndpoint>
  /// No longer on the list, with exchanges under way.
  private var draining: ContiguousArray<LocalEndpoint> = []
  /// What endpoints had counted that are gone.
  private var gone = EndpointCounters()
  private let loop: EventLoop
  private let measuresLatency: Bool
  private let budget: Confined<RetryBudget>
  private let report: (Finding) -> Void
  private var random: RandomChoice
  private var isClosed = false
  /// Called when endpoints came, went or changed.
  public var onChange: () -> Void = {}

  /// - Parameters:
  ///   - index: its place among the upstreams of the process.
  ///   - report: told what requests say of endpoints, not more than once a change.
  public init(
    index: Int = 0, name: String = "default", _ set: EndpointSet, settings: UpstreamSettings,
    workers: Int = 1,
    on loop: EventLoop, report: @escaping (Finding) -> Void = { _ in }
  ) {
    self.index = index
    self.name = name
    self.set = set
    self.settings = settings
    self.loop = loop
    self.report = report
    isRoundRobin = settings.balance == .roundRobin
    measuresLatency = settings.balance == .twoChoices
    random = RandomChoice(seed: UInt64.random(in: .min ... .max))
    budget = Confined(RetryBudget(workers: workers, at: loop.now))
    locals = []
    for entry in set.entries { locals.append(LocalEndpoint(entry.endpoint, on: loop, settings: settings)) }
  }

  // MARK: The list

  /// Takes the place of the list in force. Connections to what is no longer on it are closed as soon as
  /// their exchanges are done.
  public func apply(_ set: EndpointSet) {
    let old = locals
    var next: ContiguousArray<LocalEndpoint> = []
    for entry in set.entries {
      let known = old.first { $0.endpoint === entry.endpoint }
      next.append(known ?? LocalEndpoint(entry.endpoint, on: loop, settings: settings))
      next[next.count - 1].hasReported = false
    }
    for local in old where !next.contains(where: { $0 === local }) {
      local.pool.close()
      draining.append(local)
    }
    forgetDrained()
    self.set = set
    locals = next
    if isClosed { close() }
    onChange()
  }

  private func forgetDrained() {
    for local in draining where local.inFlight == 0 { gone.add(local.counters.value) }
    draining.removeAll { $0.inFlight == 0 }
  }

  /// The name by which a request goes that has no endpoint yet.
  public var authority: String { settings.origins.first?.authority ?? "localhost" }

  // MARK: Choosing

  /// The endpoint for the next request. `nil` where none is usable.
  @inline(__always) public func select(_ key: BalanceKey = .none) -> LocalEndpoint? {
    budget.value.requestBegan()
    if isRoundRobin, settings.inFlightMax == 0 {
      guard let index = set.next() else { return nil }
      return locals[index]
    }
    return select(key, excluding: [])
  }

  /// The endpoint for another try. `nil` where all usable ones are in `tried`, a list of ids.
  ///
  /// Where requests under way are limited, a place is taken: `began` must follow.
  public func select(_ key: BalanceKey, excluding tried: [Int]) -> LocalEndpoint? {
    guard settings.inFlightMax > 0 else { return choose(key, excluding: tried) }
    var passed = tried
    for local in locals where local.endpoint.isFull(settings.inFlightMax) { passed.append(local.endpoint.id) }
    while let local = choose(key, excluding: passed) {
      if local.endpoint.take(of: settings.inFlightMax) {
        local.reserved += 1
        return local
      }
      // Another loop was quicker.
      passed.append(local.endpoint.id)
    }
    return nil
  }

  /// Whether any endpoint is usable that is not in `tried`, and has a place.
  public func hasOther(excluding tried: [Int]) -> Bool {
    set.usable.contains { index in
      let endpoint = locals[index].endpoint
      return !tried.contains(endpoint.id)
        && (settings.inFlightMax == 0 || !endpoint.isFull(settings.inFlightMax))
    }
  }

  /// There are endpoints, and all of them have as much to do as they may.
  public var isFull: Bool {
    settings.inFlightMax > 0 && set.usable.contains { locals[$0].endpoint.isFull(settings.inFlightMax) }
  }

  private func choose(_ key: BalanceKey, excluding tried: [Int]) -> LocalEndpoint? {
    switch settings.balance {
    case .roundRobin: break
    case .leastRequests: return least(excluding: tried)
    case .twoChoices: return betterOfTwo(excluding: tried)
    case .hashIP, .hashURI, .hashField:
      if case .hash(let hash) = key, let index = find(hash, excluding: tried) { return locals[index] }
    case .sticky:
      if case .token(let token) = key, let index = set.tokens.firstIndex(of: token),
        set.usable.contains(index),
        !tried.contains(locals[index].endpoint.id)
      {
        return locals[index]
      }
    }
    return set.next(excluding: tried).map { locals[$0] }
  }

  /// Further places of the table for a key whose own endpoint was tried.
  private func find(_ hash: UInt64, excluding tried: [Int]) -> Int? {
    var hash = hash
    for _ in 0..<(tried.isEmpty ? 1 : 64) {
      guard let index = set.table?.find(hash) else { return nil }
      if !tried.contains(locals[index].endpoint.id) { return index }
      hash = KeyHash.mix(hash)
    }
    return nil
  }

  /// The fewest requests under way, by weight; among equals the one whose turn it is.
  private func least(excluding tried: [Int]) -> LocalEndpoint? {
    guard var best = set.next(excluding: tried) else { return nil }
    var bestCost = cost(best)
    for index in set.usable where !tried.contains(locals[index].endpoint.id) {
      let cost = cost(index)
      if cost < bestCost { (best, bestCost) = (index, cost) }
    }
    return locals[best]
  }

  private func cost(_ index: Int) -> Double {
    Double(locals[index].inFlight) / Double(set.entries[index].share)
  }

  private func betterOfTwo(excluding tried: [Int]) -> LocalEndpoint? {
    let now = EventLoop.nanoseconds
    let usable = set.usable
    guard usable.count > 2, tried.isEmpty else {
      let open = usable.filter { !tried.contains(locals[$0].endpoint.id) }
      return open.min { latencyCost($0, now) < latencyCost($1, now) }.map { locals[$0] }
    }
    let first = random.next(below: usable.count)
    // Another one than the first, each of the others as likely.
    let second = (first + 1 + random.next(below: usable.count - 1)) % usable.count
    let (one, two) = (usable[first], usable[second])
    return locals[latencyCost(two, now) < latencyCost(one, now) ? two : one]
  }

  private func latencyCost(_ index: Int, _ now: UInt64) -> Double {
    locals[index].latency.value.cost(
      inFlight: locals[index].inFlight, weight: set.entries[index].share, at: now)
  }

  /// Whether `token` leads to an endpoint that can be used.
  public func knows(_ token: [UInt8]) -> Bool {
    set.tokens.firstIndex(of: token).map { set.usable.contains($0) } ?? false
  }

  /// The `Set-Cookie` line that leads back to `local`; `nil` where cookies are not used.
  public func cookieLine(of local: LocalEndpoint) -> [UInt8]? {
    guard case .sticky(let name) = settings.balance, let index = locals.firstIndex(where: { $0 === local }),
      index < set.tokens.count
    else { return nil }
    let token = String(decoding: set.tokens[index], as: UTF8.self)
    return Array("Set-Cookie: \(name)=\(token); Path=/; HttpOnly; SameSite=Lax\r\n".utf8)
  }

  // MARK: What became of requests

  /// An exchange turns to `local`.
  @inline(__always) public func began(_ local: LocalEndpoint) {
    local.counters.value.inFlight += 1
    if settings.inFlightMax > 0 {
      // A request that is sent again goes where it was, full or not.
      if local.reserved > 0 { local.reserved -= 1 } else { local.endpoint.takeAnyway() }
    }
  }

  /// An exchange on `local` is over.
  /// - Parameters:
  ///   - status: 0 where no answer came.
  ///   - nanoseconds: from the choice of the endpoint to the end; 0 where that says nothing.
  ///   - failure: what speaks against it although it answered.
  public func finished(
    _ local: LocalEndpoint, status: Int, nanoseconds: UInt64, at now: UInt64, failure: StaticString? = nil
  ) {
    local.counters.value.inFlight -= 1
    if settings.inFlightMax > 0 { local.endpoint.giveBack() }
    local.counters.value.responses[min(5, status / 100)] += 1
    if status > 0, nanoseconds > 0 { local.counters.value.latency.add(microseconds: nanoseconds / 1000) }
    if measuresLatency, status > 0, nanoseconds > 0 { local.latency.value.add(nanoseconds, at: now) }
    // What a gateway says when what is behind it is gone or overloaded (RFC 9110 §15.6.3 to §15.6.5).
    if let failure {
      failed(local, "\(failure)")
    } else if (502...504).contains(status) {
      failed(local, "status \(status)")
    } else if status > 0 {
      local.succeeded()
    }
    if !draining.isEmpty { forgetDrained() }
  }

  /// A connect failed.
  public func connectFailed(_ local: LocalEndpoint, _ reason: String) {
    local.counters.value.connectFailures += 1
    post(local, .connectFailed, reason)
  }

  /// A connection broke before the answer, the answer did not come in time, or it was malformed.
  public func failed(_ local: LocalEndpoint, _ reason: @autoclosure () -> String) {
    local.counters.value.failures += 1
    if local.failed() { post(local, .requestsFailed, reason()) }
  }

  private func post(_ local: LocalEndpoint, _ kind: Finding.Kind, _ reason: String) {
    guard !local.hasReported else { return }
    local.hasReported = true
    report(Finding(upstream: index, endpointID: local.endpoint.id, kind: kind, reason: reason))
  }

  /// Whether one more request may be sent again.
  public func takeRetry() -> Bool { budget.value.take(at: loop.now) }

  // MARK: Connections

  /// Frees a descriptor by closing an idle connection, wherever there is one.
  public func dropIdleConnection() -> Bool {
    for local in locals where local.pool.dropOldest() { return true }
    return false
  }

  /// Closes idle connections now and leased ones when they are given back.
  public func close() {
    isClosed = true
    for local in locals { local.pool.close() }
  }

  // MARK: Counters

  /// What was counted, by endpoint, and for those that are gone.
  public func snapshot() -> UpstreamSnapshot {
    UpstreamSnapshot(
      index: index,
      endpoints: (locals + draining).map { local in
        var counters = local.counters.value
        counters.idleConnections = local.pool.idleCount
        counters.averageNanoseconds = local.latency.value.nanoseconds
        return (local.endpoint, counters)
      }, gone: gone)
  }
}

/// One loop's counters of one upstream at one moment.
public struct UpstreamSnapshot: Sendable {
  public let index: Int
  public let endpoints: [(endpoint: Endpoint, counters: EndpointCounters)]
  public let gone: EndpointCounters
}

/// Random indices, quick and good enough to spread load: xorshift64*, Vigna 2016.
struct RandomChoice {
  private var state: UInt64

  init(seed: UInt64) { state = seed | 1 }

  mutating func next(below bound: Int) -> Int {
    state ^= state >> 12
    state ^= state << 25
    state ^= state >> 27
    let high = (state &* 0x2545_F491_4F6C_DD1D) >> 32
    return Int((high * UInt64(bound)) >> 32)
  }
}
