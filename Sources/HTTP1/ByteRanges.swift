internal import Base

/// What a Range field asks of a representation. RFC 9110 §14.1.2 and §14.2.
public enum ByteRanges: Equatable, Sendable {
  /// Not bytes, malformed, too many, or wasteful: the field is ignored.
  case ignored
  /// None of it is there: 416.
  case unsatisfiable
  /// In the order in which they were asked for.
  case ranges([Range<Int>])

  private static let rangesMax = 16

  /// - Parameter length: of the whole, in bytes.
  public static func parse(_ bytes: Span<UInt8>, _ value: Range<Int>, length: Int) -> ByteRanges {
    let unit = value.lowerBound + 6
    guard value.count > 6, ASCII.equals(bytes, value.lowerBound, unit, ignoringCase: "bytes=") else {
      return .ignored
    }
    var list = ListElements(unit..<value.upperBound)
    var found: [Range<Int>] = []
    var count = 0
    var total = 0
    while let element = list.next(bytes) {
      count += 1
      guard count <= rangesMax, let asked = read(bytes, element, length: length) else { return .ignored }
      guard !asked.isEmpty else { continue }
      // RFC 9110 §14.2: many or overlapping ranges are an attack, or a broken client.
      total += asked.count
      found.append(asked)
    }
    guard count > 0 else { return .ignored }
    if found.isEmpty { return .unsatisfiable }
    return found.count > 1 && total > length ? .ignored : .ranges(found)
  }

  /// Empty where it lies beyond the end; `nil` where it is malformed.
  private static func read(_ bytes: Span<UInt8>, _ element: Range<Int>, length: Int) -> Range<Int>? {
    var at = element.lowerBound
    let first = number(bytes, &at, element.upperBound)
    guard at < element.upperBound, bytes[at] == UInt8(ascii: "-") else { return nil }
    at += 1
    let last = number(bytes, &at, element.upperBound)
    guard at == element.upperBound else { return nil }
    guard let first else {
      guard let last else { return nil }
      return max(0, length - last)..<length
    }
    if let last {
      guard first <= last else { return nil }
      return first < length ? first..<(min(last, length - 1) + 1) : 0..<0
    }
    return first < length ? first..<length : 0..<0
  }

  private static func number(_ bytes: Span<UInt8>, _ at: inout Int, _ end: Int) -> Int? {
    let start = at
    var value = 0
    while at < end, ASCII.isDigit(bytes[at]) {
      value = min(1 << 58, value * 10 + Int(bytes[at] - 0x30))
      at += 1
    }
    return at > start ? value : nil
  }
}
