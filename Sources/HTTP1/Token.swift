internal import Base

/// Character classes of RFC 9110 §5.6.2 and RFC 3986, as bit sets in registers: no table to load.
public enum Token {
  /// ! # $ % & ' * + - . 0-9
  private static let low: UInt64 =
    1 << 0x21 | 1 << 0x23 | 1 << 0x24 | 1 << 0x25 | 1 << 0x26 | 1 << 0x27 | 1 << 0x2A | 1 << 0x2B | 1 << 0x2D
    | 1 << 0x2E | 0x3FF << 0x30
  /// A-Z ^ _ ` a-z | ~
  private static let high: UInt64 =
    0x3FF_FFFF << 1 | 1 << 0x1E | 1 << 0x1F | 1 << 0x20 | 0x3FF_FFFF << 0x21 | 1 << 0x3C | 1 << 0x3E

  /// `tchar`, RFC 9110 §5.6.2.
  @inline(__always) public static func contains(_ byte: UInt8) -> Bool {
    if byte < 0x40 { return low >> UInt64(byte) & 1 != 0 }
    return byte < 0x80 && high >> UInt64(byte & 0x3F) & 1 != 0
  }

  /// The first index at or after `from` that is no `tchar`.
  @inline(__always) static func end(_ bytes: Span<UInt8>, from: Int) -> Int {
    let at = ByteScan.skipLettersAndHyphens(bytes, from: from)
    if at < bytes.count, bytes[at] == 0x3A { return at }
    return ByteScan.firstOutside(low: low, high: high, bytes, from: at)
  }

  /// The first index at or after `from` that may not be part of a request target.
  ///
  /// A target is visible ASCII without `#`, which starts a fragment, and a fragment is never sent
  /// (RFC 9110 §7.1). Wider than RFC 3986: quotes, braces, `|` and `\` do occur and every parser around
  /// us reads them alike.
  @inline(__always) static func targetEnd(_ bytes: Span<UInt8>, from: Int) -> Int {
    ByteScan.firstOutside(low: 0xFFFF_FFF6_0000_0000, high: UInt64.max >> 1, bytes, from: from)
  }

  /// Space or tab.
  @inline(__always) static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
}
