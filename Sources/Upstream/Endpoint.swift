public import Reactor

/// One address inside an upstream. Immutable and shared by all loops.
public final class Endpoint: Sendable {
  /// The place in its set, and in each loop's table of connection pools.
  public let index: Int
  public let address: SocketAddress
  /// The address as text, for logs. Never for answers: clients learn nothing of what is behind us.
  public let name: String
  /// The `Host` value for requests that go by the origin's own name.
  public let authority: String
  public let weight: Int

  public init(index: Int, address: SocketAddress, authority: String, weight: Int) {
    precondition(weight >= 1)
    self.index = index
    self.address = address
    self.name = address.description
    self.authority = authority
    self.weight = weight
  }
}
