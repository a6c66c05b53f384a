/// Comparisons and classes of ASCII bytes. No locale, no Unicode.
public enum ASCII {
  @inlinable @inline(__always) public static func lowercased(_ byte: UInt8) -> UInt8 {
    byte &- 0x41 < 26 ? byte | 0x20 : byte
  }

  @inlinable @inline(__always) public static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

  /// The value of a hexadecimal digit, `nil` for anything else.
  @inlinable @inline(__always) public static func hexValue(_ byte: UInt8) -> UInt8? {
    if byte &- 0x30 < 10 { return byte &- 0x30 }
    let folded = byte | 0x20
    return folded &- 0x61 < 6 ? folded &- 0x57 : nil
  }

  /// Whether `bytes[from..<to]` equals `text`, which is lower case, whatever the case of the bytes.
  public static func equals(_ bytes: Span<UInt8>, _ from: Int, _ to: Int, ignoringCase text: StaticString)
    -> Bool
  {
    guard to - from == text.utf8CodeUnitCount else { return false }
    let expected = text.bytes
    var index = 0
    while index < expected.count {
      if lowercased(bytes[from + index]) != expected[index] { return false }
      index += 1
    }
    return true
  }

  /// Whether the two runs are equal, ignoring the case of ASCII letters.
  public static func equals(
    _ left: Span<UInt8>, _ leftRange: Range<Int>, _ right: Span<UInt8>, _ rightRange: Range<Int>
  ) -> Bool {
    guard leftRange.count == rightRange.count else { return false }
    var index = 0
    while index < leftRange.count {
      let one = lowercased(left[leftRange.lowerBound + index])
      if one != lowercased(right[rightRange.lowerBound + index]) { return false }
      index += 1
    }
    return true
  }
}
