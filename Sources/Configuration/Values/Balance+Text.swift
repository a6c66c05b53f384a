internal import Proxy
internal import Upstream

extension Balance {
  static let expected =
    "round-robin, least-requests, two-choices, hash:ip, hash:uri, hash:header:NAME or sticky:COOKIE"

  init(text: String) throws(Refusal) {
    switch text {
    case "round-robin": self = .roundRobin
    case "least-requests": self = .leastRequests
    case "two-choices": self = .twoChoices
    case "hash:ip": self = .hashIP
    case "hash:uri": self = .hashURI
    default:
      if let name = Balance.rest(of: text, after: "hash:header:") {
        guard !name.isEmpty, name.utf8.allSatisfy(FieldSetting.isTokenByte) else {
          throw Refusal(text, "has no field name after hash:header:")
        }
        self = .hashField(name)
      } else if let name = Balance.rest(of: text, after: "sticky:") {
        // RFC 6265 §4.1.1: a cookie's name is a token.
        guard !name.isEmpty, name.utf8.allSatisfy(FieldSetting.isTokenByte) else {
          throw Refusal(text, "has no cookie name after sticky:")
        }
        self = .sticky(cookie: name)
      } else {
        throw Refusal(text, "is no way to balance")
      }
    }
  }

  private static func rest(of text: String, after prefix: String) -> String? {
    text.hasPrefix(prefix) ? String(text.dropFirst(prefix.count)) : nil
  }
}
