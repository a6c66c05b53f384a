internal import Base
internal import Reactor
internal import Upstream

/// Turns the configured origins into endpoints: a name stands for every address it resolves to.
enum OriginResolver {
  struct Failure: Error, CustomStringConvertible {
    let host: String
    let cause: UVError
    var description: String { "SLUICE_UPSTREAMS: cannot resolve \"\(host)\": \(cause)" }
  }

  /// `completion` is called once, possibly before this returns (when there is nothing to look up).
  static func resolve(
    _ origins: [OriginSettings], on loop: EventLoop,
    _ completion: @escaping (Result<[Endpoint], Failure>) -> Void
  ) {
    resolveNext(origins[...], found: [], on: loop, completion)
  }

  private typealias Found = (address: SocketAddress, authority: String, weight: Int)

  private static func resolveNext(
    _ origins: ArraySlice<OriginSettings>, found: [Found], on loop: EventLoop,
    _ completion: @escaping (Result<[Endpoint], Failure>) -> Void
  ) {
    guard let origin = origins.first else {
      return completion(.success(endpoints(found)))
    }
    let rest = origins.dropFirst()
    func add(_ addresses: [SocketAddress]) {
      let more = addresses.map { ($0, origin.authority, origin.weight) }
      resolveNext(rest, found: found + more, on: loop, completion)
    }
    switch origin.location {
    case .unix(let path): add([.unix(path)])
    case .host(let host, let port):
      if let address = IPAddress(host) { return add([.ip(address, port: port)]) }
      Resolver.resolve(host, port: port, on: loop) { result in
        switch result {
        case .success(let addresses): add(addresses)
        case .failure(let error): completion(.failure(Failure(host: host, cause: error)))
        }
      }
    }
  }

  /// The same address twice, by two names or by a name and itself, is one endpoint.
  private static func endpoints(_ found: [Found]) -> [Endpoint] {
    var seen: [SocketAddress] = []
    var endpoints: [Endpoint] = []
    for entry in found where !seen.contains(entry.address) {
      seen.append(entry.address)
      endpoints.append(
        Endpoint(
          index: endpoints.count, address: entry.address, authority: entry.authority, weight: entry.weight))
    }
    return endpoints
  }
}
