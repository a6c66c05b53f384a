internal import Base
internal import CAllocationCount
internal import HTTP1
internal import RateLimit

/// Whether a client may ask once more, from its address on: what the rate limit costs each request.
final class LimiterAsking: Benchmark {
  let name: String
  /// Some clients each within its limit, or one far beyond.
  private let clients: [IPAddress]
  private let limiter: RateLimiter
  /// Whose turn it is, from run to run: each client has asked as often as every other.
  private var turn = 0
  private var now: UInt64 = 1_000_000_000
  private let nanosecondsPerStep: UInt64

  /// - Parameter clients: how many ask in turn; each asks a tenth of what it may, or with one ten times as often.
  init(_ name: String, clients count: Int, rule: RateLimitRule) {
    self.name = name
    clients = (0..<count).map { IPAddress(v4: 0x0A00_0000 + UInt32($0) &* 7919) }
    limiter = RateLimiter(rule, bytesMax: 32 << 20)
    let perRequest = rule.window.milliseconds * 1_000_000 / UInt64(rule.count)
    nanosecondsPerStep = count == 1 ? perRequest / 10 : perRequest * 10 / UInt64(count)
  }

  func check() throws(CheckFailure) {
    let rule = limiter.rule
    let limiter = RateLimiter(rule, bytesMax: 32 << 20)
    var passed = 0
    for _ in 0..<(rule.count + 5) where limiter.admit(ClientKey(clients[0]), at: now).isAllowed {
      passed += 1
    }
    try CheckFailure.require(passed == rule.count, "\(passed) passed of \(rule.count)")
    _ = run(2 * clients.count)
  }

  func run(_ steps: Int) -> Int {
    for _ in 0..<steps {
      newStep()
      now &+= nanosecondsPerStep
      _ = limiter.admit(ClientKey(clients[turn]), at: now)
      turn += 1
      if turn == clients.count { turn = 0 }
    }
    return steps
  }
}
