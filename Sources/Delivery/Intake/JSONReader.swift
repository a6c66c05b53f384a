internal import Base

/// JSON that is looked at where it stands. RFC 8259, strictly.
///
/// Not a decoder of a library: what a caller gives as a body is sent on byte for byte (numbers keep their digits and
/// members their order), so values are ranges of the text; and it costs 2 µs for 400 bytes where a request is to be
/// acknowledged at once.
struct JSONReader {
  enum Kind: Equatable { case object, array, string, number, truth, null }

  struct Value: Equatable {
    var kind: Kind
    var range: Range<Int>
  }

  struct Malformed: Error, Equatable {
    var at: Int
    var problem: StaticString
    static func == (one: Malformed, two: Malformed) -> Bool { one.at == two.at }
  }

  private static let depthMax = 64

  let bytes: [UInt8]
  private var at = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// Checks all of the text, and returns the one value it holds.
  mutating func document() throws(Malformed) -> Value {
    let text = bytes
    if (try? UTF8Span(validating: text.span)) == nil { throw Malformed(at: 0, problem: "is not UTF-8") }
    at = 0
    skipBlanks()
    let value = try value(depth: 0)
    skipBlanks()
    if at < bytes.count { throw Malformed(at: at, problem: "goes on after its end") }
    return value
  }

  // MARK: Checking

  private func peek() -> UInt8? { at < bytes.count ? bytes[at] : nil }

  private mutating func skipBlanks() {
    while at < bytes.count, bytes[at] == 0x20 || bytes[at] == 0x0A || bytes[at] == 0x0D || bytes[at] == 0x09 {
      at += 1
    }
  }

  private mutating func value(depth: Int) throws(Malformed) -> Value {
    guard depth < JSONReader.depthMax else { throw Malformed(at: at, problem: "is nested too deeply") }
    let start = at
    switch peek() {
    case UInt8(ascii: "{"): return try object(depth: depth)
    case UInt8(ascii: "["): return try array(depth: depth)
    case UInt8(ascii: "\""):
      try string()
      return Value(kind: .string, range: start..<at)
    case UInt8(ascii: "t"): return try word("true", .truth)
    case UInt8(ascii: "f"): return try word("false", .truth)
    case UInt8(ascii: "n"): return try word("null", .null)
    case nil: throw Malformed(at: at, problem: "ends before its value")
    default: return try number()
    }
  }

  private mutating func object(depth: Int) throws(Malformed) -> Value {
    let start = at
    at += 1
    skipBlanks()
    if peek() == UInt8(ascii: "}") {
      at += 1
      return Value(kind: .object, range: start..<at)
    }
    repeat {
      guard peek() == UInt8(ascii: "\"") else { throw Malformed(at: at, problem: "has no name for a member") }
      try string()
      skipBlanks()
      guard peek() == UInt8(ascii: ":") else { throw Malformed(at: at, problem: "has no : after a name") }
      at += 1
      skipBlanks()
      _ = try value(depth: depth + 1)
    } while try goesOn(until: UInt8(ascii: "}"), "has no , or } after a member")
    return Value(kind: .object, range: start..<at)
  }

  private mutating func array(depth: Int) throws(Malformed) -> Value {
    let start = at
    at += 1
    skipBlanks()
    if peek() == UInt8(ascii: "]") {
      at += 1
      return Value(kind: .array, range: start..<at)
    }
    repeat {
      _ = try value(depth: depth + 1)
    } while try goesOn(
      until: UInt8(ascii: "]"), "has no , or ] after an element")
    return Value(kind: .array, range: start..<at)
  }

  /// Behind a member or an element: passes over what separates it from the next, or ends the whole.
  private mutating func goesOn(until end: UInt8, _ problem: StaticString) throws(Malformed) -> Bool {
    skipBlanks()
    let separator = peek()
    guard separator == UInt8(ascii: ",") || separator == end else {
      throw Malformed(at: at, problem: problem)
    }
    at += 1
    if separator == end { return false }
    skipBlanks()
    return true
  }

  private mutating func string() throws(Malformed) {
    at += 1
    while at < bytes.count {
      let byte = bytes[at]
      at += 1
      if byte == UInt8(ascii: "\"") { return }
      if byte < 0x20 { throw Malformed(at: at - 1, problem: "has a control character in a string") }
      guard byte == UInt8(ascii: "\\") else { continue }
      guard let escape = peek() else { break }
      at += 1
      switch escape {
      case UInt8(ascii: "u"): try unicode()
      case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
        UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
        break
      default: throw Malformed(at: at - 1, problem: "has an escape that is none")
      }
    }
    throw Malformed(at: at, problem: "ends within a string")
  }

  /// Four digits; halves of a character only in pairs.
  private mutating func unicode() throws(Malformed) {
    let start = at
    let first = try hexWord()
    if first & 0xFC00 == 0xDC00 { throw Malformed(at: start, problem: "has half a character in a string") }
    guard first & 0xFC00 == 0xD800 else { return }
    guard at + 1 < bytes.count, bytes[at] == UInt8(ascii: "\\"), bytes[at + 1] == UInt8(ascii: "u") else {
      throw Malformed(at: start, problem: "has half a character in a string")
    }
    at += 2
    guard try hexWord() & 0xFC00 == 0xDC00 else {
      throw Malformed(at: start, problem: "has half a character in a string")
    }
  }

  private mutating func hexWord() throws(Malformed) -> UInt32 {
    var word: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = peek(), let digit = ASCII.hexValue(byte) else {
        throw Malformed(at: at, problem: "has an escape that is none")
      }
      word = word << 4 | UInt32(digit)
      at += 1
    }
    return word
  }

  private mutating func word(_ text: StaticString, _ kind: Kind) throws(Malformed) -> Value {
    let start = at
    let wanted = text.bytes
    for index in 0..<wanted.count {
      guard at < bytes.count, bytes[at] == wanted[index] else {
        throw Malformed(at: at, problem: "has no value here")
      }
      at += 1
    }
    return Value(kind: kind, range: start..<at)
  }

  private mutating func number() throws(Malformed) -> Value {
    let start = at
    if peek() == UInt8(ascii: "-") { at += 1 }
    guard let first = peek(), ASCII.isDigit(first) else {
      throw Malformed(at: start, problem: "has no value here")
    }
    at += 1
    if first != UInt8(ascii: "0") { skipDigits() }
    if peek() == UInt8(ascii: ".") {
      at += 1
      try digits()
    }
    if let mark = peek(), mark | 0x20 == UInt8(ascii: "e") {
      at += 1
      if let sign = peek(), sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { at += 1 }
      try digits()
    }
    return Value(kind: .number, range: start..<at)
  }

  private mutating func skipDigits() { while let byte = peek(), ASCII.isDigit(byte) { at += 1 } }

  private mutating func digits() throws(Malformed) {
    guard let byte = peek(), ASCII.isDigit(byte) else {
      throw Malformed(at: at, problem: "has a number without digits")
    }
    skipDigits()
  }
}

// What was checked may be read without a doubt.
extension JSONReader {
  /// Name and value of each member, in their order.
  func members(of object: Value) -> [(name: String, value: Value)] {
    var members: [(String, Value)] = []
    walk(object) { reader throws(Malformed) in
      let start = reader.at
      try reader.string()
      let name = reader.text(of: Value(kind: .string, range: start..<reader.at))
      reader.skipBlanks()
      reader.at += 1
      reader.skipBlanks()
      members.append((name, try reader.value(depth: 0)))
    }
    return members
  }

  func elements(of array: Value) -> [Value] {
    var elements: [Value] = []
    walk(array) { reader throws(Malformed) in elements.append(try reader.value(depth: 0)) }
    return elements
  }

  private func walk(_ container: Value, _ each: (inout JSONReader) throws(Malformed) -> Void) {
    var reader = self
    reader.at = container.range.lowerBound + 1
    reader.skipBlanks()
    let end = container.range.upperBound - 1
    while reader.at < end {
      do throws(Malformed) { try each(&reader) } catch { return }
      reader.skipBlanks()
      if reader.at < end {
        reader.at += 1
        reader.skipBlanks()
      }
    }
  }

  /// What a string says.
  func text(of string: Value) -> String {
    let inner = string.range.lowerBound + 1..<string.range.upperBound - 1
    guard bytes[inner].contains(UInt8(ascii: "\\")) else {
      return String(decoding: bytes[inner], as: UTF8.self)
    }
    var units: [UInt8] = []
    units.reserveCapacity(inner.count)
    var index = inner.lowerBound
    while index < inner.upperBound {
      let byte = bytes[index]
      index += 1
      guard byte == UInt8(ascii: "\\") else {
        units.append(byte)
        continue
      }
      let escape = bytes[index]
      index += 1
      switch escape {
      case UInt8(ascii: "b"): units.append(0x08)
      case UInt8(ascii: "f"): units.append(0x0C)
      case UInt8(ascii: "n"): units.append(0x0A)
      case UInt8(ascii: "r"): units.append(0x0D)
      case UInt8(ascii: "t"): units.append(0x09)
      case UInt8(ascii: "u"): units += unescaped(&index).utf8
      default: units.append(escape)
      }
    }
    return String(decoding: units, as: UTF8.self)
  }

  private func unescaped(_ index: inout Int) -> String {
    func word() -> UInt32 {
      defer { index += 4 }
      return bytes[index..<index + 4].reduce(0) { $0 << 4 | UInt32(ASCII.hexValue($1) ?? 0) }
    }
    var code = word()
    if code & 0xFC00 == 0xD800 {
      index += 2
      code = 0x10000 + (code & 0x3FF) << 10 + word() & 0x3FF
    }
    return Unicode.Scalar(code).map { String(Character($0)) } ?? ""
  }

  func number(of value: Value) -> Double? {
    value.kind == .number ? Double(String(decoding: bytes[value.range], as: UTF8.self)) : nil
  }

  func isTrue(_ value: Value) -> Bool { bytes[value.range.lowerBound] == UInt8(ascii: "t") }

  func copy(of value: Value) -> [UInt8] { Array(bytes[value.range]) }
}
