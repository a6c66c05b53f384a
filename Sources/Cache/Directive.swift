internal import Base

/// One element of a `Cache-Control` list, as offsets. RFC 9111 §5.2.
struct Directive {
  let name: Range<Int>
  /// Inside the quotes, where there are any. `nil` without `=`.
  let value: Range<Int>?
  let isQuoted: Bool

  func isNamed(_ text: StaticString, _ bytes: Span<UInt8>) -> Bool {
    ASCII.equals(bytes, name.lowerBound, name.upperBound, ignoringCase: text)
  }

  /// `delta-seconds` (RFC 9111 §1.2.2); too large a number saturates. `nil` where it is none.
  func seconds(_ bytes: Span<UInt8>) -> Int? {
    guard let value else { return nil }
    return Directive.seconds(bytes, value)
  }

  static func seconds(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Int? {
    guard !range.isEmpty else { return nil }
    var total = 0
    for index in range {
      guard ASCII.isDigit(bytes[index]) else { return nil }
      total = min(secondsMax, total * 10 + Int(bytes[index] - 0x30))
    }
    return total
  }

  /// RFC 9111 §1.2.2 asks for 2^31 at least where a number cannot be represented.
  static let secondsMax = 1 << 40
}

/// Walks a `Cache-Control` value: commas in quoted strings separate nothing.
struct DirectiveList {
  private var at: Int
  private let end: Int

  init(_ range: Range<Int>) { (at, end) = (range.lowerBound, range.upperBound) }

  mutating func next(_ bytes: Span<UInt8>) -> Directive? {
    while at < end, isBlank(bytes[at]) || bytes[at] == 0x2C { at += 1 }
    guard at < end else { return nil }
    let start = at
    while at < end, bytes[at] != 0x2C, bytes[at] != 0x3D { at += 1 }
    var nameEnd = at
    while nameEnd > start, isBlank(bytes[nameEnd - 1]) { nameEnd -= 1 }
    guard at < end, bytes[at] == 0x3D else {
      return Directive(name: start..<nameEnd, value: nil, isQuoted: false)
    }
    // RFC 9110 §5.6.6 knows no space around `=`: with one the value is no number, and so it is stale.
    let hasSpace = nameEnd < at
    at += 1
    if at < end, bytes[at] == 0x22 { return quoted(bytes, name: start..<nameEnd) }
    let valueStart = at
    while at < end, bytes[at] != 0x2C { at += 1 }
    var valueEnd = at
    while valueEnd > valueStart, isBlank(bytes[valueEnd - 1]) { valueEnd -= 1 }
    let value = hasSpace ? valueStart..<valueStart : valueStart..<valueEnd
    return Directive(name: start..<nameEnd, value: value, isQuoted: false)
  }

  private mutating func quoted(_ bytes: Span<UInt8>, name: Range<Int>) -> Directive {
    at += 1
    let start = at
    while at < end, bytes[at] != 0x22 { at += bytes[at] == 0x5C ? 2 : 1 }
    let value = start..<min(at, end)
    while at < end, bytes[at] != 0x2C { at += 1 }
    return Directive(name: name, value: value, isQuoted: true)
  }

  private func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
}
