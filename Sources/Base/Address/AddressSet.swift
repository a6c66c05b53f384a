/// Whether an address lies in one of many ranges: sorted once, then found by bisection, so that a list of thousands
/// costs a dozen comparisons.
public struct AddressSet: Sendable {
  private struct Bounds: Sendable {
    var low: IPAddress
    var high: IPAddress
  }

  /// In their order, none touching the next.
  private let ranges: [Bounds]

  public init(_ cidrs: [CIDR]) {
    var merged: [Bounds] = []
    for cidr in cidrs.sorted(by: { AddressSet.precedes($0.base, $1.base) }) {
      if let last = merged.last, !AddressSet.precedes(last.high, cidr.base) {
        // Ranges of a prefix each lie within one another or apart.
        if AddressSet.precedes(last.high, cidr.last) { merged[merged.count - 1].high = cidr.last }
      } else {
        merged.append(Bounds(low: cidr.base, high: cidr.last))
      }
    }
    ranges = merged
  }

  public var isEmpty: Bool { ranges.isEmpty }

  public func contains(_ address: IPAddress) -> Bool {
    // The first range that begins behind the address; the one before it is the only one that may hold it.
    var (from, to) = (0, ranges.count)
    while from < to {
      let middle = (from + to) / 2
      if AddressSet.precedes(address, ranges[middle].low) { to = middle } else { from = middle + 1 }
    }
    return from > 0 && !AddressSet.precedes(ranges[from - 1].high, address)
  }

  private static func precedes(_ one: IPAddress, _ two: IPAddress) -> Bool {
    one.high != two.high ? one.high < two.high : one.low < two.low
  }
}
