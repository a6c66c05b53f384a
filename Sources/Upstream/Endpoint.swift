public import Reactor

/// One address inside an upstream. Immutable and shared by all loops; it is the same object for as long
/// as the address stays.
public final class Endpoint: Sendable {
  /// Unlike that of any other endpoint of the process, ever.
  public let id: Int
  public let address: SocketAddress
  /// The address as text, for logs. Never for answers: clients learn nothing of what is behind us.
  public let name: String
  /// The `Host` value for requests that go by the origin's own name.
  public let authority: String
  public let weight: Int

  public init(id: Int, address: SocketAddress, authority: String, weight: Int) {
    precondition(weight >= 1)
    self.id = id
    self.address = address
    self.name = address.description
    self.authority = authority
    self.weight = weight
  }
}
