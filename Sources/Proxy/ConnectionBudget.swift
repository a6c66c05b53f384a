internal import Synchronization

/// How many client connections there may be, counted over all loops.
public final class ConnectionBudget: Sendable {
  private let used = Atomic<Int>(0)
  public let limit: Int

  /// - Parameters:
  ///   - wanted: `SLUICE_MAX_CONNECTIONS`.
  ///   - descriptors: what the process may hold. A quarter of them is kept for upstream connections,
  ///     pipes and files: an exchange that got in must find a descriptor to go out.
  public init(wanted: Int, descriptors: Int) {
    limit = max(1, min(wanted, descriptors - max(64, descriptors / 4)))
  }

  public var count: Int { used.load(ordering: .relaxed) }

  /// Whether one more may be accepted. Loops that ask at once may pass the limit by their number.
  public var hasRoom: Bool { count < limit }

  func take() { used.wrappingAdd(1, ordering: .relaxed) }
  func release() { used.wrappingSubtract(1, ordering: .relaxed) }
}
