internal import Base
internal import Synchronization

/// What the limit says to one request.
public struct RateDecision: Hashable, Sendable {
  public var isAllowed: Bool
  /// So many more would be let through at this moment.
  public var remaining: Int
  /// Until the oldest request that counts leaves the window, in milliseconds, rounded up: then there is room for
  /// one more at least.
  public var waitMilliseconds: Int

  /// In whole seconds, as `Retry-After` and `RateLimit` say it: never too early.
  public var waitSeconds: Int { (waitMilliseconds + 999) / 1000 }
}

/// Counts requests by client, for all loops together: exact, and within a fixed budget of memory.
///
/// Where more clients ask than the budget remembers, the one that was seen least lately is forgotten, and begins
/// anew if it comes back: a flood from millions of addresses costs memory no more than that, and whoever keeps
/// asking is remembered.
public final class RateLimiter: Sendable {
  /// What it counted and holds.
  public struct Statistics: Sendable {
    public var clients = 0
    public var bytes = 0
    public var bytesMax = 0
    public var evicted: UInt64 = 0
    public init() {}
  }

  private final class Locked: Sendable {
    let stripe: Mutex<LimiterStripe>
    init(_ terms: RequestLog.Terms, bytesMax: Int) {
      stripe = Mutex(LimiterStripe(terms, bytesMax: bytesMax))
    }
  }

  private static let stripeBits: UInt64 = 6

  public let rule: RateLimitRule
  private let stripes: [Locked]
  private let bytesMax: Int

  public init(_ rule: RateLimitRule, bytesMax: Int) {
    self.rule = rule
    self.bytesMax = bytesMax
    let terms = RequestLog.Terms(rule)
    let count = 1 << Int(RateLimiter.stripeBits)
    stripes = (0..<count).map { _ in Locked(terms, bytesMax: bytesMax / count) }
  }

  /// Asks for one request of `client`; it counts if it is let through.
  /// - Parameter nanoseconds: of a monotonic clock that all threads share.
  public func admit(_ client: ClientKey, at nanoseconds: UInt64) -> RateDecision {
    let now = RequestLog.Ticks(count: nanoseconds / RequestLog.Ticks.nanoseconds)
    let index = Int(client.hash >> (64 - RateLimiter.stripeBits))
    let found = stripes[index].stripe.withLock { $0.admit(client.hash, at: now) }
    let wait = (found.wait * RequestLog.Ticks.nanoseconds + 999_999) / 1_000_000
    return RateDecision(isAllowed: found.isAllowed, remaining: found.remaining, waitMilliseconds: Int(wait))
  }

  /// Forgets up to `limit` clients a stripe whose requests all lie behind the window.
  public func sweep(_ limit: Int, at nanoseconds: UInt64) {
    let now = RequestLog.Ticks(count: nanoseconds / RequestLog.Ticks.nanoseconds)
    for locked in stripes { locked.stripe.withLock { $0.sweep(limit, at: now) } }
  }

  public var statistics: Statistics {
    var sum = Statistics()
    sum.bytesMax = bytesMax
    for locked in stripes {
      locked.stripe.withLock { stripe in
        sum.clients += stripe.count
        sum.bytes += stripe.bytes
        sum.evicted += stripe.evicted
      }
    }
    return sum
  }
}
