internal import Base
internal import Proxy
internal import Reactor
internal import TLS
internal import Upstream

extension Variable {
  static let tls = [
    Variable(
      "SLUICE_TLS_LISTEN", .tls, default: .text(""), example: "0.0.0.0:8443,[::]:8443",
      "Where HTTPS is taken. Literal addresses only.",
      .list(
        "list of addresses", expected: SocketAddress.expectedListeners, acceptsEmpty: true,
        identity: \.description,
        { entry throws(Refusal) in try SocketAddress(listener: entry) }, store: { $0.tlsListen = $1 })),
    Variable(
      "SLUICE_TLS_CERT", .tls, default: .text(""), example: "/certs/a.pem,/certs/b.pem",
      """
      PEM files with a certificate and its chain each, chosen by the name that a client asks for; the first is for \
      all others. An ECDSA and an RSA certificate may be for the same names. Read anew on SIGHUP and when a file changes.
      """,
      .list(
        "list of files", expected: "a list of paths", acceptsEmpty: true, identity: { $0 },
        { entry throws(Refusal) in try Reading.readPath(entry) }, store: { $0.tlsCertificates = $1 })),
    Variable(
      "SLUICE_TLS_KEY", .tls, default: .text(""), example: "/certs/a.key,/certs/b.key",
      "PEM files with the keys, in the same order; where it is not set the keys are in the files of SLUICE_TLS_CERT.",
      .list(
        "list of files", expected: "a list of paths", acceptsEmpty: true,
        { entry throws(Refusal) in try Reading.readPath(entry) }, store: { $0.tlsKeys = $1 })),
    Variable(
      "SLUICE_TLS_KEY_PASSWORD", .tls, default: .text(""), example: "correct horse battery staple",
      isSecret: true,
      "Opens keys that are encrypted.",
      .secret(from: 1) { $0.tls.keyPassword = $1.isEmpty ? nil : $1 }),
    Variable(
      "SLUICE_TLS_CLIENT_CA", .tls, default: .text(""), example: "/certs/clients.pem",
      """
      A PEM file of those who vouch for clients, which then show a certificate; origins are told its subject in \
      X-Client-Subject.
      """,
      .path {
        $0.tls.clientAuthorities = $1.isEmpty ? nil : $1
        $0.proxy.tellsClientSubject = !$1.isEmpty
      }),
    Variable(
      "SLUICE_TLS_CLIENT_AUTH", .tls, default: .text("require"), example: "optional",
      "With SLUICE_TLS_CLIENT_CA: whether clients must show a certificate, or may.",
      .choice { $0.tls.clientCertificates = $1 }),
    Variable(
      "SLUICE_TLS_CA", .tls, default: .text(""), example: "/certs/ca.pem",
      "A PEM file of those who vouch for https:// origins, in the place of the system's.",
      .path { $0.upstream.authorities = $1.isEmpty ? nil : $1 }),
    Variable(
      "SLUICE_HTTPS_REDIRECT", .tls, default: .text("off"), example: "on",
      """
      Whether plain requests are sent to the same place over TLS by a 308: off, on (port 443) or the port that clients \
      see.
      """,
      .value(
        "off, on or a port", expected: "off, on, or a port from 1 to 65535",
        { text throws(Refusal) in
          switch text {
          case "off": return UInt16?.none
          case "on": return 443
          default:
            guard let port = UInt16(text), port > 0, text.utf8.allSatisfy(ASCII.isDigit) else {
              throw Refusal(text, "is neither off nor on nor a port")
            }
            return port
          }
        }, store: { $0.proxy.redirectsToPort = $1 })),
  ]
}

extension Settings {
  /// The pairs of certificates and keys that were given, or what does not fit about them.
  mutating func pairCertificates() -> [SettingsError] {
    func error(_ variable: String, _ problem: String, _ expected: String) -> [SettingsError] {
      [SettingsError(variable: variable, value: nil, problem: problem, expected: expected, example: "")]
    }
    guard !tlsListen.isEmpty else { return [] }
    if tlsCertificates.isEmpty {
      return error("SLUICE_TLS_CERT", "is not set, and SLUICE_TLS_LISTEN is", "a list of paths")
    }
    let keys = tlsKeys.isEmpty ? tlsCertificates : tlsKeys
    guard keys.count == tlsCertificates.count else {
      return error(
        "SLUICE_TLS_KEY", "names \(keys.count) files, and SLUICE_TLS_CERT \(tlsCertificates.count)",
        "a key for each certificate, in the same order")
    }
    tls.pairs = zip(tlsCertificates, keys).map { TLSServerSettings.Pair(certificate: $0, key: $1) }
    return []
  }
}
