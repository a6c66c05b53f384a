internal import Base

/// What active checks and the fate of requests make of one endpoint. No socket, no clock.
///
/// An ejection is a guess made from requests; it ends by itself. An endpoint is unhealthy by its checks,
/// and only checks make it healthy again.
struct HealthMachine {
  struct Rules {
    /// Checks in a row that make an endpoint available, or unhealthy.
    var rise = 2
    var fall = 2
    var hasChecks = true
    var firstEjection = Interval.seconds(10)
    var longestEjection = Interval.seconds(300)
  }

  /// What an operator should hear.
  enum Change: Equatable {
    /// Took its first traffic.
    case admitted
    case unhealthy(String)
    case ejected(String, Interval)
    /// Takes traffic again after that long.
    case returned(after: Interval)
  }

  enum EjectionCause { case connectFailed, requestsFailed }

  private let rules: Rules
  private(set) var condition: EndpointCondition
  /// When the condition last changed.
  private(set) var changedAt: Instant
  /// Since when it takes no traffic.
  private var lostAt: Instant
  /// Checks in a row: passed above zero, failed below.
  private var streak = 0
  private var ejectedUntil = Instant.never
  private var ejections = 0
  private var cause = EjectionCause.connectFailed
  /// Whether it ever took traffic.
  private(set) var wasAdmitted: Bool
  /// When it last came back, for the slow start; `nil` for one that never left.
  private(set) var returnedAt: Instant?

  init(_ rules: Rules, at now: Instant) {
    self.rules = rules
    condition = rules.hasChecks ? .unchecked : .available
    wasAdmitted = !rules.hasChecks
    changedAt = now
    lostAt = now
  }

  /// Whether it takes no traffic and would pass for dead.
  var isUnhealthy: Bool { condition == .unhealthy || condition == .unchecked }

  mutating func checkPassed(at now: Instant) -> Change? {
    streak = max(0, streak) + 1
    switch condition {
    // One is enough for what was not there yet when it was looked for, as for what is new.
    case .unchecked,
      .unhealthy where !wasAdmitted:
      wasAdmitted = true
      change(to: .available, at: now)
      return .admitted
    case .unhealthy where streak >= rules.rise: return comeBack(at: now)
    // That a connect works again, a check proves; what requests complained of, it does not.
    case .ejected where streak >= rules.rise && cause == .connectFailed: return comeBack(at: now)
    case .unhealthy, .ejected, .available, .draining: return nil
    }
  }

  mutating func checkFailed(_ reason: String, at now: Instant) -> Change? {
    streak = min(0, streak) - 1
    switch condition {
    case .unchecked:
      // One is enough to keep out what was never in.
      change(to: .unhealthy, at: now)
      return .unhealthy(reason)
    case .available where -streak >= rules.fall:
      lostAt = now
      change(to: .unhealthy, at: now)
      return .unhealthy(reason)
    case .ejected where -streak >= rules.fall:
      change(to: .unhealthy, at: now)
      return .unhealthy(reason)
    case .available, .ejected, .unhealthy, .draining: return nil
    }
  }

  /// Requests failed on it, and there are others.
  mutating func eject(_ reason: String, _ cause: EjectionCause, at now: Instant) -> Change? {
    guard condition == .available else { return nil }
    // Twice as long as before for one that did not stay a while.
    let hasStayed = returnedAt.map { now.since($0) >= rules.longestEjection } ?? true
    ejections = hasStayed ? 1 : ejections + 1
    var length = rules.firstEjection
    for _ in 1..<max(1, min(ejections, 16)) {
      length = min(rules.longestEjection, Interval(milliseconds: length.milliseconds * 2))
    }
    self.cause = cause
    streak = 0
    lostAt = now
    ejectedUntil = now.advanced(by: length)
    change(to: .ejected, at: now)
    return .ejected(reason, length)
  }

  /// To be asked now and then: ends an ejection whose time is over.
  mutating func timePassed(_ now: Instant) -> Change? {
    guard condition == .ejected, now >= ejectedUntil else { return nil }
    return comeBack(at: now)
  }

  private mutating func comeBack(at now: Instant) -> Change {
    let gone = now.since(lostAt)
    change(to: .available, at: now)
    returnedAt = now
    return .returned(after: gone)
  }

  private mutating func change(to condition: EndpointCondition, at now: Instant) {
    self.condition = condition
    changedAt = now
    streak = 0
  }
}

/// How much of its weight an endpoint gets after it came back: it may be cold.
enum SlowStart {
  static let length = Interval.seconds(10)
  /// Shares are counted in tenths.
  static let whole = 10

  /// Tenths of the weight, 1 to 10.
  static func share(returnedAt: Instant?, now: Instant) -> Int {
    guard let returnedAt else { return whole }
    let passed = now.since(returnedAt).milliseconds
    guard passed < length.milliseconds else { return whole }
    return max(1, Int(passed * UInt64(whole) / length.milliseconds))
  }
}
