internal import COpenSSL
internal import Synchronization

/// How connections to one name are secured. Shared by all loops.
@safe public final class TLSClient: Sendable {
  // Immutable after `init`; OpenSSL counts its users by itself.
  private nonisolated(unsafe) let context: OpaquePointer
  private let name: String
  private let isAddress: Bool
  private let verifies: Bool

  /// - Parameters:
  ///   - name: the host name that the certificate must be for and that is asked for (SNI); an address is checked as
  ///   such, and not asked for (RFC 6066 §3).
  ///   - verifies: whether the certificate is checked at all.
  ///   - authorities: a PEM file of those that are trusted; `nil` for the system's.
  ///   - pair: a certificate of its own, shown where the other side asks for one.
  public init(
    name: String, isAddress: Bool, verifies: Bool, authorities: String?, pair: TLSServerSettings.Pair? = nil
  ) throws(TLSError) {
    self.name = name
    self.isAddress = isAddress
    self.verifies = verifies
    guard let context = unsafe copenssl_client_context(verifies ? 1 : 0) else {
      throw TLSError.last(or: "no memory for TLS")
    }
    unsafe self.context = context
    unsafe copenssl_on_session(context) { owner, session in
      guard let owner = unsafe owner, let session = unsafe session else { return 0 }
      return unsafe Unmanaged<TLSResumption>.fromOpaque(owner)._withUnsafeGuaranteedRef {
        unsafe $0.keep(session)
      }
    }
    let protocols = [UInt8(8)] + Array("http/1.1".utf8)
    _ = unsafe copenssl_set_alpn(context, protocols, UInt32(protocols.count))
    if let pair { unsafe try Identity(pair, password: nil).use(in: context) }
    guard verifies else { return }
    if let authorities {
      guard unsafe SSL_CTX_load_verify_file(context, authorities) == 1 else {
        throw TLSError("\(authorities): \(TLSError.last(or: "no certificates can be read there"))")
      }
    } else {
      _ = unsafe SSL_CTX_set_default_verify_paths(context)
    }
  }

  /// The same trust for another name: what `other` read from files is not read again.
  public init(_ other: TLSClient, name: String, isAddress: Bool) {
    unsafe SSL_CTX_up_ref(other.context)
    unsafe context = other.context
    verifies = other.verifies
    self.name = name
    self.isAddress = isAddress
  }

  deinit { unsafe SSL_CTX_free(context) }

  func makeSession() -> OpaquePointer {
    guard let ssl = unsafe SSL_new(context) else { fatalError("no memory for TLS") }
    if !isAddress { _ = unsafe copenssl_set_server_name(ssl, name) }
    if verifies {
      let parameters = unsafe SSL_get0_param(ssl)
      if isAddress {
        unsafe X509_VERIFY_PARAM_set1_ip_asc(parameters, name)
      } else {
        unsafe X509_VERIFY_PARAM_set_hostflags(parameters, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
        unsafe X509_VERIFY_PARAM_set1_host(parameters, name, 0)
      }
    }
    return unsafe ssl
  }
}

/// The last session with one endpoint on one loop, to be taken up again.
@safe public final class TLSResumption {
  private var session: OpaquePointer?

  public init() {}

  deinit { if let session = unsafe session { unsafe SSL_SESSION_free(session) } }

  /// Takes a session over.
  func keep(_ session: OpaquePointer) -> Int32 {
    if let old = unsafe self.session { unsafe SSL_SESSION_free(old) }
    unsafe self.session = session
    return 1
  }

  func use(_ ssl: OpaquePointer) {
    guard let session = unsafe session else { return }
    unsafe SSL_set_session(ssl, session)
    // A ticket of TLS 1.3 is for one use (RFC 8446 §C.4); the next one comes with the connection.
    if unsafe SSL_SESSION_get_protocol_version(session) == TLS1_3_VERSION {
      unsafe SSL_SESSION_free(session)
      unsafe self.session = nil
    }
  }
}
