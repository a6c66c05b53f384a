internal import Base

extension Interval {
  private static let units: [Quantity.Unit] = [
    Quantity.Unit(name: "ms", size: 1),
    Quantity.Unit(name: "s", size: 1000),
    Quantity.Unit(name: "m", size: 60 * 1000),
    Quantity.Unit(name: "h", size: 60 * 60 * 1000),
    Quantity.Unit(name: "d", size: 24 * 60 * 60 * 1000),
  ]

  /// Reads `250ms`, `1.5s`, `5m`, `1h`, `1d`, or a plain `0`.
  init(text: String) throws(Refusal) {
    self.init(milliseconds: try Quantity.parse(text, units: Interval.units))
  }

  /// In the largest unit that leaves no remainder: `90s` but `2m`.
  var text: String { milliseconds == 0 ? "0s" : Quantity.text(milliseconds, units: Interval.units) }
}
