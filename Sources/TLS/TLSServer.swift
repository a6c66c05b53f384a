internal import COpenSSL
internal import Synchronization

/// What a server shows of itself: certificates by name, and who may connect. Shared by all loops; `replace` puts new
/// ones in the place of the old for connections that come.
@safe public final class TLSServer: Sendable {
  private let contexts: Mutex<ServerContexts>
  private let tickets: TicketKeys

  public init(_ settings: TLSServerSettings) throws(TLSError) {
    let tickets = try TicketKeys()
    self.tickets = tickets
    contexts = Mutex(try ServerContexts(settings, tickets))
  }

  var current: ServerContexts { contexts.withLock { $0 } }

  /// Reads everything anew. Where that fails, what was there stays.
  public func replace(_ settings: TLSServerSettings) throws(TLSError) {
    let fresh = try ServerContexts(settings, tickets)
    contexts.withLock { $0 = fresh }
  }

  /// A fresh key makes session tickets from now on.
  public func rotateTickets() { tickets.rotate() }

  /// The certificates in force: the file each came from, and the seconds it is valid for.
  public var certificates: [(file: String, secondsLeft: Int)] {
    current.identities.map { ($0.file, $0.secondsLeft) }
  }
}

/// What a server is told.
public struct TLSServerSettings: Hashable, Sendable {
  public struct Pair: Hashable, Sendable {
    public var certificate: String
    public var key: String
    public init(certificate: String, key: String) {
      self.certificate = certificate
      self.key = key
    }
  }
  public enum ClientCertificates: String, CaseIterable, Sendable { case optional, require }

  /// PEM files. The first is shown to whoever asks for no name that is known.
  public var pairs: [Pair] = []
  public var keyPassword: String?
  /// A PEM file of those who vouch for clients; `nil` where clients show nothing.
  public var clientAuthorities: String?
  public var clientCertificates = ClientCertificates.require

  public init() {}
}

/// Keys of session tickets. RFC 5077 §4.
@safe final class TicketKeys: Sendable {
  // Guarded by a lock of its own, in C.
  nonisolated(unsafe) let raw: OpaquePointer

  init() throws(TLSError) {
    guard let raw = unsafe copenssl_ticket_keys_new() else { throw TLSError("no memory for TLS") }
    unsafe self.raw = raw
    rotate()
  }

  deinit { unsafe copenssl_ticket_keys_free(raw) }

  func rotate() { _ = unsafe copenssl_ticket_keys_rotate(raw) }
}

/// One reading of the certificates, immutable. Lives as long as a connection uses it.
@safe final class ServerContexts: Sendable {
  let identities: [Identity]
  private let contexts: [Context]
  /// Which of `contexts` a name is served from; names with a star at the front as `.example.com`.
  private let byName: [String: Int]
  private let tickets: TicketKeys

  init(_ settings: TLSServerSettings, _ tickets: TicketKeys) throws(TLSError) {
    self.tickets = tickets
    var identities: [Identity] = []
    for pair in settings.pairs { identities.append(try Identity(pair, password: settings.keyPassword)) }
    guard !identities.isEmpty else { throw TLSError("no certificate is given") }
    // Names that the same certificates are for share a context.
    var members: [String: [Int]] = [:]
    for (index, identity) in identities.enumerated() {
      for name in identity.names {
        // Of two of one kind for the same name the first is shown.
        let isFirst = members[name]?.allSatisfy { identities[$0].kind != identity.kind } ?? true
        if isFirst { members[name, default: []].append(index) }
      }
    }
    // The first and those of other kinds for all the same names are for whoever asks for none that is known.
    var sets: [[Int]] = [identities[0].names.first.flatMap { members[$0] } ?? [0]]
    var byName: [String: Int] = [:]
    for (name, set) in members.sorted(by: { $0.key < $1.key }) {
      if let known = sets.firstIndex(of: set) {
        byName[name] = known
      } else {
        byName[name] = sets.count
        sets.append(set)
      }
    }
    self.identities = identities
    self.byName = byName
    var contexts: [Context] = []
    for (index, set) in sets.enumerated() {
      let context = try Context(set.map { identities[$0] }, settings, tickets)
      context.setName(Context.name(index))
      contexts.append(context)
    }
    self.contexts = contexts
    unsafe copenssl_on_hello(
      contexts[0].raw,
      { ssl, argument in
        guard let ssl = unsafe ssl, let argument = unsafe argument else { return SSL_AD_INTERNAL_ERROR }
        return unsafe Unmanaged<ServerContexts>.fromOpaque(argument)._withUnsafeGuaranteedRef {
          unsafe $0.choose(ssl)
        }
      }, Unmanaged.passUnretained(self).toOpaque())
  }

  func makeSession() -> OpaquePointer {
    guard let ssl = unsafe SSL_new(contexts[0].raw) else { fatalError("no memory for TLS") }
    return unsafe ssl
  }

  /// Which context a name is served from: its own, that of its domain's star, or the first.
  func index(of name: String) -> Int {
    if let exact = byName[name] { return exact }
    guard let dot = name.firstIndex(of: "."), let star = byName[String(name[dot...])] else { return 0 }
    return star
  }

  private func choose(_ ssl: OpaquePointer) -> Int32 {
    var count = 0
    guard let bytes = unsafe copenssl_hello_name(ssl, &count) else { return 0 }
    let text = unsafe String(decoding: UnsafeBufferPointer(start: bytes, count: count), as: UTF8.self)
    let index = index(of: text.lowercased())
    if index != 0 { unsafe contexts[index].take(over: ssl, name: Context.name(index)) }
    return 0
  }
}

/// An `SSL_CTX` with certificates of one or more kinds for the same names. OpenSSL counts its users by itself.
@safe final class Context: Sendable {
  // Immutable after `init`.
  nonisolated(unsafe) let raw: OpaquePointer

  init(_ identities: [Identity], _ settings: TLSServerSettings, _ tickets: TicketKeys) throws(TLSError) {
    guard let raw = unsafe copenssl_server_context() else { throw TLSError.last(or: "no memory for TLS") }
    unsafe self.raw = raw
    for identity in identities { unsafe try identity.use(in: raw) }
    if let authorities = settings.clientAuthorities {
      guard unsafe SSL_CTX_load_verify_file(raw, authorities) == 1 else {
        throw TLSError("\(authorities): \(TLSError.last(or: "no certificates can be read there"))")
      }
      unsafe SSL_CTX_set_client_CA_list(raw, SSL_load_client_CA_file(authorities))
      let isRequired = settings.clientCertificates == .require
      unsafe SSL_CTX_set_verify(
        raw, SSL_VERIFY_PEER | (isRequired ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), nil)
    }
    _ = unsafe copenssl_set_alpn(raw, nil, 0)
    unsafe copenssl_use_ticket_keys(raw, tickets.raw)
  }

  deinit { unsafe SSL_CTX_free(raw) }

  static func name(_ index: Int) -> [UInt8] { Array("sluice-\(index)".utf8) }

  /// A session is taken up again under the name it was begun with, and no other (RFC 8446 §4.2.11).
  func setName(_ name: [UInt8]) { unsafe SSL_CTX_set_session_id_context(raw, name, UInt32(name.count)) }

  /// Goes on with a session that another context began.
  func take(over ssl: OpaquePointer, name: [UInt8]) {
    unsafe SSL_set_SSL_CTX(ssl, raw)
    unsafe SSL_set_session_id_context(ssl, name, UInt32(name.count))
    unsafe SSL_set_verify(ssl, SSL_CTX_get_verify_mode(raw), nil)
  }
}
