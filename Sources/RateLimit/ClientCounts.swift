internal import Synchronization

/// How much each client has of something at this moment, such as connections, over all loops. Only those that have
/// any are remembered, so there are never more of them than of what is counted.
public final class ClientCounts: Sendable {
  private final class Locked: Sendable { let counts = Mutex<[ClientKey: Int32]>([:]) }

  private static let stripeBits: UInt64 = 6

  public let limit: Int
  private let stripes = (0..<(1 << Int(stripeBits))).map { _ in Locked() }

  public init(limit: Int) {
    precondition(limit > 0)
    self.limit = limit
  }

  private func stripe(_ client: ClientKey) -> Locked {
    stripes[Int(client.hash >> (64 - ClientCounts.stripeBits))]
  }

  /// Takes one more. `false`, and nothing taken, where the client has as many as it may.
  public func take(_ client: ClientKey) -> Bool {
    stripe(client).counts.withLock { counts in
      let count = counts[client] ?? 0
      guard count < limit else { return false }
      counts[client] = count + 1
      return true
    }
  }

  /// Gives one back that was taken.
  public func release(_ client: ClientKey) {
    stripe(client).counts.withLock { counts in
      guard let count = counts[client] else { preconditionFailure("nothing was taken") }
      counts[client] = count > 1 ? count - 1 : nil
    }
  }

  /// How many clients have any.
  public var clients: Int { stripes.reduce(0) { sum, locked in sum + locked.counts.withLock { $0.count } } }
}
