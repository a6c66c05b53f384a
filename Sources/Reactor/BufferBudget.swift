internal import Synchronization

/// The bytes that buffers of all loops hold, kernel pipes included.
public final class BufferBudget: Sendable {
  private let used = Atomic<Int>(0)
  public let limit: Int

  public init(limit: Int) { self.limit = limit }

  /// As of what the loops told last: each is behind by `HeldBytes.stepBytes` at most.
  public var count: Int { used.load(ordering: .relaxed) }
  public var isExceeded: Bool { count > limit }

  func add(_ difference: Int) { used.wrappingAdd(difference, ordering: .relaxed) }
}

/// What buffers of one loop hold. Told to the budget in steps, so that no loop waits for another's cache lines.
public final class HeldBytes {
  static let stepBytes = 64 * 1024

  public private(set) var count = 0
  private var told = 0
  /// Set once, before the first connection.
  public var budget: BufferBudget?

  public init() {}

  @inline(__always) public func add(_ bytes: Int) {
    count += bytes
    if abs(count - told) >= HeldBytes.stepBytes { tell() }
  }

  @inline(__always) public func remove(_ bytes: Int) { add(-bytes) }

  private func tell() {
    budget?.add(count - told)
    told = count
  }
}
