/// What a loop found out about an endpoint, for whoever keeps the list.
public struct Finding: Sendable {
  public enum Kind: Sendable {
    /// A connect was refused, reset or timed out.
    case connectFailed
    /// So many requests in a row failed on it.
    case requestsFailed
  }

  /// The index of the upstream.
  public let upstream: Int
  public let endpointID: Int
  public let kind: Kind
  public let reason: String
}
