/// How the length of a body is known. RFC 9112 §6.3.
public enum BodyFraming: Hashable, Sendable {
  /// There is no body.
  case none
  /// Exactly that many bytes; never zero.
  case length(Int)
  case chunked
  /// Whatever comes before the connection closes; responses only.
  case untilClose
}
