public import Base
internal import Digest
public import Reactor
internal import Synchronization
public import TLS

/// Keeps the list of one upstream's endpoints true: looks names up, checks each address, hears what
/// requests find, and publishes a new list whenever something changes. On loop 0.
public final class EndpointDirectory {
  private final class Member {
    let endpoint: Endpoint
    /// What a cookie calls it, where the balance asks for that.
    let token: [UInt8]?
    var machine: HealthMachine
    var check: ActiveCheck?
    var hasBeenChecked = false
    /// Why it is in the condition it is in.
    var reason = ""
    var ejections: UInt64 = 0
    let addedAt: Instant

    init(_ endpoint: Endpoint, _ token: [UInt8]?, _ machine: HealthMachine, at now: Instant) {
      self.endpoint = endpoint
      self.token = token
      self.machine = machine
      addedAt = now
    }
  }

  /// What an operator should hear.
  public enum Event: Sendable {
    case info(String)
    case warning(String)
  }

  /// One endpoint as the directory sees it.
  public struct Status: Sendable {
    public let endpoint: Endpoint
    public let condition: EndpointCondition
    public let reason: String
    /// How long it has been so.
    public let unchanged: Interval
    public let ejections: UInt64
  }

  private static let nextID = Atomic<Int>(0)
  /// How often ejections and slow starts are looked at, while there are any.
  private static let tick = Interval(milliseconds: 500)
  /// An endpoint that did not take traffic yet is checked more often for that long.
  private static let startingTime = Interval.seconds(30)
  /// The start waits for the first answers of all for so long, and for any at most so often that long.
  private static let startTick = Interval(milliseconds: 500)
  private static let startTicksMax = 5
  /// Lists that follow each other more closely than that become one: many endpoints may change at once.
  private static let publishInterval = Interval(milliseconds: 20)

  public let index: Int
  public let name: String
  private let settings: UpstreamSettings
  private let loop: EventLoop
  private let publish: (EndpointSet) -> Void
  private let report: (Event) -> Void
  private var book: AddressBook
  private var members: [Member] = []
  private let cursor = TurnCursor()
  private var tickTimer: RepeatingTimer?
  private var resolveTimer: RepeatingTimer?
  private var startTimer: RepeatingTimer?
  private var onStarted: (() -> Void)?
  private var startTicks = 0
  private let publishing = Delay()
  private var publishedAt: Instant?
  private var unresolved: [Int: String] = [:]
  private var lookups: Set<Int> = []
  private var everResolved: Set<Int> = []
  private var isClosed = false
  private var wasPanicking = false
  private var hadUsable = true
  private let stickyKey: [UInt8]
  /// How connections to each origin are secured; `nil` for plain ones.
  private let clients: [TLSClient?]
  /// Of endpoints that are no longer on the list.
  public private(set) var goneEjections: UInt64 = 0
  /// The list in force.
  public private(set) var current: EndpointSet

  /// - Parameters:
  ///   - publish: given each new list; not called before `start`.
  ///   - report: told of each change of an endpoint, never of each check.
  public init(
    index: Int = 0, name: String = "default", _ settings: UpstreamSettings, on loop: EventLoop,
    publish: @escaping (EndpointSet) -> Void, report: @escaping (Event) -> Void
  ) throws(TLSError) {
    clients = try EndpointDirectory.clients(settings)
    self.index = index
    self.name = name
    self.settings = settings
    self.loop = loop
    self.publish = publish
    self.report = report
    book = AddressBook(settings.origins)
    stickyKey = StickyToken.key(settings)
    current = EndpointSet([], balance: settings.balance, cursor: cursor)
  }

  private static func clients(_ settings: UpstreamSettings) throws(TLSError) -> [TLSClient?] {
    var clients: [TLSClient?] = []
    for origin in settings.origins {
      guard let security = origin.security, case .host(let host, _) = origin.location else {
        clients.append(nil)
        continue
      }
      let name = security.serverName ?? host
      clients.append(
        try TLSClient(
          name: name, isAddress: IPAddress(name) != nil, verifies: security.verifies,
          authorities: settings.authorities))
    }
    return clients
  }

  // MARK: Starting and ending

  /// Looks every name up and checks every address at once. `onStarted` is called when the first answers
  /// are in, or soon after: a dead resolver or origin does not stop the start.
  public func start(_ onStarted: @escaping () -> Void) {
    self.onStarted = onStarted
    startTimer = RepeatingTimer(every: EndpointDirectory.startTick, on: loop) { [unowned self] in
      startTicks += 1
      let isServing = members.contains { $0.machine.condition == .available }
      if isServing || startTicks >= EndpointDirectory.startTicksMax { started() }
    }
    apply(book.begin())
    resolveAll()
    if !book.names.isEmpty {
      resolveTimer = RepeatingTimer(every: settings.resolveInterval, on: loop) { [unowned self] in
        resolveAll()
      }
      resolveTimer?.unreference()
    }
    startIfKnown()
  }

  private func startIfKnown() {
    guard onStarted != nil else { return }
    let isResolved = book.names.allSatisfy { everResolved.contains($0.index) || unresolved[$0.index] != nil }
    guard isResolved, members.allSatisfy({ $0.hasBeenChecked || $0.check == nil }) else { return }
    started()
  }

  private func started() {
    startTimer?.close()
    startTimer = nil
    guard let action = onStarted else { return }
    onStarted = nil
    // Told below in other words.
    hadUsable = members.contains { $0.machine.condition == .available }
    refresh()
    if !members.isEmpty, current.usable.isEmpty {
      report(.warning("\(label)no endpoint is healthy yet; starting all the same"))
    }
    action()
  }

  public func close() {
    isClosed = true
    for member in members { member.check?.close() }
    members = []
    for timer in [tickTimer, resolveTimer, startTimer] { timer?.close() }
    publishing.cancel()
    (tickTimer, resolveTimer, startTimer, onStarted) = (nil, nil, nil, nil)
  }

  /// Whether the system's resolver is at work, which nobody can hurry.
  public var isLookingUp: Bool { !lookups.isEmpty }

  /// Looks every name up now.
  public func resolveNow() { resolveAll() }

  // MARK: Names

  private func resolveAll() {
    // One look-up of a name at a time: a resolver that hangs is not asked more and more.
    for (index, host, port) in book.names where !lookups.contains(index) {
      lookups.insert(index)
      Resolver.resolve(host, port: port, on: loop) { [self] result in
        lookups.remove(index)
        guard !isClosed else { return }
        resolved(index, host, result)
      }
    }
  }

  private func resolved(_ index: Int, _ host: String, _ result: Result<[SocketAddress], UVError>) {
    let problem: String? =
      switch result {
      case .success(let addresses): addresses.isEmpty ? "no address" : nil
      case .failure(let error): "\(error)"
      }
    if let problem {
      if unresolved[index] == nil {
        let kept = everResolved.contains(index) ? "; its last addresses stay" : ""
        report(.warning("\(label)cannot resolve \(host): \(problem)\(kept)"))
      }
      unresolved[index] = "cannot resolve \(host): \(problem)"
    } else {
      if unresolved.removeValue(forKey: index) != nil { report(.info("\(label)\(host) resolves again")) }
      everResolved.insert(index)
      if case .success(let addresses) = result { apply(book.resolved(index, to: addresses)) }
    }
    startIfKnown()
  }

  private func apply(_ difference: AddressBook.Difference) {
    guard !difference.isEmpty else { return }
    for address in difference.vanished {
      guard let at = members.firstIndex(where: { $0.endpoint.address == address }) else { continue }
      members[at].check?.close()
      goneEjections += members[at].ejections
      report(.info("endpoint \(members[at].endpoint.name) is gone from its name: draining"))
      members.remove(at: at)
    }
    for listing in difference.appeared { add(listing) }
    refresh()
  }

  private func add(_ listing: AddressBook.Listing) {
    let id = EndpointDirectory.nextID.wrappingAdd(1, ordering: .relaxed).oldValue
    let endpoint = Endpoint(
      id: id, address: listing.address, authority: listing.authority, weight: listing.weight,
      tls: clients[listing.origin])
    var rules = HealthMachine.Rules()
    rules.rise = settings.health.rise
    rules.fall = settings.health.fall
    rules.hasChecks = settings.health.check != .none
    let token = StickyToken.token(of: endpoint, settings, key: stickyKey)
    let member = Member(endpoint, token, HealthMachine(rules, at: loop.now), at: loop.now)
    members.append(member)
    if onStarted == nil { report(.info("endpoint \(endpoint.name) is new")) }
    guard rules.hasChecks else { return }
    let check = ActiveCheck(
      listing.address, authority: listing.authority, tls: endpoint.tls, settings.health, on: loop
    ) { [unowned self, unowned member] in checked(member, $0) }
    member.check = check
    check.checkNow()
  }

  // MARK: Health

  private func checked(_ member: Member, _ outcome: ActiveCheck.Outcome) {
    let isFirst = !member.hasBeenChecked
    member.hasBeenChecked = true
    switch outcome {
    case .passed: changed(member, member.machine.checkPassed(at: loop.now))
    case .failed(let reason): changed(member, member.machine.checkFailed(reason, at: loop.now))
    }
    if isFirst { startIfKnown() }
  }

  /// What requests on some loop say of an endpoint.
  public func received(_ finding: Finding) {
    guard let member = members.first(where: { $0.endpoint.id == finding.endpointID }) else { return }
    // A check now, so that a guess becomes a fact soon; and the list at once, for requests fail meanwhile.
    defer {
      member.check?.checkNow()
      publishPending()
    }
    let condemnable = members.filter { !$0.machine.isUnhealthy }
    let ejected = condemnable.count { $0.machine.condition == .ejected }
    guard (ejected + 1) * 2 <= condemnable.count else { return }
    let cause: HealthMachine.EjectionCause = finding.kind == .connectFailed ? .connectFailed : .requestsFailed
    changed(member, member.machine.eject(finding.reason, cause, at: loop.now))
  }

  private func changed(_ member: Member, _ change: HealthMachine.Change?) {
    guard let change, !isClosed else { return }
    let name = member.endpoint.name
    switch change {
    case .admitted:
      member.reason = ""
      if onStarted == nil { report(.info("endpoint \(name) available")) }
    case .unhealthy(let reason):
      member.reason = reason
      report(.warning("endpoint \(name) unhealthy: \(reason)"))
    case .ejected(let reason, let length):
      member.reason = reason
      member.ejections += 1
      report(.warning("endpoint \(name) ejected for \(length.milliseconds / 1000) s: \(reason)"))
    case .returned(let gone):
      member.reason = ""
      let tenths = (gone.milliseconds + 50) / 100
      report(.info("endpoint \(name) available again after \(tenths / 10).\(tenths % 10) s"))
    }
    refresh()
  }

  // MARK: Publishing

  /// Makes the list anew and publishes it, at once or, after one that was just published, very soon.
  private func refresh() {
    // Before the start nobody reads it.
    guard !isClosed, onStarted == nil, !publishing.isPending else { return }
    if let publishedAt, loop.now.since(publishedAt) < EndpointDirectory.publishInterval {
      publishing.start(after: EndpointDirectory.publishInterval, on: loop, holdsLoop: true) {
        [unowned self] in
        publishNow()
      }
      return
    }
    publishNow()
  }

  private func publishPending() {
    guard publishing.isPending else { return }
    publishing.cancel()
    publishNow()
  }

  private func publishNow() {
    let now = loop.now
    publishedAt = now
    let entries = members.map { member in
      EndpointSet.Entry(
        member.endpoint, member.machine.condition,
        share: member.endpoint.weight * SlowStart.share(returnedAt: member.machine.returnedAt, now: now))
    }
    if !current.hasSameEntries(as: entries) {
      let tokens = members.compactMap(\.token)
      current = EndpointSet(entries, balance: settings.balance, tokens: tokens, cursor: cursor)
      reportAvailability()
      publish(current)
    }
    for member in members {
      // What is starting is looked for often, for a while.
      let isStarting =
        !member.machine.wasAdmitted && now.since(member.addedAt) < EndpointDirectory.startingTime
      member.check?.isUrgent = current.usable.isEmpty || isStarting
    }
    let needsTick = members.contains {
      $0.machine.condition == .ejected || !$0.machine.wasAdmitted && $0.check?.isUrgent == true
        || SlowStart.share(returnedAt: $0.machine.returnedAt, now: now) < SlowStart.whole
    }
    setTick(needsTick)
  }

  private func reportAvailability() {
    if current.isPanicking != wasPanicking {
      wasPanicking = current.isPanicking
      if wasPanicking { report(.warning("\(label)too few endpoints are left: ejected ones are used too")) }
    }
    let hasUsable = !current.usable.isEmpty
    if hasUsable != hadUsable {
      hadUsable = hasUsable
      report(
        hasUsable
          ? .info("\(label)endpoints are available again") : .warning("\(label)no endpoint is available"))
    }
  }

  private func setTick(_ isNeeded: Bool) {
    if isNeeded, tickTimer == nil {
      tickTimer = RepeatingTimer(every: EndpointDirectory.tick, on: loop) { [unowned self] in ticked() }
      tickTimer?.unreference()
    } else if !isNeeded {
      tickTimer?.close()
      tickTimer = nil
    }
  }

  private func ticked() {
    for member in members { changed(member, member.machine.timePassed(loop.now)) }
    refresh()
  }

  /// For lines that speak of the upstream: nothing where there is only one.
  private var label: String { name == "default" ? "" : "upstream \(name): " }

  // MARK: Status

  /// Why requests cannot be served; `nil` where they can.
  public var problem: String? {
    if !current.usable.isEmpty { return nil }
    if let reason = unresolved.sorted(by: { $0.key < $1.key }).first?.value, members.isEmpty { return reason }
    return members.isEmpty ? "no endpoint is known yet" : "no endpoint is available"
  }

  public var statuses: [Status] {
    members.map {
      Status(
        endpoint: $0.endpoint, condition: $0.machine.condition, reason: $0.reason,
        unchanged: loop.now.since($0.machine.changedAt), ejections: $0.ejections)
    }
  }
}
