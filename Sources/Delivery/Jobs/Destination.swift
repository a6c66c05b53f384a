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
    var rest = Substring(text)
    guard text.utf8.count <= Destination.bytesMax else { throw Malformed("is longer than 8 KiB") }
    for byte in text.utf8 where byte < 0x20 || byte == 0x7F {
      throw Malformed("has a control character")
    }
    // By bytes throughout: a mark that combines with the one before it would hide that from a search by characters.
    let scheme = rest.upToFirst(":")
    switch scheme.lowercased() {
    case "http": isSecure = false
    case "https": isSecure = true
    default: throw Malformed("is no absolute http or https URL")
    }
    rest = rest[scheme.endIndex...]
    guard rest.utf8.starts(with: "://".utf8) else { throw Malformed("has no // after its scheme") }
    rest = Substring(rest.utf8.dropFirst(3))
    let authority = rest.upToFirst("/", "?", "#")
    rest = rest[authority.endIndex...]
    if authority.utf8.contains(UInt8(ascii: "@")) { throw Malformed("has user info, which is not sent") }
    if text.utf8.contains(UInt8(ascii: "\\")) { throw Malformed("has a backslash") }
    (host, port, address) = try Destination.readAuthority(authority, isSecure: isSecure)
    rest = rest.upToFirst("#")
    target = (rest.utf8.first == UInt8(ascii: "/") ? "" : "/") + Destination.encoded(rest)
    // What is stored is read again: it must not have grown beyond the bound.
    guard self.text.utf8.count <= Destination.bytesMax else { throw Malformed("is longer than 8 KiB") }
  }

  private static func readAuthority(
    _ authority: Substring, isSecure: Bool
  ) throws(Malformed) -> (String, UInt16, IPAddress?) {
    var name = authority
    var portText: Substring?
    if authority.hasPrefix("[") {
      guard let end = authority.firstIndex(of: "]") else { throw Malformed("has no ] after its address") }
      name = authority[authority.index(after: authority.startIndex)..<end]
      let tail = authority[authority.index(after: end)...]
      if !tail.isEmpty {
        guard tail.hasPrefix(":") else { throw Malformed("has something between its address and its port") }
        portText = tail.dropFirst()
      }
      guard let address = IPAddress(name), name.contains(":") else {
        throw Malformed("has no IPv6 address between its brackets")
      }
      return ("\(address)", try readPort(portText, isSecure), address)
    }
    if let colon = authority.firstIndex(of: ":") {
      name = authority[..<colon]
      portText = authority[authority.index(after: colon)...]
    }
    if name.hasSuffix(".") { name = name.dropLast() }
    let host = name.lowercased()
    let port = try readPort(portText, isSecure)
    guard !host.isEmpty else { throw Malformed("has no host") }
    guard host.utf8.count <= 253 else { throw Malformed("has a host name of more than 253 characters") }
    let labels = host.split(separator: ".", omittingEmptySubsequences: false)
    for label in labels {
      guard (1...63).contains(label.utf8.count) else {
        throw Malformed("has a host name with a label that is none")
      }
      guard label.utf8.allSatisfy({ isNameByte($0) }) else {
        throw Malformed("has a host name with other characters than letters, digits, - and _")
      }
    }
    // The resolver would take 127.1, 0177.0.0.1, 0x7f.1 and 2130706433 for addresses that others do not see.
    if let last = labels.last, last.utf8.allSatisfy(ASCII.isDigit) || last.hasPrefix("0x") {
      guard let address = IPAddress(host) else {
        throw Malformed("has a host that is a number and no IPv4 address")
      }
      return (host, port, address)
    }
    return (host, port, nil)
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
      UInt8(ascii: "_"):
      true
    default: false
    }
  }

  private static func readPort(_ text: Substring?, _ isSecure: Bool) throws(Malformed) -> UInt16 {
    // An empty port is the default one. RFC 3986 §6.2.3.
    guard let text, !text.isEmpty else { return isSecure ? 443 : 80 }
    guard text.utf8.count <= 5, text.utf8.allSatisfy(ASCII.isDigit), let port = UInt16(text), port > 0 else {
      throw Malformed("has a port that is none")
    }
    return port
  }

  private static func encoded(_ text: Substring) -> String {
    guard text.utf8.contains(where: mustBeEncoded) else { return String(text) }
    var buffer = ByteBuffer()
    for byte in text.utf8 {
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

extension Substring {
  /// All before the first of these bytes.
  fileprivate func upToFirst(_ bytes: Unicode.Scalar...) -> Substring {
    self[..<(utf8.firstIndex { byte in bytes.contains { UInt8(ascii: $0) == byte } } ?? endIndex)]
  }
}
