internal import Base
internal import Reactor

/// Which addresses the configured origins stand for, as far as is known. No resolver, no clock.
struct AddressBook {
  /// One address and what its origin says of it.
  struct Listing: Equatable {
    let address: SocketAddress
    let authority: String
    let weight: Int
    /// Which of the origins it belongs to.
    let origin: Int
  }

  /// What changed.
  struct Difference: Equatable {
    var appeared: [Listing] = []
    var vanished: [SocketAddress] = []
    var isEmpty: Bool { appeared.isEmpty && vanished.isEmpty }
  }

  private let origins: [OriginSettings]
  /// By origin; `nil` for a name that was never resolved.
  private var known: [[SocketAddress]?]
  private var listed: [Listing] = []

  init(_ origins: [OriginSettings]) {
    self.origins = origins
    known = origins.map { origin in
      switch origin.location {
      case .unix(let path): [.unix(path)]
      case .host(let host, let port): IPAddress(host).map { [.ip($0, port: port)] }
      }
    }
  }

  /// The indices of origins that are names, and each name.
  var names: [(index: Int, host: String, port: UInt16)] {
    origins.indices.compactMap { index in
      guard case .host(let host, let port) = origins[index].location, IPAddress(host) == nil else {
        return nil
      }
      return (index, host, port)
    }
  }

  /// What there is at the beginning: the literal addresses.
  mutating func begin() -> Difference { refresh() }

  /// The name of origin `index` stands for these addresses now. An empty answer is one of a resolver
  /// that has lost its records: what was known stays.
  mutating func resolved(_ index: Int, to addresses: [SocketAddress]) -> Difference {
    guard !addresses.isEmpty else { return Difference() }
    known[index] = addresses
    return refresh()
  }

  /// The same address twice, by two names or by a name and itself, is listed once: where it came first.
  private mutating func refresh() -> Difference {
    var wanted: [SocketAddress: Listing] = [:]
    var order: [SocketAddress] = []
    for (index, (origin, addresses)) in zip(origins, known).enumerated() {
      for address in addresses ?? [] where wanted[address] == nil {
        wanted[address] = Listing(
          address: address, authority: origin.authority, weight: origin.weight, origin: index)
        order.append(address)
      }
    }
    // An address that goes by another name or weight now is another endpoint.
    let staying = listed.filter { wanted[$0.address] == $0 }
    let had = Set(staying.map(\.address))
    let difference = Difference(
      appeared: order.filter { !had.contains($0) }.compactMap { wanted[$0] },
      vanished: listed.map(\.address).filter { !had.contains($0) })
    // Those that stay keep their places, whatever order the resolver is in the mood for.
    listed = staying + difference.appeared
    return difference
  }
}
