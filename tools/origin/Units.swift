internal import Base

/// Sizes and lengths of time as people write them, read from bytes.
enum Units {
  /// The longest delay anybody may ask for.
  private static let intervalMax = Interval.seconds(24 * 3600)

  /// A number of decimal digits only. `nil` if empty, malformed or more than 18 digits.
  static func count(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Int? {
    guard let (value, end) = number(bytes, range), end == range.upperBound else { return nil }
    return value
  }

  /// `512`, `10KB`, `64KiB`: bytes. `nil` if malformed or too large.
  static func size(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Int? {
    guard let (value, end) = number(bytes, range) else { return nil }
    let unit: Int
    if end == range.upperBound || matches(bytes, end..<range.upperBound, "b") {
      unit = 1
    } else if matches(bytes, end..<range.upperBound, "kb") {
      unit = 1000
    } else if matches(bytes, end..<range.upperBound, "mb") {
      unit = 1_000_000
    } else if matches(bytes, end..<range.upperBound, "gb") {
      unit = 1_000_000_000
    } else if matches(bytes, end..<range.upperBound, "kib") {
      unit = 1 << 10
    } else if matches(bytes, end..<range.upperBound, "mib") {
      unit = 1 << 20
    } else if matches(bytes, end..<range.upperBound, "gib") {
      unit = 1 << 30
    } else {
      return nil
    }
    let (product, overflow) = value.multipliedReportingOverflow(by: unit)
    return overflow ? nil : product
  }

  /// `200ms`, `5s`, `1m`; a bare 0. `nil` if malformed or longer than a day.
  static func interval(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Interval? {
    guard let (value, end) = number(bytes, range) else { return nil }
    let unit: Int
    if matches(bytes, end..<range.upperBound, "ms") || (value == 0 && end == range.upperBound) {
      unit = 1
    } else if matches(bytes, end..<range.upperBound, "s") {
      unit = 1000
    } else if matches(bytes, end..<range.upperBound, "m") {
      unit = 60_000
    } else {
      return nil
    }
    let (product, overflow) = value.multipliedReportingOverflow(by: unit)
    guard !overflow, product <= Int(intervalMax.milliseconds) else { return nil }
    return Interval(milliseconds: UInt64(product))
  }

  private static func number(_ bytes: Span<UInt8>, _ range: Range<Int>) -> (value: Int, end: Int)? {
    var value = 0
    var at = range.lowerBound
    while at < range.upperBound, ASCII.isDigit(bytes[at]) {
      guard at - range.lowerBound < 18 else { return nil }
      value = value * 10 + Int(bytes[at] - 0x30)
      at += 1
    }
    return at > range.lowerBound ? (value, at) : nil
  }

  private static func matches(_ bytes: Span<UInt8>, _ range: Range<Int>, _ text: StaticString) -> Bool {
    ASCII.equals(bytes, range.lowerBound, range.upperBound, ignoringCase: text)
  }
}
