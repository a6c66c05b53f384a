/// An IPv4 or IPv6 address, without port or zone.
///
/// IPv4 is kept as its IPv4-mapped IPv6 form (RFC 4291 §2.5.5.2), so `::ffff:10.0.0.1` from a
/// dual-stack socket and `10.0.0.1` are one address and no list of ranges can be passed by the
/// other spelling.
public struct IPAddress: Hashable, Sendable {
  /// The upper and lower 64 bits, most significant byte first.
  public let high: UInt64
  public let low: UInt64

  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  public init(v4 value: UInt32) { self.init(high: 0, low: 0xFFFF_0000_0000 | UInt64(value)) }

  public var isV4: Bool { high == 0 && low >> 32 == 0xFFFF }
}

// MARK: Text

extension IPAddress {
  /// Reads dotted decimal or RFC 4291 §2.2 notation, without brackets or zone. `nil` if malformed.
  public init?(_ text: String) {
    if let value = IPAddress.parseV4(text) {
      self.init(v4: value)
      return
    }
    guard let (high, low) = IPAddress.parseV6(text) else { return nil }
    self.init(high: high, low: low)
  }

  public init?(_ text: Substring) { self.init(String(text)) }

  /// Reads what stands at `bytes[range]`: the same notations, without a copy for dotted decimal.
  public init?(_ bytes: Span<UInt8>, _ range: Range<Int>) {
    if let value = IPAddress.parseV4(bytes, range) {
      self.init(v4: value)
      return
    }
    guard (2...45).contains(range.count) else { return nil }
    var text = ""
    for index in range { text.unicodeScalars.append(Unicode.Scalar(bytes[index])) }
    self.init(text)
  }

  private static func parseV4(_ bytes: Span<UInt8>, _ range: Range<Int>) -> UInt32? {
    guard (7...15).contains(range.count) else { return nil }
    var value: UInt32 = 0
    var octet: UInt32 = 0
    var (digits, dots) = (0, 0)
    for index in range {
      let byte = bytes[index]
      if ASCII.isDigit(byte) {
        // No leading zeros: some readers take them for octal, and the two would disagree.
        guard digits == 0 || octet > 0 else { return nil }
        octet = octet * 10 + UInt32(byte - 0x30)
        digits += 1
        guard octet <= 255 else { return nil }
      } else {
        guard byte == UInt8(ascii: "."), digits > 0, dots < 3 else { return nil }
        value = value << 8 | octet
        (octet, digits, dots) = (0, 0, dots + 1)
      }
    }
    guard dots == 3, digits > 0 else { return nil }
    return value << 8 | octet
  }

  private static func parseV4(_ text: String) -> UInt32? {
    let bytes = text.utf8Span.span
    return parseV4(bytes, bytes.indices)
  }

  private static func parseV6(_ text: String) -> (UInt64, UInt64)? {
    var before: [UInt16] = []
    var after: [UInt16] = []
    var compressed = false
    var rest = text
    // A dotted tail stands for the last two groups.
    if rest.contains("."), let colon = rest.lastIndex(of: ":") {
      guard let tail = parseV4(String(rest[rest.index(after: colon)...])) else { return nil }
      rest =
        String(rest[...colon]) + String(tail >> 16, radix: 16) + ":" + String(tail & 0xFFFF, radix: 16)
    }
    guard rest.utf8.count >= 2, rest.utf8.allSatisfy({ $0 == 0x3A || ASCII.hexValue($0) != nil }) else {
      return nil
    }
    var halves: [String] = []
    if let range = rest.firstRange(of: "::") {
      compressed = true
      halves = [String(rest[..<range.lowerBound]), String(rest[range.upperBound...])]
    } else {
      halves = [rest]
    }
    for (index, half) in halves.enumerated() where !half.isEmpty {
      for group in half.split(separator: ":", omittingEmptySubsequences: false) {
        guard (1...4).contains(group.utf8.count), let value = UInt16(group, radix: 16) else { return nil }
        if index == 0 { before.append(value) } else { after.append(value) }
      }
    }
    let given = before.count + after.count
    guard compressed ? given <= 7 : given == 8 else { return nil }
    let groups = before + Array(repeating: 0, count: 8 - given) + after
    var high: UInt64 = 0
    var low: UInt64 = 0
    for index in 0..<4 { high = high << 16 | UInt64(groups[index]) }
    for index in 4..<8 { low = low << 16 | UInt64(groups[index]) }
    return (high, low)
  }
}

extension ByteBuffer {
  /// Appends the address as text: dotted decimal, or RFC 5952 §4 for IPv6. No brackets.
  public mutating func append(_ address: IPAddress) {
    if address.isV4 {
      let value = Int(address.low & 0xFFFF_FFFF)
      append(decimal: value >> 24)
      append(UInt8(ascii: "."))
      append(decimal: value >> 16 & 0xFF)
      append(UInt8(ascii: "."))
      append(decimal: value >> 8 & 0xFF)
      append(UInt8(ascii: "."))
      append(decimal: value & 0xFF)
      return
    }
    let zeros = address.longestZeroRun()
    var index = 0
    while index < 8 {
      if index == zeros.lowerBound, zeros.count >= 2 {
        append("::")
        index = zeros.upperBound
        continue
      }
      if index > 0, index != zeros.upperBound || zeros.count < 2 { append(UInt8(ascii: ":")) }
      append(hex: address.group(index))
      index += 1
    }
  }
}

extension IPAddress: CustomStringConvertible {
  public var description: String {
    var buffer = ByteBuffer()
    buffer.append(self)
    return buffer.text()
  }

  fileprivate func group(_ index: Int) -> Int {
    let word = index < 4 ? high : low
    return Int(word >> UInt64(16 * (3 - index % 4)) & 0xFFFF)
  }

  /// The first of the longest runs of zero groups. RFC 5952 §4.2.3.
  fileprivate func longestZeroRun() -> Range<Int> {
    var best = 0..<0
    var start = 0
    while start < 8 {
      var end = start
      while end < 8, group(end) == 0 { end += 1 }
      if end - start > best.count { best = start..<end }
      start = max(end, start + 1)
    }
    return best
  }
}

/// A range of addresses, `10.0.0.0/8` or `2001:db8::/32`.
public struct CIDR: Hashable, Sendable, CustomStringConvertible {
  public let base: IPAddress
  /// Leading bits that must match, counted in the 128-bit form.
  private let bits: Int

  /// Reads `ADDRESS/BITS`, or a bare address for the range of that one address. `nil` if malformed or
  /// if bits beyond the prefix are set: more likely a slip than a wish.
  public init?(_ text: some StringProtocol) {
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    guard let address = IPAddress(String(parts[0])) else { return nil }
    let widest = address.isV4 ? 32 : 128
    var bits = widest
    if parts.count == 2 {
      guard !parts[1].isEmpty, parts[1].utf8.allSatisfy(ASCII.isDigit), let given = Int(parts[1]),
        given <= widest
      else { return nil }
      bits = given
    }
    self.bits = address.isV4 ? bits + 96 : bits
    base = address
    guard CIDR.masked(address, self.bits) == address else { return nil }
  }

  public func contains(_ address: IPAddress) -> Bool { CIDR.masked(address, bits) == base }

  /// Whether it is the range of one address.
  public var isSingle: Bool { bits == 128 }

  /// The highest address of the range.
  var last: IPAddress {
    let free = IPAddress(high: .max, low: .max)
    let kept = CIDR.masked(free, bits)
    return IPAddress(high: base.high | ~kept.high, low: base.low | ~kept.low)
  }

  public var description: String { "\(base)/\(base.isV4 && bits >= 96 ? bits - 96 : bits)" }

  private static func masked(_ address: IPAddress, _ bits: Int) -> IPAddress {
    let high = bits >= 64 ? UInt64.max : bits == 0 ? 0 : UInt64.max << UInt64(64 - bits)
    let low = bits >= 128 ? UInt64.max : bits <= 64 ? 0 : UInt64.max << UInt64(128 - bits)
    return IPAddress(high: address.high & high, low: address.low & low)
  }
}
