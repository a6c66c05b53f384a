/// What a load balancer says of a connection before its first byte: the PROXY protocol, versions 1 and 2.
///
/// https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt
public enum ProxyHeader {
  public enum Result: Hashable, Sendable {
    /// It goes on for so many bytes; `client` is `nil` where the balancer speaks for itself or cannot say for whom.
    case complete(count: Int, client: IPAddress?)
    case incomplete
    case malformed
  }

  /// Section 2.1: the longest line, its CRLF included.
  private static let lineBytesMax = 107
  /// Section 2.2: addresses take 216 bytes at most; the rest is what balancers add of their own, such as the
  /// subject of a client's certificate.
  private static let contentBytesMax = 4096
  private static let signature: InlineArray<12, UInt8> = [
    0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A,
  ]
  private static let word = Array("PROXY ".utf8)

  /// Reads the header at the front of `bytes`.
  public static func parse(_ bytes: Span<UInt8>) -> Result {
    guard bytes.count > 0 else { return .incomplete }
    return bytes[0] == signature[0] ? parseBinary(bytes) : parseLine(bytes)
  }

  // MARK: Version 2

  private static func parseBinary(_ bytes: Span<UInt8>) -> Result {
    for index in 0..<min(signature.count, bytes.count) where bytes[index] != signature[index] {
      return .malformed
    }
    guard bytes.count >= 16 else { return .incomplete }
    let length = Int(bytes[14]) << 8 | Int(bytes[15])
    guard bytes[12] >> 4 == 2, length <= contentBytesMax else { return .malformed }
    guard bytes.count >= 16 + length else { return .incomplete }
    let count = 16 + length
    switch bytes[12] & 0x0F {
    // LOCAL: the balancer's own, such as its health checks.
    case 0: return .complete(count: count, client: nil)
    case 1: break
    default: return .malformed
    }
    switch bytes[13] >> 4 {
    case 1:
      guard length >= 12 else { return .malformed }
      return .complete(count: count, client: IPAddress(v4: UInt32(word(bytes, at: 16, count: 4))))
    case 2:
      guard length >= 36 else { return .malformed }
      return .complete(
        count: count,
        client: IPAddress(high: word(bytes, at: 16, count: 8), low: word(bytes, at: 24, count: 8)))
    // Unspecified, or a unix-domain socket.
    case 0, 3: return .complete(count: count, client: nil)
    default: return .malformed
    }
  }

  private static func word(_ bytes: Span<UInt8>, at: Int, count: Int) -> UInt64 {
    var value: UInt64 = 0
    for index in at..<(at + count) { value = value << 8 | UInt64(bytes[index]) }
    return value
  }

  // MARK: Version 1

  private static func parseLine(_ bytes: Span<UInt8>) -> Result {
    for index in 0..<min(word.count, bytes.count) where bytes[index] != word[index] { return .malformed }
    let end = ByteScan.first(0x0A, in: bytes, from: 0)
    guard end < bytes.count else { return bytes.count < lineBytesMax ? .incomplete : .malformed }
    guard end < lineBytesMax, end > word.count, bytes[end - 1] == 0x0D else { return .malformed }
    var parts: [Range<Int>] = []
    var at = word.count
    while at <= end - 1 {
      var stop = at
      while stop < end - 1, bytes[stop] != 0x20 { stop += 1 }
      parts.append(at..<stop)
      at = stop + 1
    }
    if ASCII.equals(bytes, parts[0].lowerBound, parts[0].upperBound, ignoringCase: "unknown") {
      return .complete(count: end + 1, client: nil)
    }
    guard parts.count == 5, parts[0].count == 4, let source = IPAddress(bytes, parts[1]),
      let target = IPAddress(bytes, parts[2]), isPort(bytes, parts[3]), isPort(bytes, parts[4])
    else { return .malformed }
    let isV4 = ASCII.equals(bytes, parts[0].lowerBound, parts[0].upperBound, ignoringCase: "tcp4")
    guard isV4 || ASCII.equals(bytes, parts[0].lowerBound, parts[0].upperBound, ignoringCase: "tcp6"),
      !isV4 || source.isV4 && target.isV4
    else { return .malformed }
    return .complete(count: end + 1, client: source)
  }

  private static func isPort(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
    guard (1...5).contains(range.count) else { return false }
    var value = 0
    for index in range {
      guard ASCII.isDigit(bytes[index]) else { return false }
      value = value * 10 + Int(bytes[index] - 0x30)
    }
    return value <= 65535
  }
}
