import Routing

/// A pattern as it is written in the environment, for patterns that are right: the reading of others is the
/// concern of `Configuration`.
func pattern(_ text: String) -> RoutePattern {
  let slash = text.firstIndex(of: "/") ?? text.endIndex
  let host = text[..<slash]
  let prefix = String(text[slash...])
  if host.isEmpty || host == "*" { return RoutePattern(.any, prefix: prefix, text: text) }
  if host.hasPrefix("*.") {
    return RoutePattern(.subdomains(of: String(host.dropFirst(2))), prefix: prefix, text: text)
  }
  let name = host.hasPrefix("[") ? host.dropFirst().dropLast() : host
  return RoutePattern(.exact(String(name)), prefix: prefix, text: text)
}

/// A table of patterns, each with its place as its value.
struct Routes {
  let patterns: [String]
  private let table: RouteTable

  init(_ patterns: [String]) throws(RouteConflict) {
    self.patterns = patterns
    table = try RouteTable(patterns.enumerated().map { (pattern($0.element), $0.offset) })
  }

  /// The pattern that takes a request, `nil` for none.
  func find(_ host: String?, _ path: String) -> String? {
    let bytes = Array("Host: \(host ?? "")\r\n".utf8)
    let range = host.map { 6..<(6 + $0.utf8.count) }
    let path = Array(path.utf8)
    return table.find(bytes.span, host: range, path: path.span).map { patterns[$0] }
  }
}
