internal import Base

/// A decimal number with a unit, such as `1.5s` or `64KiB`, in whole numbers of the smallest unit.
enum Quantity {
  struct Unit: Sendable {
    let name: String
    /// In smallest units.
    let size: UInt64
  }

  /// More digits after the point than any unit here can use up.
  private static let fractionDigitsMax = 12

  /// Zero needs no unit, everything else does. Exact: no floating point, nothing is rounded.
  ///
  /// - Throws: with a phrase that fits durations and sizes alike.
  static func parse(_ text: String, units: [Unit]) throws(Refusal) -> UInt64 {
    if text == "0" { return 0 }
    let number = text.prefix { $0 == "." || ($0.isASCII && $0.isWholeNumber) }
    let unitName = text[number.endIndex...]
    let parts = number.split(separator: ".", omittingEmptySubsequences: false)
    guard let whole = parts.first, !whole.isEmpty else { throw Refusal(text, "does not start with a number") }
    guard parts.count <= 2, parts.allSatisfy({ !$0.isEmpty }) else {
      throw Refusal(text, "is not a decimal number with a unit")
    }
    guard !unitName.isEmpty else { throw Refusal(text, "has no unit") }
    guard let unit = units.first(where: { $0.name == unitName }) else {
      throw Refusal(text, "has an unknown unit")
    }
    let fraction = parts.count == 2 ? parts[1] : ""
    guard fraction.count <= fractionDigitsMax else { throw Refusal(text, "has too many decimals") }
    guard let wholeCount = UInt64(whole) else { throw Refusal(text, "is too large") }
    let (product, isTooLarge) = wholeCount.multipliedReportingOverflow(by: unit.size)
    guard !isTooLarge else { throw Refusal(text, "is too large") }
    // Cannot overflow 128 bits: at most 10^12 times the largest unit.
    var scale: UInt128 = 1
    for _ in 0..<fraction.count { scale *= 10 }
    let scaled = (UInt128(fraction) ?? 0) * UInt128(unit.size)
    guard scaled % scale == 0 else { throw Refusal(text, "is finer than the smallest unit") }
    let (sum, overflow) = product.addingReportingOverflow(UInt64(scaled / scale))
    guard !overflow else { throw Refusal(text, "is too large") }
    return sum
  }

  /// The value in the largest unit that leaves no remainder.
  static func text(_ value: UInt64, units: [Unit]) -> String {
    precondition(!units.isEmpty)
    var best = units[0]
    for unit in units where value != 0 && value % unit.size == 0 && unit.size > best.size { best = unit }
    return "\(value / best.size)\(best.name)"
  }
}
