import Base
import Configuration
import Foundation
import Proxy
import Reactor
import TestSupport
import Testing
import Upstream

@Suite("Who may ask, and as whom", .timeLimit(.minutes(5))) struct AccessTests {
  private let loopback = CIDR("127.0.0.0/8")!

  private func status(_ proxy: ProxyUnderTest, from client: String) throws -> Int {
    try proxy.exchange(head("GET /x", "X-Forwarded-For: \(client)")).status
  }

  @Test func `SLUICE_ALLOW and SLUICE_DENY go by the client`() throws {
    let origin = try ScriptedOrigin(saying: "")
    let proxy = try ProxyUnderTest(origin) {
      $0.proxy.trustedProxies = [loopback]
      $0.proxy.allow = ["192.0.2.0/24", "2001:db8::/32", "198.51.100.7"].map { CIDR($0)! }
      $0.proxy.deny = [CIDR("192.0.2.64/26")!]
    }
    for client in ["192.0.2.1", "192.0.2.63", "192.0.2.128", "2001:db8:1::1", "198.51.100.7"] {
      #expect(try status(proxy, from: client) == 200)
    }
    for client in ["192.0.2.64", "192.0.2.127", "192.0.3.0", "198.51.100.8", "2001:db9::", "::1"] {
      #expect(try status(proxy, from: client) == 403)
    }
    #expect(origin.requests.count == 5)
  }

  @Test func `without a trusted proxy the peer itself counts`() throws {
    let origin = try ScriptedOrigin(saying: "")
    let proxy = try ProxyUnderTest(origin) { $0.proxy.deny = [loopback] }
    #expect(try status(proxy, from: "192.0.2.1") == 403)
    #expect(origin.connectionCount == 0)
  }

  // MARK: The PROXY protocol

  private func behindBalancer(_ origin: ScriptedOrigin) throws -> ProxyUnderTest {
    try ProxyUnderTest(origin) { $0.proxy.takesProxyHeader = true }
  }

  private static func binary(_ command: UInt8, _ family: UInt8, _ content: [UInt8]) -> [UInt8] {
    [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A, command, family]
      + [UInt8(content.count >> 8), UInt8(content.count & 0xFF)] + content
  }

  private static let ports: [UInt8] = [0x10, 0x00, 0x00, 0x50]
  private static let network: [UInt8] = [0x20, 0x01, 0x0D, 0xB8] + Array(repeating: 0, count: 11)

  static let headers: [(bytes: [UInt8], client: String)] = [
    (Array("PROXY TCP4 192.0.2.7 198.51.100.1 4711 80\r\n".utf8), "192.0.2.7"),
    (Array("PROXY TCP6 2001:db8::7 2001:db8::1 4711 80\r\n".utf8), "2001:db8::7"),
    (Array("PROXY UNKNOWN\r\n".utf8), "127.0.0.1"),
    (Array("PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n".utf8), "127.0.0.1"),
    (binary(0x21, 0x11, [192, 0, 2, 9, 198, 51, 100, 1] + ports), "192.0.2.9"),
    (binary(0x21, 0x21, network + [9] + network + [1] + ports), "2001:db8::9"),
    (binary(0x21, 0x11, [192, 0, 2, 9, 198, 51, 100, 1] + ports + [0x03, 0, 1, 0xAA]), "192.0.2.9"),
    (binary(0x20, 0x00, []), "127.0.0.1"),
    (binary(0x21, 0x00, []), "127.0.0.1"),
    (binary(0x21, 0x31, Array(repeating: 0, count: 216)), "127.0.0.1"),
  ]

  @Test(arguments: headers.indices)
  func `a PROXY header says who the client is, whole and cut anywhere`(_ index: Int) throws {
    let (bytes, address) = AccessTests.headers[index]
    let origin = try ScriptedOrigin(saying: "")
    let proxy = try behindBalancer(origin)
    for cut in [0, 1, 5, 13, bytes.count - 1, bytes.count] where cut <= bytes.count {
      let client = try proxy.connect()
      let all = bytes + Array(head("GET /\(cut)").utf8)
      try client.send(Array(all[..<cut]))
      try client.send(Array(all[cut...]))
      #expect(try client.readResponse().status == 200)
      // For the connection as a whole, not for its first request.
      #expect(try client.exchange(head("GET /again")).status == 200)
    }
    #expect(Set(origin.requests.map { $0["X-Forwarded-For"] ?? "" }) == [address])
  }

  @Test(arguments: [
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "PROXY\r\n", "PROXY TCP4 192.0.2.7\r\n", "PROXY TCP4 a b 1 2\r\n",
    "PROXY TCP4 192.0.2.7 198.51.100.1 99999 80\r\n", "PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n",
    "PROXY TCP4 192.0.2.7 198.51.100.1 4711 80\n", "PROXY TCP4  192.0.2.7 198.51.100.1 4711 80\r\n",
    "PROXY TCP5 192.0.2.7 198.51.100.1 4711 80\r\n", "\r\n\r\nGET / HTTP/1.1\r\n",
    "PROXY " + String(repeating: "x", count: 200),
  ])
  func `anything else is no connection at all`(_ text: String) throws {
    let origin = try ScriptedOrigin(saying: "")
    let proxy = try behindBalancer(origin)
    let client = try proxy.connect()
    try client.send(text)
    let rest = try? client.readToEnd()
    #expect(rest?.bytes.isEmpty ?? true)
    #expect(origin.connectionCount == 0)
  }

  // MARK: Names

  @Test func `Forwarded says the same as X-Forwarded-For, and nobody can forge it`() throws {
    let origin = try ScriptedOrigin(saying: "")
    let proxy = try ProxyUnderTest(origin) { $0.proxy.addsForwarded = true }
    _ = try proxy.exchange(head("GET /", "Forwarded: for=6.6.6.6", "X-Real-IP: 6.6.6.6"))
    let request = try origin.request()
    #expect(request.all("Forwarded") == ["for=127.0.0.1;host=\"a\";proto=http"])
    #expect(!request.has("X-Real-IP"))
  }

  @Test func `a trusted proxy's Forwarded is appended to, and its X-Real-IP kept`() throws {
    let origin = try ScriptedOrigin(saying: "")
    let proxy = try ProxyUnderTest(origin) {
      $0.proxy.addsForwarded = true
      $0.proxy.trustedProxies = [loopback]
    }
    _ = try proxy.exchange(head("GET /", "Forwarded: for=192.0.2.1", "X-Real-IP: 192.0.2.1"))
    let request = try origin.request()
    #expect(request.all("Forwarded") == ["for=192.0.2.1", "for=127.0.0.1;host=\"a\";proto=http"])
    #expect(request["X-Real-IP"] == "192.0.2.1")
  }

  @Test func `a request has a name of its own, and a client's is not taken`() throws {
    let origin = try ScriptedOrigin(saying: "")
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    for _ in 0..<3 { _ = try client.exchange(head("GET /", "X-Request-Id: mine")) }
    let names = origin.requests.map { $0.all("X-Request-Id") }
    #expect(names.allSatisfy { $0.count == 1 && $0[0].wholeMatch(of: /[0-9a-f]{32}/) != nil })
    #expect(Set(names).count == 3)
  }

  @Test func `a trusted proxy's name for a request is kept`() throws {
    let origin = try ScriptedOrigin(saying: "")
    let proxy = try ProxyUnderTest(origin) { $0.proxy.trustedProxies = [loopback] }
    _ = try proxy.exchange(head("GET /", "X-Request-Id: theirs"))
    _ = try proxy.exchange(head("GET /"))
    #expect(try origin.request(0).all("X-Request-Id") == ["theirs"])
    #expect(try origin.request(1)["X-Request-Id"]?.count == 32)
  }

  @Test func `an answer of our own says which request it is`() throws {
    let proxy = try ProxyUnderTest(ProxyUnderTest.settings([.host("127.0.0.1", port: 1)])) {
      $0.proxy.retries = 0
    }
    #expect(try proxy.exchange(head())["X-Request-Id"]?.count == 32)
  }

  @Test func `traceparent passes untouched`() throws {
    let origin = try ScriptedOrigin(saying: "")
    let proxy = try ProxyUnderTest(origin)
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    _ = try proxy.exchange(head("GET /", "traceparent: \(trace)", "tracestate: a=b"))
    #expect(try origin.request().all("traceparent") == [trace])
    #expect(try origin.request().all("tracestate") == ["a=b"])
  }

  // MARK: Loops

  @Test(arguments: ["on", "off"])
  func `a request that comes back ends with 508`(_ via: String) throws {
    let origin = try ScriptedOrigin(saying: "")
    let proxy = try ProxyUnderTest(origin) { $0.proxy.addsVia = via == "on" }
    _ = try proxy.exchange(head())
    let mark =
      via == "on" ? "Via: \(try origin.request()["Via"]!)" : "CDN-Loop: \(try origin.request()["CDN-Loop"]!)"
    for line in [mark, mark.replacing("sluice", with: "SLUICE"), mark + ", 1.1 other"] {
      #expect(try proxy.exchange(head("GET /", line)).status == 508)
    }
    // Another Sluice before this one is no loop.
    for line in ["Via: 1.1 sluice-testing, 1.1 sluice", "CDN-Loop: sluice-5e"] {
      #expect(try proxy.exchange(head("GET /", line)).status == 200)
    }
    // And Connection cannot take the mark out.
    #expect(try proxy.exchange(head("GET /", mark, "Connection: via, cdn-loop")).status == 508)
  }

  @Test func `a proxy that is its own origin answers and does not fall over`() throws {
    let first = try ScriptedOrigin(saying: "")
    let path = temporaryPath("loop.sock")
    let settings = ProxyUnderTest.settings([.unix(path: path)])
    let proxy = try ProxyUnderTest(settings) { $0.listen.append(.unix(path)) }
    #expect(try proxy.exchange(head()).status == 508)
    withExtendedLifetime(first) {}
  }
}
