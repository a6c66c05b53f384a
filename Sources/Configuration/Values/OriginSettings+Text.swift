internal import Base
internal import Upstream

extension OriginSettings {
  static let expectedList =
    "a list of HOST:PORT, http://HOST[:PORT] or unix:/PATH, each with ;weight=1 to 1000 or without"

  /// What is wrong with the second of two entries that are the same place.
  static let twice = "is listed already (a larger share is written ;weight=N)"

  private static let weights = 1...1000

  /// Reads `HOST:PORT`, `http://HOST[:PORT]` or `unix:/PATH`, with an optional `;weight=N`.
  ///
  /// The port may be left out only after `http://`, where it is 80: `app` alone says nothing about a port,
  /// and most origins are not on 80.
  init(origin entry: Substring) throws(Refusal) {
    let parts = entry.split(separator: ";", omittingEmptySubsequences: false)
    let location = try OriginSettings.parseLocation(parts[0].withoutBlanks, of: entry)
    var weight: Int?
    for parameter in parts.dropFirst() {
      guard weight == nil else { throw Refusal(entry, "has more than one parameter") }
      weight = try OriginSettings.parseWeight(parameter.withoutBlanks, of: entry)
    }
    self.init(location, weight: weight ?? 1)
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
    case "http": break
    case "https":
      throw Refusal(entry, "asks for TLS to an origin, which is not available in this version")
    default: throw Refusal(entry, "has a scheme other than http")
    }
    try refuseMoreThanAuthority(rest, of: entry)
    let parts = try HostAndPort(rest, of: entry)
    return try .host(parts.host, port: nonZero(parts.port ?? 80, of: entry))
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
    guard text.hasPrefix("weight=") else { throw Refusal(entry, "has a parameter other than weight=N") }
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
