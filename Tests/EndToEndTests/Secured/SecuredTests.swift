import Base
import Cache
import Configuration
import Foundation
import Proxy
import Reactor
import TLS
import TestSupport
import Testing
import Upstream

/// A proxy that takes HTTPS too, before `origin`.
private func secured(
  _ origin: ScriptedOrigin, _ certificates: TLSServerSettings = TestCertificates.server("a", "a-rsa", "star"),
  workers: Int = 1, _ configure: (inout Settings) -> Void = { _ in }
) throws -> ProxyUnderTest {
  try ProxyUnderTest(origin, workers: workers) {
    $0.tlsListen = [loopback]
    $0.tls = certificates
    $0.adminListen = loopback
    configure(&$0)
  }
}

extension ProxyUnderTest {
  /// A client of the secured listener, which is the last.
  fileprivate func connectSecured(
    _ name: String = "a.test", resuming: TLSResumption? = nil
  ) throws -> SecureClient {
    try SecureClient(addresses[addresses.count - 1], TestCertificates.client(name), resuming: resuming)
  }
}

private func request(_ line: String = "GET /x", host: String = "a.test", _ fields: String...) -> String {
  (["\(line) HTTP/1.1", "Host: \(host)"] + fields).map { $0 + "\r\n" }.joined() + "\r\n"
}

@Suite("HTTPS from clients", .timeLimit(.minutes(5))) struct SecuredTests {
  @Test func `requests are served, and origins told that they came over TLS`() throws {
    let origin = try ScriptedOrigin(saying: "hello")
    let proxy = try secured(origin) { $0.proxy.addsForwarded = true }
    let client = try proxy.connectSecured()
    for _ in 0..<3 {
      let response = try client.exchange(request())
      #expect(response.text == "hello")
      #expect(response["Strict-Transport-Security"] == "max-age=31536000")
      #expect(response["X-Frame-Options"] == "SAMEORIGIN")
    }
    let seen = try origin.request()
    #expect(seen["X-Forwarded-Proto"] == "https")
    #expect(seen["Forwarded"] == "for=127.0.0.1;host=\"a.test\";proto=https")
    // Plain HTTP goes on beside it.
    let plain = try proxy.exchange(head())
    #expect(plain.text == "hello" && !plain.has("Strict-Transport-Security"))
  }

  @Test func `large bodies go both ways, whole`() throws {
    let origin = try ScriptedOrigin { answer("200 OK", "Content-Length: \($0.body.count)", body: $0.text) }
    let proxy = try secured(origin)
    let client = try proxy.connectSecured()
    let body = String(repeating: "0123456789abcdef", count: 200_000)
    try inThreads(1) { _ in
      let response = try client.exchange(request("POST /x", "Content-Length: \(body.utf8.count)") + body)
      #expect(response.text == body)
    }
    #expect(try client.exchange(request("POST /x", "Content-Length: 2") + "ok").text == "ok")
  }

  @Test func `pipelined requests are answered in their order, and the end is announced`() throws {
    let origin = try ScriptedOrigin { ok($0.target) }
    let proxy = try secured(origin)
    let client = try proxy.connectSecured()
    try client.send(request("GET /1") + request("GET /2") + request("GET /3", "Connection: close"))
    for target in ["/1", "/2", "/3"] {
      let response = try client.read("a response") { bytes, isEnd in
        try WireResponse.parse(bytes, answering: "GET", isEnd: isEnd)
      }
      #expect(response.text == target)
    }
    #expect(try client.readToEnd().bytes.isEmpty)
    #expect(client.session.hasEnded)
  }

  @Test func `the end of the connection is told with the last answer, in one segment`() throws {
    let origin = try ScriptedOrigin(saying: "last")
    let proxy = try secured(origin)
    let client = try proxy.connectSecured()
    try client.send(request("GET /", "Connection: close"))
    #expect(try client.readToEnd().bytes.suffix(4) == Array("last".utf8))
    #expect(client.session.hasEnded && client.session.failure == nil)
    #expect(client.bytesWithEnd > 100)
  }

  @Test func `sessions are taken up again, on whatever loop`() throws {
    let origin = try ScriptedOrigin(saying: "")
    let proxy = try secured(origin, workers: 2)
    let resumption = TLSResumption()
    for round in 0..<6 {
      let client = try proxy.connectSecured(resuming: resumption)
      #expect(try client.exchange(request()).status == 200)
      #expect(client.session.wasResumed == (round > 0), "round \(round)")
    }
    let page = try proxy.ask("/metrics").text
    #expect(page.contains("sluice_tls_handshakes_total{kind=\"resumed\"} 5"))
    #expect(page.contains("sluice_tls_certificate_expiry_days"))
  }

  @Test func `a request for another host than the connection's is misdirected`() throws {
    let origin = try ScriptedOrigin(saying: "")
    let proxy = try secured(origin)
    let client = try proxy.connectSecured("a.test")
    #expect(try client.exchange(request(host: "www.a.test:443")).status == 200)
    #expect(try client.exchange(request(host: "b.test")).status == 421)
    #expect(try client.exchange(request("GET https://A.test/y")).status == 200)
    #expect(origin.requests.map(\.target) == ["/x", "/y"])
    let star = try proxy.connectSecured("any.b.test")
    #expect(try star.exchange(request(host: "other.b.test")).status == 200)
  }

  @Test func `plain HTTP is told so, and sent to the other port where that is wanted`() throws {
    let origin = try ScriptedOrigin(saying: "")
    let proxy = try secured(origin) { $0.proxy.redirectsToPort = 8443 }
    let lost = try WireClient(proxy.addresses[1])
    #expect(try lost.exchange(head()).status == 400)
    let response = try proxy.exchange("POST /p?q HTTP/1.1\r\nHost: a.test:80\r\nContent-Length: 0\r\n\r\n")
    #expect(response.status == 308)
    #expect(response["Location"] == "https://a.test:8443/p?q")
    #expect(origin.connectionCount == 0)
    #expect(try proxy.connectSecured().exchange(request()).status == 200)
  }

  @Test func `answers are stored apart for plain and secured requests`() throws {
    let origin = try ScriptedOrigin { request in
      answer(
        "200 OK", "Cache-Control: max-age=60", "Content-Length: 5",
        body: request["X-Forwarded-Proto"]!.padding(5))
    }
    let proxy = try secured(origin) { $0.proxy.cache.isEnabled = true }
    for _ in 0..<2 {
      let client = try proxy.connectSecured()
      let response = try client.exchange(request())
      #expect(response.text == "https")
      #expect(response.all("Strict-Transport-Security").count == 1)
      let plain = try proxy.exchange(request())
      #expect(plain.text == "http ")
      #expect(!plain.has("Strict-Transport-Security"))
    }
    #expect(origin.requests.count == 2)
    // What changes one changes it alone; and is found under the same mark.
    _ = try proxy.connectSecured().exchange(request("POST /x", "Content-Length: 0"))
    #expect(try proxy.connectSecured().exchange(request()).status == 200)
    #expect(origin.requests.count == 4)
  }

  @Test func `nobody can say that he has a certificate who has none`() throws {
    let origin = try ScriptedOrigin(saying: "")
    var certificates = TestCertificates.server("a")
    certificates.clientAuthorities = TestCertificates.path("ca.pem")
    certificates.clientCertificates = .optional
    let proxy = try secured(origin, certificates) { $0.proxy.tellsClientSubject = true }
    let client = try proxy.connectSecured()
    _ = try client.exchange(request("GET /", "X-Client-Subject: CN=admin", "x-client-subject: CN=root"))
    #expect(try !origin.request().has("X-Client-Subject"))
    let known = try SecureClient(
      proxy.addresses[1], TestCertificates.client("a.test", showing: "client"))
    _ = try known.exchange(request("GET /", "X-Client-Subject: CN=admin"))
    #expect(try origin.request(1).all("X-Client-Subject") == ["CN=a client,O=Test"])
  }

  @Test func `a body that was cut does not end as if it were whole`() throws {
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readRequest()
      try connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
    }
    let proxy = try secured(origin)
    let client = try proxy.connectSecured()
    // To HTTP/1.0 the end of the connection is the end of the body.
    try client.send("GET / HTTP/1.0\r\nHost: a.test\r\n\r\n")
    _ = try? client.readToEnd()
    #expect(!client.session.hasEnded)
  }

  @Test func `a PROXY header may stand before the handshake`() throws {
    let origin = try ScriptedOrigin(saying: "")
    let proxy = try secured(origin) { $0.proxy.takesProxyHeader = true }
    let pipe = TLSPipe()
    let session = TLSSession(try TestCertificates.client("a.test"), resuming: nil, pipe)
    session.start()
    let hello = pipe.takeOutput { bytes in bytes.indices.map { bytes[$0] } }
    let wire = try WireClient(proxy.addresses[1])
    try wire.send(Array("PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n".utf8) + hello)
    func receive(_ take: (Span<UInt8>) -> Void) throws {
      let bytes: [UInt8] = try wire.read("bytes") { bytes, _ in
        bytes.isEmpty ? nil : (Array(bytes), bytes.count)
      }
      session.receive(bytes.span, established: { true }) { part in
        take(part)
        return true
      }
      if pipe.hasOutput { try wire.send(pipe.takeOutput { bytes in bytes.indices.map { bytes[$0] } }) }
    }
    while !session.isEstablished { try receive { _ in } }
    _ = session.write(Array(request().utf8).span)
    try wire.send(pipe.takeOutput { bytes in bytes.indices.map { bytes[$0] } })
    var text = ""
    while !text.contains("\r\n\r\n") {
      try receive { part in
        for index in part.indices { text.unicodeScalars.append(Unicode.Scalar(part[index])) }
      }
    }
    #expect(text.hasPrefix("HTTP/1.1 200 "))
    #expect(try origin.request()["X-Forwarded-For"] == "192.0.2.7")
  }

  @Test func `certificates are exchanged under load, and no request fails`() throws {
    let origin = try ScriptedOrigin(saying: "hello")
    let path = temporaryPath("certificate")
    try copy("a", to: path)
    var certificates = TLSServerSettings()
    certificates.pairs = [TLSServerSettings.Pair(certificate: path + ".pem", key: path + ".key")]
    let proxy = try secured(origin, certificates)
    let watch = Stopwatch()
    try inThreads(4) { thread in
      var round = 0
      while watch.seconds < 6 {
        let client = try proxy.connectSecured()
        for _ in 0..<5 { #expect(try client.exchange(request()).text == "hello") }
        round += 1
        if thread == 0, round == 20 { try copy("a-rsa", to: path) }
        // A bad one in between changes nothing.
        if thread == 0, watch.seconds > 3 { try? copy("a", to: path) }
      }
    }
  }
}

/// Puts a certificate and its key where a server looks for them.
private func copy(_ name: String, to path: String) throws {
  for suffix in [".key", ".pem"] {
    let text = try String(contentsOfFile: TestCertificates.path(name + suffix), encoding: .utf8)
    try text.write(toFile: path + suffix, atomically: true, encoding: .utf8)
  }
}

extension String {
  fileprivate func padding(_ count: Int) -> String {
    self + String(repeating: " ", count: max(0, count - utf8.count))
  }
}

@Suite("HTTPS to origins", .timeLimit(.minutes(5))) struct SecuredUpstreamTests {
  /// A proxy whose origin is another proxy's secured listener, asked for by `name`.
  private func chained(
    _ behind: ProxyUnderTest, name: String, _ configure: (inout Settings) -> Void = { _ in }
  ) throws -> ProxyUnderTest {
    guard case .ip(let address, let port) = behind.addresses[1] else { throw WireError.ended("an address") }
    var security = OriginSettings.Security()
    security.serverName = name
    var settings = ProxyUnderTest.settings([])
    settings.upstream.origins = [OriginSettings(.host("\(address)", port: port), security: security)]
    settings.upstream.authorities = TestCertificates.path("ca.pem")
    settings.proxy.retries = 0
    settings.proxy.instance = "front"
    return try ProxyUnderTest(settings, configure: configure)
  }

  @Test func `requests go out over TLS, bodies whole, connections used again`() throws {
    let origin = try ScriptedOrigin { answer("200 OK", "Content-Length: \($0.body.count)", body: $0.text) }
    let behind = try secured(origin)
    let proxy = try chained(behind, name: "a.test") { $0.proxy.hostPolicy = .fixed("a.test") }
    let client = try proxy.connect()
    let body = String(repeating: "0123456789abcdef", count: 100_000)
    for text in ["one", body, "three"] {
      let response = try client.exchange(head("POST /x", "Content-Length: \(text.utf8.count)") + text)
      #expect(response.text == text)
    }
    #expect(try behind.ask("/metrics").text.contains("sluice_tls_handshakes_total{kind=\"full\"} 1"))
  }

  /// The alert that answers the garbage is for the client, and does not get between the request and its origin.
  @Test func `garbage behind a request does not spoil the connection to its origin`() throws {
    let origin = try ScriptedOrigin(saying: "hello")
    let behind = try secured(origin)
    let proxy = try ProxyUnderTest(ProxyUnderTest.settings([])) {
      guard case .ip(let address, let port) = behind.addresses[1] else { return }
      var security = OriginSettings.Security()
      security.serverName = "a.test"
      $0.upstream.origins = [OriginSettings(.host("\(address)", port: port), security: security)]
      $0.upstream.authorities = TestCertificates.path("ca.pem")
      $0.proxy.instance = "front"
      $0.proxy.hostPolicy = .fixed("a.test")
      $0.tlsListen = [loopback]
      $0.tls = TestCertificates.server("a")
    }
    // A connection to the origin that is there already, so that what is written goes out at once.
    #expect(try proxy.exchange(head("GET /first")).text == "hello")
    for index in 0..<3 {
      let client = try SecureClient(proxy.addresses[1], TestCertificates.client("a.test"))
      let record = try client.encoded(Array(request("POST /spoiled\(index)", "Content-Length: 0").utf8))
      var rest = (record + [0x17, 0x03, 0x03, 0x00, 0x20] + Array(repeating: 0xAA, count: 32))[...]
      while !rest.isEmpty { rest = rest.dropFirst(try client.sendNow(rest)) }
      #expect(eventually { origin.requests.contains { $0.target == "/spoiled\(index)" } })
      client.close()
      #expect(try proxy.exchange(head("GET /next")).text == "hello")
    }
  }

  @Test(arguments: ["other.test", "b.test"])
  func `a certificate for another name is a 502, and clients are not told why`(_ name: String) throws {
    let origin = try ScriptedOrigin(saying: "")
    let behind = try secured(origin, TestCertificates.server("a"))
    let proxy = try chained(behind, name: name)
    let response = try proxy.exchange(head())
    #expect(response.status == 502)
    #expect(response.text == "502 Bad Gateway: no connection to the origin\n")
    #expect(origin.connectionCount == 0)
  }

  @Test func `whom nobody vouches for is a 502, unless verification is off`() throws {
    let origin = try ScriptedOrigin(saying: "hello")
    let behind = try secured(origin)
    let strict = try chained(behind, name: "a.test") { $0.upstream.authorities = nil }
    #expect(try strict.exchange(head()).status == 502)
    let lax = try chained(behind, name: "a.test") {
      $0.upstream.authorities = nil
      $0.upstream.origins[0].security?.verifies = false
      $0.proxy.hostPolicy = .fixed("a.test")
    }
    #expect(try lax.exchange(head()).text == "hello")
  }

  @Test func `checks go over TLS as well, and say what is wrong`() throws {
    let origin = try ScriptedOrigin(saying: "")
    let behind = try secured(origin)
    for (name, isWell) in [("a.test", true), ("c.test", false)] {
      let proxy = try chained(behind, name: name) {
        $0.upstream.health.check = .path("/")
        $0.upstream.health.interval = .milliseconds(50)
        $0.adminListen = loopback
        $0.proxy.hostPolicy = .fixed("a.test")
      }
      let wanted = isWell ? "\"available\"" : "certificate: hostname mismatch"
      #expect(try eventually { try proxy.ask("/status").text.contains(wanted) })
    }
  }

  /// An origin that answers over TLS without a length and ends the connection with or without saying so.
  @Test(arguments: [true, false])
  func `a body that ends with its connection is whole only if the end was announced`(_ announces: Bool) throws
  {
    let server = try TLSServer(TestCertificates.server("a"))
    let origin = try ScriptedOrigin { connection in
      let pipe = TLSPipe()
      let session = TLSSession(server, pipe)
      var text = ""
      while !text.hasSuffix("\r\n\r\n") {
        let bytes: [UInt8] = try connection.read("bytes") { bytes, _ in
          bytes.isEmpty ? nil : (Array(bytes), bytes.count)
        }
        session.receive(bytes.span, established: { true }) { part in
          for index in part.indices { text.unicodeScalars.append(Unicode.Scalar(part[index])) }
          return true
        }
        if pipe.hasOutput {
          try connection.send(pipe.takeOutput { bytes in bytes.indices.map { bytes[$0] } })
        }
      }
      _ = session.write(Array("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it".utf8).span)
      if announces { session.close() }
      try connection.send(pipe.takeOutput { bytes in bytes.indices.map { bytes[$0] } })
    }
    var settings = ProxyUnderTest.settings([])
    var security = OriginSettings.Security()
    security.serverName = "a.test"
    settings.upstream.origins = [OriginSettings(origin.location, security: security)]
    settings.upstream.authorities = TestCertificates.path("ca.pem")
    let proxy = try ProxyUnderTest(settings)
    let client = try proxy.connect()
    try client.send(head("GET /x", "Connection: close"))
    let bytes = String(decoding: try client.readToEnd().bytes, as: UTF8.self)
    #expect(bytes.contains("all of it"))
    // The last chunk is what says that this is all.
    #expect(bytes.hasSuffix("0\r\n\r\n") == announces)
  }
}
