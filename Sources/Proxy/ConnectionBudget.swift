internal import Synchronization

/// How many client connections there may be, counted over all loops.
public final class ConnectionBudget: Sendable {
  private let used = Atomic<Int>(0)
  public let limit: Int

  /// - Parameters:
  ///   - wanted: `SLUICE_MAX_CONNECTIONS`.
  ///   - descriptors: what the process may hold at most.
  public init(wanted: Int, descriptors: Int) { limit = max(1, min(wanted, descriptors)) }

  public var count: Int { used.load(ordering: .relaxed) }

  /// Whether one more may be accepted. Loops that ask at once may pass the limit by their number.
  public var hasRoom: Bool { count < limit }

  func take() { used.wrappingAdd(1, ordering: .relaxed) }
  func release() { used.wrappingSubtract(1, ordering: .relaxed) }
}
