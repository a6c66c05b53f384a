internal import Proxy

extension ProxySettings.HostPolicy {
  static let expected = "preserve, upstream or a fixed HOST[:PORT]"

  /// Reads one of the two words, or a value that every origin is sent as `Host`.
  init(text: String) throws(Refusal) {
    switch text {
    case "preserve": self = .preserve
    case "upstream": self = .upstream
    default:
      // Would pass for a host name, and then every origin would be asked for a site of that name.
      guard !["preserve", "upstream"].contains(text.lowercased()) else {
        throw Refusal(text, "is a word that is written in lower case")
      }
      let parts = try HostAndPort(text[...], of: text[...])
      guard parts.port != 0 else { throw Refusal(text, "has port 0") }
      self = .fixed(text)
    }
  }
}
