internal import Base
internal import Routing

extension RoutePattern {
  /// Reads `HOST`, `HOST/PREFIX`, `/PREFIX` or `*`, where HOST is a name, a literal address, `*` or
  /// `*.DOMAIN`.
  init(pattern text: Substring) throws(Refusal) {
    let slash = text.firstIndex(of: "/") ?? text.endIndex
    let prefix = text[slash...]
    try RoutePattern.check(prefix, of: text)
    self.init(try RoutePattern.host(text[..<slash], of: text), prefix: String(prefix), text: String(text))
  }

  private static func host(_ text: Substring, of entry: Substring) throws(Refusal) -> Host {
    if text.isEmpty || text == "*" { return .any }
    let isWildcard = text.hasPrefix("*.")
    let name = isWildcard ? text.dropFirst(2) : text
    guard !name.contains("*") else {
      throw Refusal(entry, "has a * that is neither a whole host nor its first part, as in *.example.com")
    }
    let parts = try HostAndPort(name, of: entry)
    guard parts.port == nil else {
      throw Refusal(entry, "has a port, which a route does not look at")
    }
    guard isWildcard else { return .exact(parts.host) }
    guard parts.address == nil else {
      throw Refusal(entry, "has *. before an address, which has no subdomains")
    }
    return .subdomains(of: parts.host)
  }

  /// Refuses what no normalised path begins with, and what looks like a pattern of another program.
  private static func check(_ prefix: Substring, of entry: Substring) throws(Refusal) {
    for (character, problem) in [
      ("*", "has a * in its path, where a prefix takes all that is below it anyway"),
      ("?", "has a query; a route looks at the host and the path alone"),
      ("#", "has a fragment, which no request has"),
    ] where prefix.contains(character) {
      throw Refusal(entry, problem)
    }
    guard prefix.utf8.allSatisfy(isPathByte) else {
      throw Refusal(entry, "has a character in its path that is written percent-encoded (RFC 3986 §3.3)")
    }
    for escape in prefix.split(separator: "%", omittingEmptySubsequences: false).dropFirst() {
      guard escape.utf8.prefix(2).count(where: { ASCII.hexValue($0) != nil }) == 2 else {
        throw Refusal(entry, "has a % without two hexadecimal digits after it")
      }
    }
    // The first is what stands before the first slash: nothing.
    let segments = prefix.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
    guard !segments.dropLast().contains("") else { throw Refusal(entry, "has two slashes in a row") }
    for segment in segments where [".", ".."].contains(segment.lowercased().replacing("%2e", with: ".")) {
      throw Refusal(entry, "has a dot segment, which is removed from every path before a route is chosen")
    }
  }

  /// `pchar` and `/`, RFC 3986 §3.3.
  private static func isPathByte(_ byte: UInt8) -> Bool {
    if ASCII.isDigit(byte) || ASCII.lowercased(byte) &- 0x61 < 26 { return true }
    return "-._~%!$&'()*+,;=:@/".utf8.contains(byte)
  }
}
