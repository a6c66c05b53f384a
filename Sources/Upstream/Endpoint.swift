public import Reactor
internal import Synchronization
public import TLS

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
  /// How connections to it are secured; `nil` for plain ones.
  public let tls: TLSClient?
  /// Requests under way over all loops, where they are limited.
  private let load = Atomic<Int>(0)

  public init(id: Int, address: SocketAddress, authority: String, weight: Int, tls: TLSClient? = nil) {
    precondition(weight >= 1)
    self.id = id
    self.address = address
    self.name = address.description
    self.authority = authority
    self.weight = weight
    self.tls = tls
  }

  /// Takes one of `limit` places. `false` where all are taken.
  func take(of limit: Int) -> Bool {
    var count = load.load(ordering: .relaxed)
    while count < limit {
      let (isExchanged, found) = load.weakCompareExchange(
        expected: count, desired: count + 1, ordering: .relaxed)
      if isExchanged { return true }
      count = found
    }
    return false
  }

  /// Takes a place whether there is one or not.
  func takeAnyway() { load.wrappingAdd(1, ordering: .relaxed) }
  func giveBack() { load.wrappingSubtract(1, ordering: .relaxed) }
  func isFull(_ limit: Int) -> Bool { load.load(ordering: .relaxed) >= limit }
}
