import Base
import Reactor

@testable import Upstream

/// Entries of a list at 127.0.0.1:3001 and on, one for each weight, with that weight and id.
func entries(
  _ weights: [Int], _ conditions: [Int: EndpointCondition] = [:], shares: [Int: Int] = [:]
) -> [EndpointSet.Entry] {
  weights.enumerated().map { index, weight in
    let address = SocketAddress.ip(IPAddress(v4: 0x7F00_0001), port: UInt16(3001 + index))
    let endpoint = Endpoint(id: index, address: address, authority: "origin-\(index)", weight: weight)
    return EndpointSet.Entry(endpoint, conditions[index] ?? .available, share: shares[index])
  }
}
