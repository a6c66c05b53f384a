public import Base
public import Reactor

/// An upstream as one loop uses it: the shared endpoints and this loop's connections to them.
public final class Upstream {
  public let endpoints: EndpointSet
  public let connectTimeout: Interval
  private let pools: [ConnectionPool]

  public init(_ endpoints: EndpointSet, settings: UpstreamSettings, on loop: EventLoop) {
    self.endpoints = endpoints
    connectTimeout = settings.connectTimeout
    pools = endpoints.endpoints.map { ConnectionPool(for: $0, on: loop, settings: settings) }
  }

  public func pool(of endpoint: Endpoint) -> ConnectionPool { pools[endpoint.index] }

  /// Frees a descriptor by closing an idle connection, wherever there is one.
  public func dropIdleConnection() -> Bool {
    for pool in pools where pool.dropOldest() { return true }
    return false
  }

  /// Closes idle connections now and leased ones when they are given back.
  public func close() { for pool in pools { pool.close() } }
}
