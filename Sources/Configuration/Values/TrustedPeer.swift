internal import Base

/// One entry of the list of peers that are believed.
enum TrustedPeer: Sendable {
  case network(CIDR)
  /// Whoever can open one of our unix-domain sockets.
  case unix

  static let expectedList = "a list of ADDRESS/BITS or ADDRESS, and the word unix for peers on unix sockets"

  init(text: Substring) throws(Refusal) {
    if text == "unix" {
      self = .unix
      return
    }
    self = .network(try TrustedPeer.network(text))
  }

  /// One entry of any list of networks.
  static func network(_ text: Substring) throws(Refusal) -> CIDR {
    guard let network = CIDR(text) else { throw Refusal(text, TrustedPeer.problem(with: text)) }
    return network
  }

  private static func problem(with text: Substring) -> String {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard let first = parts.first, let address = IPAddress(first) else { return "is not an IP address" }
    let widest = address.isV4 ? 32 : 128
    guard parts.count == 2, parts[1].utf8.allSatisfy(ASCII.isDigit), let bits = Int(parts[1]), bits <= widest
    else { return "has no prefix length from 0 to \(widest)" }
    return "has address bits set beyond its first \(bits)"
  }
}
