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
  /// Requests answered with 429, and connections that were one too many of their client.
  public var rateLimited: UInt64 = 0
  public var connectionsLimited: UInt64 = 0
  /// Requests answered with 403 for the address they came from.
  public var denied: UInt64 = 0
  /// Requests answered with 503 because the loop was late.
  public var shed: UInt64 = 0
  /// TLS connections that came to a request, those of them that took up a session again, and those that broke before.
  public var handshakes: UInt64 = 0
  public var resumed: UInt64 = 0
  /// By OpenSSL's word for it.
  public var handshakeFailures: [String: UInt64] = [:]
  /// Connections cut because buffers held too much.
  public var bufferCuts: UInt64 = 0

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
    rateLimited += other.rateLimited
    connectionsLimited += other.connectionsLimited
    denied += other.denied
    shed += other.shed
    bufferCuts += other.bufferCuts
    handshakes += other.handshakes
    resumed += other.resumed
    handshakeFailures.merge(other.handshakeFailures, uniquingKeysWith: +)
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
