internal import COpenSSL

/// Why a connection could not be secured, or a certificate not be used, in OpenSSL's words.
public struct TLSError: Error, Hashable, Sendable, CustomStringConvertible {
  public let description: String

  public init(_ description: String) { self.description = description }

  /// What OpenSSL says of its last failure on this thread; empties its list of them.
  static func last(or otherwise: String) -> TLSError {
    let code = ERR_peek_last_error()
    ERR_clear_error()
    guard code != 0, let text = unsafe ERR_reason_error_string(code) else { return TLSError(otherwise) }
    return TLSError(unsafe String(cString: text))
  }

  /// Empties OpenSSL's list, as is needed before each call whose failure is looked up in it. It is empty already, but
  /// for once in a while, and looking costs a tenth.
  static func forgetAll() { if ERR_peek_error() != 0 { ERR_clear_error() } }
}
