/// What became of a request that was not answered rightly.
public enum Failure: Int, CaseIterable, Sendable, Codable {
  /// No connection.
  case connect
  /// Not done within `timeout`.
  case timeout
  /// The connection was reset.
  case reset
  /// The connection was closed before the first byte of an answer.
  case closed
  /// The connection was closed within an answer.
  case truncated
  /// A head or a chunk that breaks the grammar of HTTP/1.1.
  case malformed
  /// Bytes behind the end of an answer: its length was wrong.
  case surplus
  /// A status that is not expected.
  case status
  /// A whole body, but not the one that was expected.
  case content
  /// Due before the end of the test, but no connection was free.
  case unstarted

  public var name: String { "\(self)" }
}
