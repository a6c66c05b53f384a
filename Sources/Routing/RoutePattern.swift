internal import Base

/// Which requests a route takes: those for a host whose path begins with a prefix.
///
/// Two patterns are equal if they take the same requests, however they were written.
public struct RoutePattern: Sendable {
  public enum Host: Hashable, Sendable {
    case any
    /// A name, or a literal address without brackets.
    case exact(String)
    /// `*.example.com`: one label or more before that name, which is not taken itself.
    case subdomains(of: String)
  }

  /// Names are in lower case and without a dot at the end, addresses in their usual spelling.
  public let host: Host
  /// Normalised like the path of a request, without a slash at the end: empty for every path.
  public let prefix: String
  /// The pattern as the operator wrote it, for errors and names.
  public let text: String

  /// - Parameter prefix: empty, or whole segments, each with the slash before it. `/a` and `/a/` are the
  ///   same.
  public init(_ host: Host, prefix: String = "", text: String) {
    precondition(prefix.isEmpty || prefix.hasPrefix("/"))
    precondition(!prefix.contains("?"), "a route does not look at the query")
    switch host {
    case .any: self.host = .any
    case .exact(let name): self.host = .exact(RoutePattern.canonical(name))
    case .subdomains(let name): self.host = .subdomains(of: RoutePattern.canonical(name))
    }
    let bytes = Array(prefix.utf8)
    var normalized = ByteBuffer()
    NormalizedPath.append(bytes.span, 0..<bytes.count, to: &normalized)
    let path = normalized.text()
    self.prefix = path.hasSuffix("/") ? String(path.dropLast()) : path
    self.text = text
  }

  /// Takes every request.
  public static let everything = RoutePattern(.any, text: "*")

  private static func canonical(_ name: String) -> String {
    if let address = IPAddress(name) { return address.description }
    return (name.hasSuffix(".") ? String(name.dropLast()) : name).lowercased()
  }
}

extension RoutePattern: Hashable {
  public static func == (left: RoutePattern, right: RoutePattern) -> Bool {
    left.host == right.host && left.prefix == right.prefix
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(host)
    hasher.combine(prefix)
  }
}

extension RoutePattern: CustomStringConvertible {
  public var description: String { text }
}
