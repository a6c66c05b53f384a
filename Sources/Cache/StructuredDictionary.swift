internal import Base

/// As much of RFC 9651 §4.2.2 as cache fields need: members with their keys and bare values.
struct StructuredDictionary {
  enum Value: Equatable {
    case flag(Bool)
    case integer(Range<Int>)
    /// Inside the quotes.
    case string(Range<Int>)
    case other
  }

  struct Member {
    let key: Range<Int>
    let value: Value
  }

  private var at = 0

  /// `nil` where the text is not well-formed.
  static func read(_ bytes: Span<UInt8>) -> [Member]? {
    var reader = StructuredDictionary()
    var members: [Member] = []
    reader.skipSpaces(bytes)
    while reader.at < bytes.count {
      guard let key = reader.readKey(bytes) else { return nil }
      var value = Value.flag(true)
      if reader.at < bytes.count, bytes[reader.at] == 0x3D {
        reader.at += 1
        guard let read = reader.readItem(bytes) else { return nil }
        value = read
      }
      guard reader.skipParameters(bytes) else { return nil }
      members.append(Member(key: key, value: value))
      guard let more = reader.skipComma(bytes) else { return nil }
      if !more { break }
    }
    return members
  }

  /// The strings of a list such as that of `Cache-Groups` (RFC 9875 §2). `nil` where it is none.
  static func readStrings(_ bytes: Span<UInt8>) -> [Range<Int>]? {
    var reader = StructuredDictionary()
    var strings: [Range<Int>] = []
    reader.skipSpaces(bytes)
    while reader.at < bytes.count {
      guard case .string(let range)? = reader.readItem(bytes), reader.skipParameters(bytes) else {
        return nil
      }
      strings.append(range)
      guard let more = reader.skipComma(bytes) else { return nil }
      if !more { break }
    }
    return strings
  }

  private mutating func skipSpaces(_ bytes: Span<UInt8>) {
    while at < bytes.count, bytes[at] == 0x20 { at += 1 }
  }

  private mutating func skipBlanks(_ bytes: Span<UInt8>) {
    while at < bytes.count, bytes[at] == 0x20 || bytes[at] == 0x09 { at += 1 }
  }

  /// `false` at the end; `nil` where something else than a comma and a further member follows.
  private mutating func skipComma(_ bytes: Span<UInt8>) -> Bool? {
    skipBlanks(bytes)
    guard at < bytes.count else { return false }
    guard bytes[at] == 0x2C else { return nil }
    at += 1
    skipBlanks(bytes)
    return at < bytes.count ? true : nil
  }

  private mutating func readKey(_ bytes: Span<UInt8>) -> Range<Int>? {
    let start = at
    guard at < bytes.count, isLetter(bytes[at]) || bytes[at] == 0x2A else { return nil }
    while at < bytes.count {
      let byte = bytes[at]
      // RFC 9651 wants lower case; a capital that was meant to be one does no harm.
      guard
        isLetter(byte) || ASCII.isDigit(byte) || byte == 0x5F || byte == 0x2D || byte == 0x2E || byte == 0x2A
      else { break }
      at += 1
    }
    return start..<at
  }

  private func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- 0x61 < 26 }

  private mutating func readItem(_ bytes: Span<UInt8>) -> Value? {
    guard at < bytes.count else { return nil }
    switch bytes[at] {
    case 0x22: return readString(bytes)
    case 0x3F:
      guard at + 1 < bytes.count, bytes[at + 1] == 0x30 || bytes[at + 1] == 0x31 else { return nil }
      at += 2
      return .flag(bytes[at - 1] == 0x31)
    case 0x30...0x39, 0x2D: return readNumber(bytes)
    case let byte where isLetter(byte) || byte == 0x2A:
      while at < bytes.count, isTokenByte(bytes[at]) { at += 1 }
      return .other
    default: return nil
    }
  }

  private func isTokenByte(_ byte: UInt8) -> Bool {
    byte > 0x20 && byte < 0x7F && byte != 0x22 && byte != 0x28 && byte != 0x29 && byte != 0x2C && byte != 0x3B
      && byte != 0x3C && byte != 0x3D && byte != 0x3E && byte != 0x3F && byte != 0x40 && byte != 0x5B
      && byte != 0x5C && byte != 0x5D && byte != 0x7B && byte != 0x7D
  }

  private mutating func readNumber(_ bytes: Span<UInt8>) -> Value? {
    let start = at
    var isInteger = true
    if bytes[at] == 0x2D { at += 1 }
    let digits = at
    while at < bytes.count, ASCII.isDigit(bytes[at]) || bytes[at] == 0x2E {
      if bytes[at] == 0x2E {
        guard isInteger else { return nil }
        isInteger = false
      }
      at += 1
    }
    guard at > digits, at - digits <= 16 else { return nil }
    return isInteger ? .integer(start..<at) : .other
  }

  private mutating func readString(_ bytes: Span<UInt8>) -> Value? {
    at += 1
    let start = at
    while at < bytes.count, bytes[at] != 0x22 {
      guard bytes[at] >= 0x20, bytes[at] < 0x7F else { return nil }
      at += bytes[at] == 0x5C ? 2 : 1
    }
    guard at < bytes.count else { return nil }
    at += 1
    return .string(start..<(at - 1))
  }

  private mutating func skipParameters(_ bytes: Span<UInt8>) -> Bool {
    while at < bytes.count, bytes[at] == 0x3B {
      at += 1
      skipSpaces(bytes)
      guard readKey(bytes) != nil else { return false }
      if at < bytes.count, bytes[at] == 0x3D {
        at += 1
        guard readItem(bytes) != nil else { return false }
      }
    }
    return true
  }
}
