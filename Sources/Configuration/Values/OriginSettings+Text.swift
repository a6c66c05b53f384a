internal import Base
internal import Upstream

extension OriginSettings {
  static let expectedList =
    "a list of HOST:PORT, http://HOST[:PORT], https://HOST[:PORT] or unix:/PATH, each with ;weight=1 to 1000 or "
    + "without, and with ;verify=off and ;sni=NAME where it is https"

  /// What is wrong with the second of two entries that are the same place.
  static let twice = "is listed already (a larger share is written ;weight=N)"

  private static let weights = 1...1000

  /// Reads `HOST:PORT`, `http://HOST[:PORT]`, `https://HOST[:PORT]` or `unix:/PATH`, with an optional `;weight=N`,
  /// and `;verify=off` and `;sni=NAME` for `https`.
  ///
  /// The port may be left out only after a scheme, where it is 80 or 443: `app` alone says nothing about a port,
  /// and most origins are not on 80.
  init(origin entry: Substring) throws(Refusal) {
    let parts = entry.split(separator: ";", omittingEmptySubsequences: false)
    let place = parts[0].withoutBlanks
    let location = try OriginSettings.parseLocation(place, of: entry)
    var security = place.lowercased().hasPrefix("https://") ? Security() : nil
    var weight: Int?
    var seen: Set<Substring> = []
    for part in parts.dropFirst() {
      let parameter = part.withoutBlanks
      let name = parameter.prefix { $0 != "=" }
      guard seen.insert(name).inserted else { throw Refusal(entry, "has the same parameter twice") }
      let value = parameter.dropFirst(name.count + 1)
      switch name {
      case "verify" where security != nil:
        guard value == "off" || value == "on" else {
          throw Refusal(entry, "has verify that is neither on nor off")
        }
        security?.verifies = value == "on"
      case "sni" where security != nil:
        if let problem = HostName.problem(with: value) { throw Refusal(entry, problem) }
        security?.serverName = String(value)
      case "verify", "sni": throw Refusal(entry, "has \(name), which is for https alone")
      default: weight = try OriginSettings.parseWeight(parameter, of: entry)
      }
    }
    self.init(location, weight: weight ?? 1, security: security)
  }

  /// Equal for two entries that stand for the same place.
  var identity: String {
    switch location {
    case .unix(let path): UnixPath.prefix + path
    case .host(let host, let port): "\(host.lowercased()) \(port)"
    }
  }

  private static func parseLocation(_ text: Substring, of entry: Substring) throws(Refusal) -> Location {
    if text.hasPrefix(UnixPath.prefix) {
      return .unix(path: try UnixPath.parse(text.dropFirst(UnixPath.prefix.count), of: entry))
    }
    guard let (scheme, rest) = split(text) else {
      try refuseMoreThanAuthority(text, of: entry)
      guard !text.utf8.allSatisfy(ASCII.isDigit) else { throw Refusal(entry, "has a port but no host") }
      let parts = try HostAndPort(text, of: entry)
      guard let port = parts.port else { throw Refusal(entry, "has no port") }
      return try .host(parts.host, port: nonZero(port, of: entry))
    }
    switch scheme {
    case "http", "https": break
    default: throw Refusal(entry, "has a scheme other than http and https")
    }
    try refuseMoreThanAuthority(rest, of: entry)
    let parts = try HostAndPort(rest, of: entry)
    return try .host(parts.host, port: nonZero(parts.port ?? (scheme == "https" ? 443 : 80), of: entry))
  }

  /// The scheme in lower case (RFC 3986 §3.1) and what follows its slashes; `nil` without a scheme.
  private static func split(_ text: Substring) -> (scheme: String, rest: Substring)? {
    guard let range = text.firstRange(of: "://") else { return nil }
    return (text[..<range.lowerBound].lowercased(), text[range.upperBound...])
  }

  /// Where a request goes on the origin is up to the client: nothing here can be prefixed or added to it.
  private static func refuseMoreThanAuthority(_ text: Substring, of entry: Substring) throws(Refusal) {
    for character in text {
      switch character {
      case "/": throw Refusal(entry, "has a path; an origin is an address alone, without even a slash")
      case "?": throw Refusal(entry, "has a query; an origin is an address alone")
      case "#": throw Refusal(entry, "has a fragment; an origin is an address alone")
      default: break
      }
    }
  }

  private static func nonZero(_ port: UInt16, of entry: Substring) throws(Refusal) -> UInt16 {
    guard port > 0 else { throw Refusal(entry, "has port 0, which nothing can be reached at") }
    return port
  }

  private static func parseWeight(_ text: Substring, of entry: Substring) throws(Refusal) -> Int {
    guard text.hasPrefix("weight=") else {
      throw Refusal(entry, "has a parameter other than weight=N, verify=off and sni=NAME")
    }
    let number = text.dropFirst("weight=".count)
    guard !number.isEmpty, number.utf8.allSatisfy(ASCII.isDigit), let weight = Int(number),
      weights.contains(weight)
    else {
      let range = "\(weights.lowerBound) to \(weights.upperBound)"
      throw Refusal(entry, "has a weight that is not a number from \(range)")
    }
    return weight
  }
}
