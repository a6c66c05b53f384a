public import Base

/// So many requests in any span of time that is as long as the window.
public struct RateLimitRule: Hashable, Sendable {
  public static let countMax = 1_000_000

  public let count: Int
  public let window: Interval

  public init(count: Int, window: Interval) {
    precondition((1...RateLimitRule.countMax).contains(count) && window.milliseconds > 0)
    self.count = count
    self.window = window
  }
}

/// What the rate limit is told.
public struct RateLimitSettings: Sendable {
  /// What makes requests one client's.
  public enum Key: Hashable, Sendable {
    /// The client's address, IPv6 by its /64.
    case address
    /// The value of that field; the address where it is absent.
    case field(String)
  }

  /// `nil` for no limit.
  public var rule: RateLimitRule?
  public var key = Key.address
  /// Addresses that are not limited.
  public var exempt: [CIDR] = []
  /// Everything that is remembered of clients.
  public var bytesMax = 32 * 1024 * 1024

  public init() {}
}
