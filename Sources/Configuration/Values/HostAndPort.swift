internal import Base

/// `host`, `host:port`, `[address]` or `[address]:port`, taken apart and checked.
///
/// Stricter than RFC 3986 §3.2: an address or a name as the DNS knows it, nothing percent-encoded, no
/// user information.
struct HostAndPort: Hashable {
  /// A name as it was written, or a literal address without brackets in its usual spelling.
  var host: String
  /// Non-nil where the host is a literal address.
  var address: IPAddress?
  /// `nil` where none was given.
  var port: UInt16?

  /// - Parameter entry: what a refusal quotes; `text` is that or a part of it.
  init(_ text: Substring, of entry: Substring) throws(Refusal) {
    if let at = text.lastIndex(of: "@") {
      // Not quoted: it may well hold a password.
      throw Refusal(Quotation.mask + text[at...], "has user information before the @")
    }
    if text.hasPrefix("[") {
      guard let close = text.firstIndex(of: "]") else { throw Refusal(entry, "lacks a closing bracket") }
      let inside = text[text.index(after: text.startIndex)..<close]
      guard inside.contains(":"), let literal = IPAddress(inside) else {
        throw Refusal(entry, "has no valid IPv6 address in its brackets")
      }
      host = literal.description
      address = literal
      let rest = text[text.index(after: close)...]
      guard rest.isEmpty || rest.hasPrefix(":") else {
        throw Refusal(entry, "has something other than a port after the bracket")
      }
      if !rest.isEmpty { port = try HostAndPort.parsePort(rest.dropFirst(), of: entry) }
      return
    }
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count <= 2 else {
      throw Refusal(entry, "has an IPv6 address without brackets or too many colons")
    }
    guard let name = parts.first, !name.isEmpty else { throw Refusal(entry, "has no host") }
    if let literal = IPAddress(name) {
      host = literal.description
      address = literal
    } else {
      if let problem = HostName.problem(with: name) { throw Refusal(entry, problem) }
      host = String(name)
    }
    if parts.count == 2 { port = try HostAndPort.parsePort(parts[1], of: entry) }
  }

  /// Zero is let through: it has a meaning for listeners. Digits only, so no sign and no blank.
  static func parsePort(_ text: Substring, of entry: Substring) throws(Refusal) -> UInt16 {
    guard !text.isEmpty else { throw Refusal(entry, "has no port after the colon") }
    guard text.utf8.allSatisfy(ASCII.isDigit) else { throw Refusal(entry, "has a port that is not a number") }
    guard text.utf8.count <= 5, let port = UInt16(text) else {
      throw Refusal(entry, "has a port above 65535")
    }
    return port
  }

  /// Why `text` alone is no port to listen on by someone else's order, or `nil` if it is one.
  static func refusalOfPort(_ text: String) -> Refusal? {
    guard !text.isEmpty, text.utf8.count <= 5, text.utf8.allSatisfy(ASCII.isDigit), let port = UInt16(text),
      port > 0
    else { return Refusal(text, "is not a port") }
    return nil
  }
}
