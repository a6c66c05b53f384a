public import Base

/// `http://host[:port][/path][?query]`, or the same with `https`, taken apart. RFC 3986 §3, RFC 9110 §4.2.1.
public struct LoadURL: Sendable, Hashable, CustomStringConvertible {
  public enum Problem: Error, Equatable, CustomStringConvertible {
    case scheme(String)
    case userInformation
    case host(String)
    case port(String)
    case target

    public var description: String {
      switch self {
      case .scheme(let scheme): "the scheme is '\(scheme)'; use http:// or https://"
      case .userInformation: "user information in a URL is not sent; use --header 'Authorization: …'"
      case .host(let host): "'\(host)' is no host"
      case .port(let port): "'\(port)' is no port: 1 to 65535"
      case .target: "the path may hold visible ASCII only; percent-encode the rest"
      }
    }
  }

  /// A name, or a literal address without brackets.
  public let host: String
  /// Set where the host is a literal address.
  public let address: IPAddress?
  public let port: UInt16
  public let isSecured: Bool
  /// For the Host field: without the port where that is the usual one.
  public let authority: String
  /// Path and query; a fragment is not sent.
  public let target: String

  public var description: String { (isSecured ? "https://" : "http://") + authority + target }

  /// - Parameter text: the scheme may be left out.
  public init(_ text: String) throws(Problem) {
    var rest = Substring(text)
    var isSecured = false
    if let colon = text.firstRange(of: "://") {
      let scheme = text[..<colon.lowerBound].lowercased()
      guard scheme == "http" || scheme == "https" else { throw .scheme(scheme) }
      isSecured = scheme == "https"
      rest = text[colon.upperBound...]
    }
    let split = rest.firstIndex { $0 == "/" || $0 == "?" || $0 == "#" } ?? rest.endIndex
    let written = rest[..<split]
    guard !written.contains("@") else { throw .userInformation }
    let hostText: Substring
    var portText: Substring?
    if written.hasPrefix("["), let close = written.firstIndex(of: "]") {
      hostText = written[written.index(after: written.startIndex)..<close]
      let after = written[written.index(after: close)...]
      guard after.isEmpty || after.hasPrefix(":") else { throw .host(String(written)) }
      if !after.isEmpty { portText = after.dropFirst() }
      guard let literal = IPAddress(hostText), hostText.contains(":") else { throw .host(String(written)) }
      address = literal
    } else {
      let parts = written.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      hostText = parts[0]
      if parts.count == 2 { portText = parts[1] }
      address = IPAddress(hostText)
      guard !hostText.isEmpty, hostText.utf8.allSatisfy(LoadURL.isHostByte) else {
        throw .host(String(hostText))
      }
    }
    let usual: UInt16 = isSecured ? 443 : 80
    var port = usual
    if let portText {
      guard let number = UInt16(portText), number > 0, portText.utf8.allSatisfy(ASCII.isDigit) else {
        throw .port(String(portText))
      }
      port = number
    }
    let path = rest[split...].prefix { $0 != "#" }
    guard path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { throw .target }
    host = String(hostText)
    self.port = port
    self.isSecured = isSecured
    let bracketed = hostText.contains(":") ? "[\(hostText)]" : String(hostText)
    authority = port == usual ? bracketed : "\(bracketed):\(port)"
    target = path.hasPrefix("/") ? String(path) : "/" + path
  }

  private static func isHostByte(_ byte: UInt8) -> Bool {
    byte &- 0x30 < 10 || (byte | 0x20) &- 0x61 < 26 || byte == 0x2D || byte == 0x2E || byte == 0x5F
  }
}

extension LoadURL {
  /// Whether it leads to this machine, as far as can be said without asking.
  public var isLoopback: Bool {
    if host.lowercased() == "localhost" { return true }
    guard let address else { return false }
    return address.isV4 ? address.low >> 24 & 0xFF == 127 : address == IPAddress("::1")
  }
}
