internal import Base

/// How many requests may be sent again: a fifth of all, and three a second, so that retries do not finish
/// off what is overloaded. One loop's share of it.
struct RetryBudget {
  /// Each request brings so much, each retry costs so much.
  private static let requestBrings = 2
  private static let retryCosts = 10
  /// A burst of that many retries at most.
  private static let retriesMax = 10_000

  private var balance: Int
  private let bringsPerSecond: Int
  private var filledAt: Instant

  /// - Parameter workers: loops that share the three a second.
  init(workers: Int, at now: Instant) {
    bringsPerSecond = max(1, 3 * RetryBudget.retryCosts / max(1, workers))
    balance = bringsPerSecond * 3
    filledAt = now
  }

  mutating func requestBegan() {
    if balance < RetryBudget.retriesMax * RetryBudget.retryCosts { balance += RetryBudget.requestBrings }
  }

  /// Takes one retry out. `false` when there is none left.
  mutating func take(at now: Instant) -> Bool {
    let passed = now.since(filledAt).milliseconds
    let earned = Int(min(passed, 60_000)) * bringsPerSecond / 1000
    if earned > 0 {
      balance = min(balance + earned, RetryBudget.retriesMax * RetryBudget.retryCosts)
      filledAt = now
    }
    guard balance >= RetryBudget.retryCosts else { return false }
    balance -= RetryBudget.retryCosts
    return true
  }
}
