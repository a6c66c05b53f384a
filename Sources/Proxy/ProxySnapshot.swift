public import Upstream

/// What one loop counted of its clients' side. It is the only writer.
public struct ProxyCounters: Sendable {
  /// Connections.
  public var accepted: UInt64 = 0
  /// Requests whose head was understood.
  public var exchanges: UInt64 = 0
  /// Requests whose head was not.
  public var refused: UInt64 = 0
  /// Exchanges that were answered here and not by an endpoint.
  public var localReplies: UInt64 = 0
  /// Requests answered from the cache with something fresh, or with something stale.
  public var cacheHits: UInt64 = 0
  public var cacheStale: UInt64 = 0
  /// Requests that the cache could have answered and did not.
  public var cacheMisses: UInt64 = 0
  /// Requests that waited for the answer to another.
  public var cacheCollapsed: UInt64 = 0
  /// Stored answers that their origin said were still good.
  public var cacheRevalidated: UInt64 = 0

  public init() {}

  public mutating func add(_ other: ProxyCounters) {
    accepted += other.accepted
    exchanges += other.exchanges
    refused += other.refused
    localReplies += other.localReplies
    cacheHits += other.cacheHits
    cacheStale += other.cacheStale
    cacheMisses += other.cacheMisses
    cacheCollapsed += other.cacheCollapsed
    cacheRevalidated += other.cacheRevalidated
  }
}

/// One loop at one moment.
public struct ProxySnapshot: Sendable {
  /// Client connections that are open.
  public let connections: Int
  /// Exchanges that wait for an endpoint.
  public let waiting: Int
  public let counters: ProxyCounters
  public let upstreams: [UpstreamSnapshot]
}
