internal import Synchronization

/// Whose turn it is, over all loops and all versions of a set.
public final class TurnCursor: Sendable {
  private let turn = Atomic<UInt64>(0)

  public init() {}

  func next() -> UInt64 { turn.wrappingAdd(1, ordering: .relaxed).oldValue }
}

/// The endpoints of one upstream at one moment, shared by all loops and replaced whole.
///
/// Round robin is exact over all loops: one cursor, moved by one atomic addition for each exchange.
public final class EndpointSet: Sendable {
  public struct Entry: Sendable {
    public let endpoint: Endpoint
    public let condition: EndpointCondition
    /// Its weight in tenths, less while it starts slowly.
    public let share: Int

    public init(_ endpoint: Endpoint, _ condition: EndpointCondition, share: Int? = nil) {
      self.endpoint = endpoint
      self.condition = condition
      self.share = share ?? endpoint.weight * SlowStart.whole
    }
  }

  public let entries: [Entry]
  /// Indices into `entries` of those that take traffic.
  public let usable: [Int]
  /// Ejected endpoints are used too, because too few others are left.
  public let isPanicking: Bool
  /// Which entry a key leads to, where the balance asks for it.
  let table: Maglev?
  /// The name of each entry for a cookie, where the balance asks for it.
  let tokens: [[UInt8]]
  private let order: [Int32]
  private let cursor: TurnCursor

  public init(
    _ entries: [Entry], balance: Balance = .roundRobin, tokens: [[UInt8]] = [],
    cursor: TurnCursor = TurnCursor()
  ) {
    self.entries = entries
    self.tokens = tokens
    self.cursor = cursor
    (usable, isPanicking) = EndpointSet.choose(entries)
    let shares = usable.map { entries[$0].share }
    order = usable.isEmpty ? [] : RoundRobin.order(weights: shares).map { [usable] in Int32(usable[$0]) }
    // A key keeps its endpoint while that starts slowly: sending it elsewhere first would cost more.
    table =
      balance.usesKeys
      ? Maglev(
        usable.map { (name: entries[$0].endpoint.name, weight: entries[$0].endpoint.weight, value: $0) })
      : nil
  }

  /// Of those that their checks do not condemn, half at most may be ejected; else all are used.
  private static func choose(_ entries: [Entry]) -> ([Int], Bool) {
    let available = entries.indices.filter { entries[$0].condition == .available }
    let ejected = entries.indices.filter { entries[$0].condition == .ejected }
    if ejected.count > available.count { return ((available + ejected).sorted(), true) }
    return (available, false)
  }

  /// Whether a list of `entries` would choose as this one does.
  func hasSameEntries(as entries: [Entry]) -> Bool {
    guard entries.count == self.entries.count else { return false }
    return zip(entries, self.entries).allSatisfy {
      $0.endpoint === $1.endpoint && $0.condition == $1.condition && $0.share == $1.share
    }
  }

  /// The entry whose turn it is; `nil` where none is usable.
  @inline(__always) public func next() -> Int? {
    guard !order.isEmpty else { return nil }
    return Int(order[Int(cursor.next() % UInt64(order.count))])
  }

  /// The next entry in turn whose endpoint is not in `tried`, a list of ids.
  public func next(excluding tried: [Int]) -> Int? {
    // Within one round of the order every endpoint comes up.
    for _ in 0..<order.count {
      guard let index = next() else { return nil }
      if !tried.contains(entries[index].endpoint.id) { return index }
    }
    return usable.first { !tried.contains(entries[$0].endpoint.id) }
  }
}
