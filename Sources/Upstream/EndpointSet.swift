internal import Synchronization

/// The endpoints of one upstream and whose turn it is, shared by all loops.
///
/// Round robin is exact over all loops: one cursor, moved by one atomic addition for each exchange.
public final class EndpointSet: Sendable {
  public let endpoints: [Endpoint]
  private let order: [Int32]
  private let cursor = Atomic<UInt64>(0)

  /// - Precondition: `endpoints` is not empty and each stands at its own index.
  public init(_ endpoints: [Endpoint]) {
    precondition(!endpoints.isEmpty)
    for (index, endpoint) in endpoints.enumerated() { precondition(endpoint.index == index) }
    self.endpoints = endpoints
    order = RoundRobin.order(weights: endpoints.map(\.weight)).map { Int32($0) }
  }

  /// The endpoint whose turn it is.
  public func next() -> Endpoint {
    let turn = cursor.wrappingAdd(1, ordering: .relaxed).oldValue
    return endpoints[Int(order[Int(turn % UInt64(order.count))])]
  }

  /// The next endpoint in turn that is not in `tried`, a set of indices. `nil` when all are.
  public func next(excluding tried: [Int]) -> Endpoint? {
    guard tried.count < endpoints.count else { return nil }
    // Within one round of the order every endpoint comes up.
    for _ in 0..<order.count {
      let endpoint = next()
      if !tried.contains(endpoint.index) { return endpoint }
    }
    return endpoints.first { !tried.contains($0.index) }
  }
}
