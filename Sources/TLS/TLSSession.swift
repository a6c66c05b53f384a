internal import COpenSSL

/// One secured connection, without a socket: bytes in, bytes out. RFC 8446, RFC 5246, by OpenSSL.
///
/// What is for the socket gathers in the pipe, and whoever calls takes it from there before another session is used.
@safe public final class TLSSession {
  private let ssl: OpaquePointer
  public let pipe: TLSPipe
  public let isServer: Bool
  /// Holds what the session was made from.
  private let maker: AnyObject
  private let resumption: TLSResumption?
  public private(set) var isEstablished = false
  /// The other side has said that nothing more comes (close_notify).
  public private(set) var hasEnded = false
  /// Why it broke.
  public private(set) var failure: TLSError?
  private var isClosed = false
  /// A ticket goes along with what is written first. On its own, right after the handshake, it would cost a packet, and
  /// whoever asks nothing needs none.
  private var owesTicket = false
  private var holdsReadBuffer = false

  /// A server's side.
  public convenience init(_ server: TLSServer, _ pipe: TLSPipe) {
    let contexts = server.current
    unsafe self.init(contexts.makeSession(), pipe, isServer: true, maker: contexts, resumption: nil)
    unsafe SSL_set_accept_state(ssl)
  }

  /// A client's side; `start` begins.
  public convenience init(_ client: TLSClient, resuming resumption: TLSResumption?, _ pipe: TLSPipe) {
    unsafe self.init(client.makeSession(), pipe, isServer: false, maker: client, resumption: resumption)
    unsafe SSL_set_connect_state(ssl)
    unsafe resumption?.use(ssl)
  }

  private init(
    _ ssl: OpaquePointer, _ pipe: TLSPipe, isServer: Bool, maker: AnyObject, resumption: TLSResumption?
  ) {
    unsafe self.ssl = ssl
    self.pipe = pipe
    self.isServer = isServer
    self.maker = maker
    self.resumption = resumption
    guard unsafe copenssl_set_pipe(ssl, pipe.raw) == 1 else { fatalError("no memory for TLS") }
    if let resumption { unsafe copenssl_set_owner(ssl, Unmanaged.passUnretained(resumption).toOpaque()) }
  }

  deinit {
    // Or OpenSSL would not take up again a session whose connection was cut, which RFC 5246 §7.2.1 no longer asks for.
    unsafe SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN)
    unsafe SSL_free(ssl)
  }

  // MARK: Bytes

  /// Begins the handshake, on the client's side.
  public func start() { shakeHands() }

  /// Takes what came from the socket, all of it.
  /// - Parameters:
  ///   - established: called when that ends the handshake.
  ///   - received: called with what was decrypted, valid during the call. Both return whether there is still interest.
  public func receive(
    _ bytes: Span<UInt8>, established: () -> Bool, received: (Span<UInt8>) -> Bool
  ) {
    guard failure == nil else { return }
    unsafe bytes.withUnsafeBufferPointer { buffer in
      unsafe pipe.raw.pointee.in = buffer.baseAddress
      unsafe pipe.raw.pointee.in_count = buffer.count
      if !isEstablished {
        shakeHands()
        if isEstablished, !established() { return forgetInput() }
      }
      while isEstablished, failure == nil, !hasEnded {
        let count = read()
        if count > 0 {
          let isWanted = unsafe received(
            Span(_unsafeStart: pipe.plaintext.assumingMemoryBound(to: UInt8.self), count: count))
          if !isWanted { break }
        }
        // The buffer was not filled: there was no more.
        if count < TLSPipe.plaintextBytes { break }
      }
      forgetInput()
    }
  }

  private func forgetInput() {
    unsafe pipe.raw.pointee.in = nil
    unsafe pipe.raw.pointee.in_count = 0
  }

  private func shakeHands() {
    TLSError.forgetAll()
    let status = unsafe SSL_do_handshake(ssl)
    if status == 1 {
      isEstablished = true
      owesTicket = isServer
    } else {
      check(status)
    }
  }

  /// Decrypts into the pipe's buffer until it is full or there is no more. Returns the count.
  private func read() -> Int {
    var total = 0
    while total < TLSPipe.plaintextBytes {
      var count = 0
      TLSError.forgetAll()
      let status = unsafe SSL_read_ex(
        ssl, pipe.plaintext + total, TLSPipe.plaintextBytes - total, &count)
      guard status == 1 else {
        check(status)
        break
      }
      total += count
      // Mostly one record came, and nothing is left of it: asking again would only find that out.
      if unsafe pipe.raw.pointee.in_count == 0 && SSL_has_pending(ssl) == 0 { break }
    }
    return total
  }

  private func check(_ status: Int32) {
    switch unsafe SSL_get_error(ssl, status) {
    case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: break
    case SSL_ERROR_ZERO_RETURN: hasEnded = true
    default: failure = reason
    }
  }

  private var reason: TLSError {
    let verdict = unsafe SSL_get_verify_result(ssl)
    if verdict != X509_V_OK, let text = unsafe X509_verify_cert_error_string(verdict) {
      TLSError.forgetAll()
      return TLSError("certificate: \(unsafe String(cString: text))")
    }
    return TLSError.last(or: "the connection was not secured")
  }

  /// Encrypts `bytes` into the pipe, a record or more; nothing for none. `false` when that cannot be done.
  public func write(_ bytes: Span<UInt8>) -> Bool {
    guard isEstablished, failure == nil, !isClosed else { return false }
    guard !bytes.isEmpty else { return true }
    if owesTicket { orderTicket() }
    return unsafe bytes.withUnsafeBufferPointer { buffer in
      var at = 0
      while at < buffer.count {
        var count = 0
        TLSError.forgetAll()
        guard unsafe SSL_write_ex(ssl, buffer.baseAddress! + at, buffer.count - at, &count) == 1 else {
          failure = reason
          return false
        }
        at += count
      }
      if holdsReadBuffer { releaseReadBuffer() }
      return true
    }
  }

  /// The next write brings it. Of TLS 1.3 alone; before it tickets are part of the handshake.
  private func orderTicket() {
    owesTicket = false
    holdsReadBuffer = unsafe SSL_new_session_ticket(ssl) == 1
  }

  /// A ticket makes OpenSSL set up both buffers, and only a read that finds nothing gives the one for reading back.
  private func releaseReadBuffer() {
    holdsReadBuffer = false
    guard unsafe pipe.raw.pointee.in_count == 0 && SSL_has_pending(ssl) == 0 else { return }
    var (byte, count): (UInt8, Int) = (0, 0)
    TLSError.forgetAll()
    _ = unsafe SSL_peek_ex(ssl, &byte, 1, &count)
  }

  /// Says that nothing more comes from here (close_notify). Idempotent. The other direction goes on (RFC 8446 §6.1).
  public func close() {
    guard !isClosed else { return }
    isClosed = true
    if isEstablished, failure == nil {
      TLSError.forgetAll()
      _ = unsafe SSL_shutdown(ssl)
    }
    // Ours may be the one that a ticket comes for after all.
    unsafe copenssl_set_owner(ssl, nil)
  }

  // MARK: What was agreed upon

  /// Whether a session from before was taken up again.
  public var wasResumed: Bool { unsafe SSL_session_reused(ssl) == 1 }

  /// `TLSv1.3` and the like.
  public var version: String { unsafe SSL_get_version(ssl).map { unsafe String(cString: $0) } ?? "" }

  /// The name that the client asked for, in lower case. RFC 6066 §3.
  public var serverName: String? {
    guard let name = unsafe SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) else { return nil }
    return unsafe String(cString: name).lowercased()
  }

  /// Whether a host is served with the same certificates as the name that the client asked for, so that one
  /// connection may serve both.
  public func serves(_ host: String) -> Bool {
    guard let contexts = maker as? ServerContexts, let name = serverName else { return true }
    return name == host || contexts.index(of: name) == contexts.index(of: host)
  }

  /// The subject of the client's certificate as RFC 2253 writes it; `nil` where it showed none.
  public var clientSubject: String? {
    guard let certificate = unsafe SSL_get1_peer_certificate(ssl) else { return nil }
    defer { unsafe X509_free(certificate) }
    guard let bio = unsafe BIO_new(BIO_s_mem()) else { return nil }
    defer { unsafe copenssl_bio_free(bio) }
    // All but printable ASCII escaped.
    let flags = COPENSSL_NAME_FLAGS
    guard unsafe X509_NAME_print_ex(bio, X509_get_subject_name(certificate), 0, flags) >= 0 else {
      return nil
    }
    var text = [UInt8](repeating: 0, count: 1024)
    let count = unsafe BIO_read(bio, &text, 1024)
    return count > 0 ? String(decoding: text.prefix(Int(count)), as: UTF8.self) : nil
  }
}
