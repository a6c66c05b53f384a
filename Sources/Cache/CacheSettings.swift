public import Base

/// What the response cache is told.
public struct CacheSettings: Sendable {
  public var isEnabled = true
  /// Everything the cache holds, overheads counted.
  public var bytesMax = 64 * 1024 * 1024
  /// Bodies above it stream through unstored.
  public var objectBytesMax = 1024 * 1024
  /// Freshness of a 200 to GET that states none itself; zero for none.
  public var defaultTTL = Interval(milliseconds: 0)

  public init() {}
}
