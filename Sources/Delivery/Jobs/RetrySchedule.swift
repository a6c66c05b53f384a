internal import Base

/// What one attempt came to.
enum AttemptResult: Equatable {
  case answered(JobResponse, retryAfter: Interval?)
  case failed(Failure)

  struct Failure: Equatable {
    enum Kind: Equatable {
      /// No address, no connection, no handshake; or a connection that broke.
      case connect
      case timeout
      /// Never to be tried: no such place is allowed.
      case refused
      /// The answer is no HTTP.
      case malformed
    }
    var kind: Kind
    /// Whether anything of the request may have reached the other side.
    var wasSent: Bool
    var reason: String
  }
}

/// What is done after an attempt.
enum NextStep: Equatable {
  case finish(JobState)
  case retry(after: Interval)
}

/// Decides by the result and by what the caller wants. Pure: chance comes from outside.
enum RetrySchedule {
  /// The pace of attempts that sent nothing, where the caller said nothing of retries.
  private static let unsentInitial = Interval.seconds(1)
  private static let unsentLongest = Interval.seconds(30)
  /// Longer than that nobody is waited for, whatever he asks (RFC 9110 §10.2.3 sets no bound).
  private static let retryAfterMax = Interval.seconds(24 * 3600)

  /// - Parameters:
  ///   - outcome: with this attempt in it.
  ///   - now: milliseconds since 1970.
  static func next(
    _ spec: JobSpec, _ outcome: JobOutcome, _ result: AttemptResult, now: Int64,
    using random: inout some RandomNumberGenerator
  ) -> NextStep {
    switch result {
    case .answered(let response, _) where response.status < 400: return .finish(.delivered)
    // Gone: whoever answers so wants no more of it.
    case .answered(let response, _) where response.status == 410: return .finish(.dead)
    case .failed(let failure) where failure.kind == .refused: return .finish(.dead)
    default: break
    }
    guard let policy = spec.retry else {
      return unsent(spec, outcome, result, now: now, using: &random)
    }
    guard outcome.attempts < policy.attemptsMax, policy.conditions.meets(result) else {
      return .finish(.dead)
    }
    let ceiling =
      policy.backoff == .fixed
      ? policy.initial : doubled(policy.initial, outcome.attempts - 1, longest: policy.longest)
    var wait = jittered(ceiling, using: &random)
    if case .answered(_, let retryAfter?) = result { wait = max(wait, min(retryAfter, retryAfterMax)) }
    return .retry(after: wait)
  }

  /// One attempt, as the original has it, but for those in which nothing was sent.
  private static func unsent(
    _ spec: JobSpec, _ outcome: JobOutcome, _ result: AttemptResult, now: Int64,
    using random: inout some RandomNumberGenerator
  ) -> NextStep {
    guard case .failed(let failure) = result, !failure.wasSent, failure.kind != .malformed,
      // The first since it was last replayed.
      let first = outcome.records.dropFirst(max(0, outcome.records.count - outcome.attempts)).first
    else { return .finish(.dead) }
    let left = first.startedAt + Int64(clamping: spec.timeToLive.milliseconds) - now
    guard left > 0 else { return .finish(.dead) }
    let ceiling = doubled(unsentInitial, outcome.attempts - 1, longest: unsentLongest)
    // The last try falls within the time that is left.
    let wait = min(jittered(ceiling, using: &random), Interval(milliseconds: UInt64(max(1, left - 1))))
    return .retry(after: wait)
  }

  private static func doubled(_ initial: Interval, _ times: Int, longest: Interval) -> Interval {
    var value = initial
    for _ in 0..<min(max(0, times), 40) where value < longest {
      value = Interval(milliseconds: value.milliseconds &* 2)
    }
    return min(value, longest)
  }

  /// Full jitter: anything up to the ceiling, so that many that failed together do not come back together. Never
  /// nothing.
  private static func jittered(_ ceiling: Interval, using random: inout some RandomNumberGenerator)
    -> Interval
  {
    Interval(milliseconds: UInt64.random(in: 0...ceiling.milliseconds, using: &random) + 1)
  }
}

extension RetryPolicy.Conditions {
  func meets(_ result: AttemptResult) -> Bool {
    switch result {
    case .answered(let response, _):
      if response.status == 429 { return contains(.tooManyRequests) }
      return response.status >= 500 && contains(.serverError)
    case .failed(let failure):
      switch failure.kind {
      case .connect: return contains(.connect)
      case .timeout: return contains(.timeout)
      case .refused, .malformed: return false
      }
    }
  }
}
