/// How the next endpoint is chosen.
public enum Balance: Hashable, Sendable {
  /// In turn, by weight.
  case roundRobin
  /// The one with the fewest requests under way on this loop.
  case leastRequests
  /// The better of two drawn at random, by latency and requests under way.
  case twoChoices
  /// The same one for the same client address.
  case hashIP
  /// The same one for the same path and query.
  case hashURI
  /// The same one for the same value of a field.
  case hashField(String)
  /// The one that a signed cookie of ours names.
  case sticky(cookie: String)

  /// Whether requests are told apart by a key.
  var usesKeys: Bool {
    switch self {
    case .hashIP, .hashURI, .hashField: true
    case .roundRobin, .leastRequests, .twoChoices, .sticky: false
    }
  }
}
