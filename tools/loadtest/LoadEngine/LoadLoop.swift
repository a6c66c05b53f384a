internal import Base
internal import Reactor

/// One thread's share of a load test.
final class LoadLoop {
  enum Command: Sendable {
    /// Requests begin at that nanosecond.
    case begin(UInt64)
    /// The test ends now; what is under way is left.
    case stop
  }

  enum Event: Sendable {
    /// The connections are open, as far as they could be.
    case ready(connected: Int, error: UVError?, tls: String?)
    case slot(Slot)
    case ended(Totals)
    /// The loop could not be made.
    case broken(UVError)
  }

  let plan: LoadPlan
  let eventLoop: EventLoop
  let context: AnswerContext
  let templates: [RequestTemplate]
  let totals = Confined(Totals())
  private let slot = Confined(Slot())
  private let sites: [Site]
  private let cycle: [Int]
  private let thread: Int
  private let connections: Int
  private let report: (Event) -> Void
  private let expected: [Bool]

  private var idle: [WireRing] = []
  /// All of them, whatever they do.
  private var wires: [Wire] = []
  /// Wires whose connection has gone after lingering, by site.
  private var spare: [[Wire]] = []
  private var cycleIndex = 0
  private var inFlight = 0
  private var awaitedConnects = 0
  private var connected = 0

  /// Why the last connect failed.
  var lastConnectError: UVError?
  /// Why a connection could not be secured.
  var lastTLSFailure: String?

  private var schedule: Schedule?
  private var precisionTimer: PrecisionTimer?
  /// Every request that was due had to wait for a connection.
  private var isStarved = false
  private var tick: RepeatingTimer?
  private var startsAt = UInt64.max
  /// Requests count from here on.
  private var recordsFrom = UInt64.max
  private var endsAt = UInt64.max
  /// What has not started by then does not start.
  private var givesUpAt = UInt64.max
  private static let graceNanoseconds: UInt64 = 1_000_000_000
  private var slotEndsAt = UInt64.max
  /// Requests that may still be begun.
  private var quota = Int.max
  private var isRunning = false
  private var isDispatching = false
  private(set) var hasEnded = false

  /// - Parameter report: told what happens, on the loop's thread.
  init(
    _ plan: LoadPlan, sites: [Site], siteOfTarget: [Int], thread: Int, on loop: EventLoop,
    _ report: @escaping (Event) -> Void
  ) {
    self.plan = plan
    self.sites = sites
    self.thread = thread
    self.report = report
    eventLoop = loop
    context = AnswerContext(spreadField: plan.spreadField)
    templates = zip(plan.targets, siteOfTarget).map { RequestTemplate($0, siteIndex: $1) }
    cycle = plan.cycle
    // Threads begin at different places of the cycle, or short cycles would march in step.
    cycleIndex = cycle.count * thread / plan.threads
    connections = LoadLoop.share(plan.connections, thread, plan.threads)
    expected = (0..<1000).map {
      plan.expectedStatuses.isEmpty ? $0 < 500 : plan.expectedStatuses.contains($0)
    }
  }

  /// An even share of a whole number.
  private static func share(_ whole: Int, _ part: Int, _ parts: Int) -> Int {
    whole / parts + (part < whole % parts ? 1 : 0)
  }

  func isExpected(_ status: Int) -> Bool { expected[status] }

  /// The deadline of a request that begins now.
  var requestDeadline: Instant { eventLoop.now.advanced(by: plan.timeout) }

  // MARK: Beginning

  /// Opens the connections, where they are to be kept.
  func prepare() {
    tick = RepeatingTimer(every: Interval(milliseconds: 20), on: eventLoop) { [unowned self] in ticked() }
    for site in sites {
      var ring = WireRing()
      for number in 0..<connections {
        ring.append(makeWire(to: site, number: number))
      }
      idle.append(ring)
      spare.append([])
    }
    guard plan.keepsAlive else { return report(.ready(connected: 0, error: nil, tls: nil)) }
    // Each site's share: more are opened when needed.
    var ahead: [Wire] = []
    for index in sites.indices {
      for _ in 0..<LoadLoop.share(connections, index, sites.count) {
        if let wire = idle[index].takeFirst() { ahead.append(wire) }
      }
    }
    awaitedConnects = ahead.count
    if ahead.isEmpty { report(.ready(connected: 0, error: nil, tls: nil)) }
    for wire in ahead { wire.connectAhead() }
  }

  private func makeWire(to site: Site, number: Int) -> Wire {
    let wire = Wire(to: site, number: number, on: self)
    wire.registryIndex = wires.count
    wires.append(wire)
    return wire
  }

  func wireIsReady(_ wire: Wire, isConnected: Bool) {
    idle[siteIndex(of: wire)].append(wire)
    awaitedConnects -= 1
    if isConnected { connected += 1 }
    if awaitedConnects == 0 {
      report(.ready(connected: connected, error: lastConnectError, tls: lastTLSFailure))
    }
    if isRunning { proceed() }
  }

  func begin(at start: UInt64) {
    guard !isRunning, !hasEnded else { return }
    isRunning = true
    recordsFrom = start + plan.warmup.milliseconds * 1_000_000
    slotEndsAt = recordsFrom + Slot.nanoseconds
    if let duration = plan.duration { endsAt = recordsFrom + duration.milliseconds * 1_000_000 }
    if endsAt < .max { givesUpAt = endsAt + LoadLoop.graceNanoseconds }
    if let requests = plan.requests { quota = LoadLoop.share(requests, thread, plan.threads) }
    if let rate = plan.rate {
      schedule = Schedule(from: start, rate: rate, thread: thread, of: plan.threads)
    }
    startsAt = start
    do throws(UVError) {
      precisionTimer = try PrecisionTimer(on: eventLoop) { [unowned self] in proceed() }
      precisionTimer?.set(nanoseconds: start)
    } catch {
      // No descriptor: requests start by the tick, up to 20 ms late, and the report shows it.
    }
  }

  /// Begins what is due by now.
  private func proceed() {
    if schedule != nil { return dispatch() }
    precisionTimer?.stop()
    startFree()
  }

  /// Closed loop: as many requests as connections.
  private func startFree() {
    let now = EventLoop.nanoseconds
    while inFlight < connections, mayStart(now) {
      guard startNext(at: now) else { return }
    }
  }

  private func mayStart(_ now: UInt64) -> Bool {
    isRunning && now >= startsAt && now < endsAt && quota > 0
  }

  /// Begins the next request of the cycle on a wire that is free. `false` when its site has none.
  private func startNext(at due: UInt64, on wire: Wire? = nil) -> Bool {
    let template = templates[cycle[cycleIndex]]
    let index = template.siteIndex
    let chosen: Wire
    if let wire, siteIndex(of: wire) == index {
      chosen = wire
    } else {
      if let wire { idle[siteIndex(of: wire)].append(wire) }
      guard let free = idle[index].takeFirst() else { return false }
      chosen = free
    }
    cycleIndex += 1
    if cycleIndex == cycle.count { cycleIndex = 0 }
    inFlight += 1
    if due >= recordsFrom {
      totals.value.bytesSent += template.byteCount
      quota -= 1
    }
    chosen.begin(template, at: due)
    return true
  }

  private func siteIndex(of wire: Wire) -> Int {
    if sites.count == 1 { return 0 }
    return sites.firstIndex { $0.host == wire.site.host && $0.port == wire.site.port } ?? 0
  }

  // MARK: Open loop

  /// Begins what is due.
  private func dispatch() {
    // A request that fails at once frees its wire within this very call.
    guard isRunning, !isDispatching, var schedule else { return }
    isDispatching = true
    defer { isDispatching = false }
    var now = EventLoop.nanoseconds
    // What was due in time may start a little after the end, where a connection is free by then.
    while quota > 0, schedule.due <= now, schedule.due < endsAt, now < givesUpAt {
      let due = schedule.due
      guard inFlight < connections, startNext(at: due) else {
        isStarved = true
        self.schedule = schedule
        precisionTimer?.stop()
        return
      }
      if due >= recordsFrom {
        if isStarved {
          totals.value.waited += 1
        } else {
          totals.value.lateness.record(nanoseconds: now - due)
        }
      }
      schedule.advance()
      now = EventLoop.nanoseconds
    }
    if schedule.due > now { isStarved = false }
    self.schedule = schedule
    if quota > 0, schedule.due < endsAt {
      precisionTimer?.set(nanoseconds: schedule.due)
    } else {
      precisionTimer?.stop()
    }
  }

  // MARK: What wires tell

  func countConnect() { totals.value.connects += 1 }

  func countSurplus() {
    guard isRunning, EventLoop.nanoseconds >= recordsFrom else { return }
    totals.value.failures[Failure.surplus.rawValue] += 1
    slot.value.failed += 1
  }

  func finished(
    _ start: UInt64, _ now: UInt64, status: Int, backend: Int, cache: CacheWord, _ failure: Failure?
  ) {
    guard start >= recordsFrom else { return }
    if now >= slotEndsAt { rotate(now) }
    slot.value.latency.record(nanoseconds: now - start)
    slot.value.answered += 1
    totals.value.statuses[status] += 1
    totals.value.lastAnswerAt = now
    if now < endsAt { totals.value.answeredInTime += 1 }
    if backend >= 0 {
      while totals.value.backends.count <= backend { totals.value.backends.append(0) }
      totals.value.backends[backend] += 1
    }
    switch cache {
    case .unsaid: break
    case .hit: totals.value.cacheHits += 1
    case .miss: totals.value.cacheMisses += 1
    }
    if let failure { count(failure) }
  }

  func failed(_ start: UInt64, _ now: UInt64, _ failure: Failure) {
    guard start >= recordsFrom else { return }
    if now >= slotEndsAt { rotate(now) }
    // It took that long at least: leaving it out would make a server that hangs look fast.
    if failure == .timeout { slot.value.latency.record(nanoseconds: now - start) }
    count(failure)
  }

  private func count(_ failure: Failure) {
    totals.value.failures[failure.rawValue] += 1
    slot.value.failed += 1
  }

  /// A request is over and its wire can take the next.
  func wireIsFree(_ wire: Wire, at now: UInt64) {
    inFlight -= 1
    goOn(with: wire, now)
  }

  /// A request is over; its connection waits for the other side to close, and another wire takes its place.
  func wireLingers(_ wire: Wire, at now: UInt64) {
    inFlight -= 1
    goOn(with: spare[siteIndex(of: wire)].popLast() ?? makeWire(to: wire.site, number: wires.count), now)
  }

  func wireIsGone(_ wire: Wire) { if !hasEnded { spare[siteIndex(of: wire)].append(wire) } }

  private func goOn(with wire: Wire, _ now: UInt64) {
    guard !hasEnded else { return }
    if schedule == nil, mayStart(now) {
      if !startNext(at: now, on: wire) { startFree() }
      return
    }
    idle[siteIndex(of: wire)].append(wire)
    if schedule != nil { dispatch() }
    if inFlight == 0 { endIfDone(now) }
  }

  // MARK: Time

  private func ticked() {
    guard isRunning else { return }
    let now = EventLoop.nanoseconds
    if now >= slotEndsAt { rotate(now) }
    if precisionTimer == nil { proceed() }
    endIfDone(now)
  }

  /// Reports the slot that is over and begins the one of `now`.
  private func rotate(_ now: UInt64) {
    report(.slot(slot.value))
    let passed = 1 + (now - slotEndsAt) / Slot.nanoseconds
    var next = Slot()
    next.index = slot.value.index + Int(passed)
    slot.value = next
    slotEndsAt += passed * Slot.nanoseconds
  }

  private func endIfDone(_ now: UInt64) {
    guard isRunning, inFlight == 0, now >= endsAt || quota <= 0 else { return }
    end(now)
  }

  /// Ends the test at once. What is under way is not counted.
  func stop() { if !hasEnded { end(EventLoop.nanoseconds) } }

  private func end(_ now: UInt64) {
    if isRunning, var schedule, quota > 0 { countUnstarted(&schedule, now) }
    isRunning = false
    hasEnded = true
    report(.slot(slot.value))
    totals.value.backendNames = context.backends
    totals.value.connectError = lastConnectError
    report(.ended(totals.value))
    tick?.close()
    precisionTimer?.close()
    for wire in wires { wire.abandon() }
    // Wires hold this object.
    wires = []
    idle = []
    spare = []
    eventLoop.stop()
  }

  /// What was due and found no connection counts, with the time that it waited.
  private func countUnstarted(_ schedule: inout Schedule, _ now: UInt64) {
    let end = min(now, endsAt)
    var counted = 0
    while schedule.due < end, counted < quota {
      let due = schedule.due
      schedule.advance()
      guard due >= recordsFrom else { continue }
      counted += 1
      slot.value.latency.record(nanoseconds: now - due)
      count(.unstarted)
    }
  }
}

/// Wires that are free, the longest first: so that all are used in turn.
struct WireRing {
  private var wires: [Wire] = []
  private var first = 0

  mutating func append(_ wire: Wire) {
    if first == wires.count {
      wires.removeAll(keepingCapacity: true)
      first = 0
    } else if first > 1024, first * 2 > wires.count {
      wires.removeFirst(first)
      first = 0
    }
    wires.append(wire)
  }

  mutating func takeFirst() -> Wire? {
    guard first < wires.count else { return nil }
    defer { first += 1 }
    return wires[first]
  }
}
