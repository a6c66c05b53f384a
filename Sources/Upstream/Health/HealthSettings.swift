public import Base

/// How endpoints are checked.
public struct HealthSettings: Hashable, Sendable {
  public enum Check: Hashable, Sendable {
    /// A GET of that path.
    case path(String)
    /// That a connect works.
    case connect
    case none
  }

  public var check = Check.path("/")
  public var interval = Interval.seconds(2)
  public var timeout = Interval.seconds(1)
  public var rise = 2
  public var fall = 2
  /// Statuses that count as healthy: an application without a page at `/` is alive all the same.
  public var statuses = [200...499]

  public init() {}
}
