internal import Base

/// Which route takes a request. Built once, never changed, shared by all loops.
///
/// The host decides first: an exact one before a wildcard, of wildcards the longest, and a route for any
/// host last. Among the routes of one host the longest prefix wins that is the path or ends where a segment
/// of it ends: `/v1` takes `/v1`, `/v1/` and `/v1/x` but not `/v10`. Where none of a host's routes takes the
/// path, those of the next less specific host are asked: a route that is added for one path of a host does
/// not hide the others.
public struct RouteTable: Sendable {
  /// The places in `groups` of what belongs to one name.
  private struct HostGroups: Sendable {
    var exact: Int?
    var subdomains: Int?
  }

  /// The root stands for any host.
  private let hosts: SegmentIndex<HostGroups>
  /// The routes by prefix, for one host each.
  private let groups: [SegmentIndex<Int>]
  /// Whether a host is a literal address, which has more than one spelling.
  private let hasAddresses: Bool

  /// - Parameter routes: in any order; `value` is what a look-up gives.
  /// - Throws: the first two patterns that take the same requests.
  public init(_ routes: [(pattern: RoutePattern, value: Int)]) throws(RouteConflict) {
    var seen: [RoutePattern: RoutePattern] = [:]
    var prefixes: [RoutePattern.Host: [(key: [UInt8], value: Int)]] = [:]
    for (pattern, value) in routes {
      if let first = seen.updateValue(pattern, forKey: pattern) {
        throw RouteConflict(first: first, second: pattern)
      }
      prefixes[pattern.host, default: []].append((Array(pattern.prefix.utf8), value))
    }
    var groups: [SegmentIndex<Int>] = []
    var hosts: [[UInt8]: HostGroups] = [:]
    var hasAddresses = false
    for (host, entries) in prefixes {
      let group = groups.count
      groups.append(SegmentIndex(separator: SegmentedText.pathSeparator, entries))
      switch host {
      case .any: hosts[[], default: HostGroups()].subdomains = group
      case .exact(let name):
        hosts[RouteTable.key(name), default: HostGroups()].exact = group
        if IPAddress(name) != nil { hasAddresses = true }
      case .subdomains(let name): hosts[RouteTable.key(name), default: HostGroups()].subdomains = group
      }
    }
    self.groups = groups
    self.hosts = SegmentIndex(
      separator: SegmentedText.hostSeparator, hosts.map { (key: $0.key, value: $0.value) })
    self.hasAddresses = hasAddresses
  }

  /// The value of the route that takes a request, or `nil`. Allocates nothing, but for IPv6 literals.
  ///
  /// - Parameters:
  ///   - host: where in `bytes` the authority stands. Its port does not count, nor the case of its letters,
  ///     nor a dot at its end. `nil` where a request names no host: routes for any host take it.
  ///   - path: normalised, as it will be forwarded; from a `?` on it does not count. Where it does not begin
  ///     with a slash (`*`, or nothing), routes without a prefix take it.
  public func find(_ bytes: Span<UInt8>, host: Range<Int>?, path: Span<UInt8>) -> Int? {
    let path = SegmentedText(path: path)
    guard let host, !host.isEmpty else { return search(below: 0, path) }
    let authority = bytes.extracting(host)
    if authority[0] == UInt8(ascii: "[") {
      guard hasAddresses, let address = RouteTable.address(authority) else { return search(below: 0, path) }
      let name = Array(address.description.utf8)
      return search(SegmentedText(host: name.span), path)
    }
    var end = ByteScan.first(UInt8(ascii: ":"), in: authority, from: 0)
    // An absolute name (RFC 1034 §3.1) is the same name.
    if end > 0, authority[end - 1] == SegmentedText.hostSeparator { end -= 1 }
    // No name begins with a dot; what does must not pass for a subdomain.
    guard end > 0, authority[0] != SegmentedText.hostSeparator else { return search(below: 0, path) }
    return search(SegmentedText(host: authority.extracting(0..<end)), path)
  }

  private func search(_ host: borrowing SegmentedText, _ path: borrowing SegmentedText) -> Int? {
    let node = hosts.deepest(host)
    guard hosts.keyCount(of: node) == host.count else { return search(below: node, path) }
    if let group = hosts.value(of: node)?.exact, let found = find(in: group, path) { return found }
    guard let parent = hosts.parent(of: node) else { return nil }
    return search(below: parent, path)
  }

  /// Asks the wildcard of this name, then those above it, and in the end the routes for any host.
  private func search(below node: Int, _ path: borrowing SegmentedText) -> Int? {
    var next: Int? = node
    while let node = next {
      if let group = hosts.value(of: node)?.subdomains, let found = find(in: group, path) { return found }
      next = hosts.parent(of: node)
    }
    return nil
  }

  private func find(in group: Int, _ path: borrowing SegmentedText) -> Int? {
    // Only a root can be without a value, and there is nothing above it.
    groups[group].value(of: groups[group].deepest(path))
  }

  private static func key(_ name: String) -> [UInt8] {
    let bytes = Array(name.utf8)
    return SegmentedText(host: bytes.span).array()
  }

  /// The address in the brackets at the front.
  private static func address(_ authority: Span<UInt8>) -> IPAddress? {
    let close = ByteScan.first(UInt8(ascii: "]"), in: authority, from: 0)
    guard close < authority.count else { return nil }
    var text = ""
    for index in 1..<close { text.unicodeScalars.append(Unicode.Scalar(authority[index])) }
    return IPAddress(text)
  }
}
