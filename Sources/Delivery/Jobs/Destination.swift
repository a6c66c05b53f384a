public import Base

/// Where a job goes: an absolute http or https URL, taken apart.
public struct Destination: Hashable, Sendable {
  public let isSecure: Bool
  /// In lower case, without brackets and without a dot at its end.
  public let host: String
  public let port: UInt16
  /// Path and query, as they stand in the request line.
  public let target: String
  /// Where the host is a literal address.
  public let address: IPAddress?

  static let bytesMax = 8 * 1024

  /// Reads a URL as RFC 3986 has it, stricter where readers are known to differ (an authority in which two of them
  /// see two hosts is how requests are smuggled to places that were not checked).
  ///
  /// Spaces and what is no ASCII are percent-encoded in path and query, as browsers do; a fragment is left out.
  /// - Throws: what is wrong with it, in a few words.
  public init(_ text: String) throws(Malformed) {
    // By bytes throughout: a mark that combines with the one before it would hide that from a search by characters.
    let bytes = text.utf8Span.span
    guard bytes.count <= Destination.bytesMax else { throw Malformed("is longer than 8 KiB") }
    var hasBackslash = false
    for index in bytes.indices {
      let byte = bytes[index]
      if byte < 0x20 || byte == 0x7F { throw Malformed("has a control character") }
      if byte == UInt8(ascii: "\\") { hasBackslash = true }
    }
    let schemeEnd = Destination.first(in: bytes, 0..<bytes.count) { $0 == UInt8(ascii: ":") } ?? bytes.count
    isSecure = schemeEnd == 5
    guard ASCII.equals(bytes, 0, schemeEnd, ignoringCase: isSecure ? "https" : "http") else {
      throw Malformed("is no absolute http or https URL")
    }
    let start = schemeEnd + 3
    guard start <= bytes.count, ASCII.equals(bytes, schemeEnd, start, ignoringCase: "://") else {
      throw Malformed("has no // after its scheme")
    }
    let end =
      Destination.first(in: bytes, start..<bytes.count) {
        $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "#")
      } ?? bytes.count
    if Destination.first(in: bytes, start..<end, where: { $0 == UInt8(ascii: "@") }) != nil {
      throw Malformed("has user info, which is not sent")
    }
    if hasBackslash { throw Malformed("has a backslash") }
    (host, port, address) = try Destination.readAuthority(bytes, start..<end, isSecure: isSecure)
    let targetEnd =
      Destination.first(in: bytes, end..<bytes.count) { $0 == UInt8(ascii: "#") } ?? bytes.count
    target = Destination.encoded(bytes, end..<targetEnd)
    // What is stored is read again: it must not have grown beyond the bound.
    guard self.text.utf8.count <= Destination.bytesMax else { throw Malformed("is longer than 8 KiB") }
  }

  private static func first(in bytes: Span<UInt8>, _ range: Range<Int>, where isWanted: (UInt8) -> Bool)
    -> Int?
  {
    var index = range.lowerBound
    while index < range.upperBound {
      if isWanted(bytes[index]) { return index }
      index += 1
    }
    return nil
  }

  private static func readAuthority(
    _ bytes: Span<UInt8>, _ range: Range<Int>, isSecure: Bool
  ) throws(Malformed) -> (String, UInt16, IPAddress?) {
    if !range.isEmpty, bytes[range.lowerBound] == UInt8(ascii: "[") {
      guard let end = first(in: bytes, range, where: { $0 == UInt8(ascii: "]") }) else {
        throw Malformed("has no ] after its address")
      }
      let tail = end + 1..<range.upperBound
      if !tail.isEmpty, bytes[tail.lowerBound] != UInt8(ascii: ":") {
        throw Malformed("has something between its address and its port")
      }
      let name = range.lowerBound + 1..<end
      guard let address = IPAddress(bytes, name),
        first(in: bytes, name, where: { $0 == UInt8(ascii: ":") }) != nil
      else { throw Malformed("has no IPv6 address between its brackets") }
      return ("\(address)", try readPort(bytes, tail.dropFirst(), isSecure), address)
    }
    let colon = first(in: bytes, range) { $0 == UInt8(ascii: ":") } ?? range.upperBound
    var name = range.lowerBound..<colon
    if let last = name.last, bytes[last] == UInt8(ascii: ".") { name = name.dropLast() }
    let port = try readPort(bytes, (colon..<range.upperBound).dropFirst(), isSecure)
    guard !name.isEmpty else { throw Malformed("has no host") }
    guard name.count <= 253 else { throw Malformed("has a host name of more than 253 characters") }
    let last = try checkLabels(bytes, name)
    var host = ByteBuffer(capacity: name.count)
    host.append(lowercasing: bytes, name)
    // The resolver would take 127.1, 0177.0.0.1, 0x7f.1 and 2130706433 for addresses that others do not see.
    if first(in: bytes, last, where: { !ASCII.isDigit($0) }) == nil
      || last.count >= 2 && ASCII.equals(bytes, last.lowerBound, last.lowerBound + 2, ignoringCase: "0x")
    {
      guard let address = IPAddress(bytes, name) else {
        throw Malformed("has a host that is a number and no IPv4 address")
      }
      return (host.text(), port, address)
    }
    return (host.text(), port, nil)
  }

  /// - Returns: the last of them.
  private static func checkLabels(_ bytes: Span<UInt8>, _ name: Range<Int>) throws(Malformed) -> Range<Int> {
    var start = name.lowerBound
    while true {
      let end = first(in: bytes, start..<name.upperBound) { $0 == UInt8(ascii: ".") } ?? name.upperBound
      guard (1...63).contains(end - start) else {
        throw Malformed("has a host name with a label that is none")
      }
      guard first(in: bytes, start..<end, where: { !isNameByte($0) }) == nil else {
        throw Malformed("has a host name with other characters than letters, digits, - and _")
      }
      if end == name.upperBound { return start..<end }
      start = end + 1
    }
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
      true
    default: false
    }
  }

  private static func readPort(
    _ bytes: Span<UInt8>, _ range: Range<Int>, _ isSecure: Bool
  ) throws(Malformed) -> UInt16 {
    // An empty port is the default one. RFC 3986 §6.2.3.
    if range.isEmpty { return isSecure ? 443 : 80 }
    var port = 0
    for index in range {
      guard range.count <= 5, ASCII.isDigit(bytes[index]) else { throw Malformed("has a port that is none") }
      port = port * 10 + Int(bytes[index] - 0x30)
    }
    guard (1...65_535).contains(port) else { throw Malformed("has a port that is none") }
    return UInt16(port)
  }

  /// Path and query, with a slash before them.
  private static func encoded(_ bytes: Span<UInt8>, _ range: Range<Int>) -> String {
    var buffer = ByteBuffer(capacity: range.count + 1)
    if range.isEmpty || bytes[range.lowerBound] != UInt8(ascii: "/") { buffer.append("/") }
    for index in range {
      let byte = bytes[index]
      if mustBeEncoded(byte) {
        buffer.append("%")
        // In capitals: RFC 3986 §2.1.
        for digit in [byte >> 4, byte & 0xF] { buffer.append(digit < 10 ? 0x30 + digit : 0x37 + digit) }
      } else {
        buffer.append(byte)
      }
    }
    return buffer.text()
  }

  private static func mustBeEncoded(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x00...0x20, 0x7F...0xFF, UInt8(ascii: "\""), UInt8(ascii: "<"), UInt8(ascii: ">"): true
    default: false
    }
  }

  /// What is wrong with a URL, as the rest of a sentence.
  public struct Malformed: Error, CustomStringConvertible {
    public let description: String
    init(_ description: String) { self.description = description }
  }
}

extension Destination {
  /// The Host field: RFC 9110 §7.2.
  var authority: String {
    let name = host.contains(":") ? "[\(host)]" : host
    return port == (isSecure ? 443 : 80) ? name : "\(name):\(port)"
  }

  /// What connections are shared by, and fairness is between.
  public var origin: String {
    "\(isSecure ? "https" : "http")://\(host.contains(":") ? "[\(host)]" : host):\(port)"
  }

  /// The whole as text.
  var text: String { "\(isSecure ? "https" : "http")://\(authority)\(target)" }

  /// For logs: the query may hold what others must not see.
  var textWithoutQuery: String {
    guard let mark = target.firstIndex(of: "?") else { return text }
    return "\(isSecure ? "https" : "http")://\(authority)\(target[..<mark])?..."
  }
}
