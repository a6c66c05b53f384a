import Base
import Configuration
import Foundation
import Proxy
import Reactor
import TestSupport
import Testing
import Upstream

@Suite("Listeners", .timeLimit(.minutes(10))) struct ListenerTests {
  @Test(arguments: [1, 2]) func `a unix socket serves, and its file goes with the server`(_ workers: Int)
    throws
  {
    let path = temporaryPath("listen.sock")
    let origin = try ScriptedOrigin(saying: "x")
    let proxy = try ProxyUnderTest(origin, workers: workers) { $0.listen = [.unix(path)] }
    for _ in 0..<5 {
      let client = try proxy.connect()
      for _ in 0..<2 { #expect(try client.exchange(head()).text == "x") }
    }
    #expect(try origin.request().all("X-Forwarded-For") == ["unix:"])
    proxy.drain()
    #expect(try proxy.exitCode() == 0)
    #expect(!FileManager.default.fileExists(atPath: path))
  }

  @Test func `peers on a unix socket are trusted where that is set`() throws {
    let path = temporaryPath("trusted.sock")
    let origin = try ScriptedOrigin(saying: "x")
    let proxy = try ProxyUnderTest(origin) {
      $0.listen = [.unix(path)]
      $0.proxy.trustsUnixPeers = true
    }
    _ = try proxy.exchange(head("GET /", "X-Forwarded-Proto: https"))
    #expect(try origin.request().all("X-Forwarded-Proto") == ["https"])
  }

  @Test func `a file left by a server that was killed is replaced`() throws {
    let path = temporaryPath("stale.sock")
    let stale = try ScriptedOrigin(at: .unix(path)) { _ in }
    stale.stopKeepingFile()
    #expect(FileManager.default.fileExists(atPath: path))
    let origin = try ScriptedOrigin(saying: "x")
    let proxy = try ProxyUnderTest(origin) { $0.listen = [.unix(path)] }
    #expect(try proxy.exchange(head()).text == "x")
  }

  @Test func `a unix socket that is in use is not taken`() throws {
    let path = temporaryPath("used.sock")
    let holder = try ScriptedOrigin(at: .unix(path)) { connection in try connection.awaitEnd() }
    let origin = try ScriptedOrigin(saying: "x")
    #expect(throws: WireError.self) { try ProxyUnderTest(origin) { $0.listen = [.unix(path)] } }
    #expect(FileManager.default.fileExists(atPath: path))
    holder.stop()
  }

  @Test func `an origin on a unix socket is reached`() throws {
    let path = temporaryPath("origin.sock")
    let origin = try ScriptedOrigin(at: .unix(path)) { ok("\($0["Host"] ?? "-") \($0.body.count)") }
    let proxy = try ProxyUnderTest(origin) { $0.proxy.hostPolicy = .upstream }
    let client = try proxy.connect()
    let body = String(repeating: "b", count: 1_000_000)
    for _ in 0..<3 {
      #expect(
        try client.exchange(head("POST /", "Content-Length: 1000000") + body).text == "localhost 1000000")
    }
    #expect(origin.connectionCount == 1)
  }

  @Test func `large bodies pass between unix sockets`() throws {
    let path = temporaryPath("both.sock")
    let body = String(repeating: "0123456789", count: 300_000)
    let origin = try ScriptedOrigin(at: .unix(temporaryPath("both-origin.sock"))) { ok($0.text) }
    let proxy = try ProxyUnderTest(origin) { $0.listen = [.unix(path)] }
    let client = try proxy.connect()
    for _ in 0..<2 {
      try client.send(head("POST /", "Content-Length: \(body.utf8.count)") + body)
      #expect(try client.readResponse().text == body)
    }
  }

  @Test func `IPv6 serves and names its clients`() throws {
    let origin = try ScriptedOrigin(saying: "x")
    let proxy = try ProxyUnderTest(origin) { $0.listen = [.ip(IPAddress("::1")!, port: 0)] }
    #expect(try proxy.exchange(head()).text == "x")
    #expect(try origin.request().all("X-Forwarded-For") == ["::1"])
  }

  @Test func `an origin on IPv6 is reached and named in brackets`() throws {
    let origin = try ScriptedOrigin(at: .ip(IPAddress("::1")!, port: 0)) { ok($0["Host"] ?? "-") }
    let proxy = try ProxyUnderTest(origin) { $0.proxy.hostPolicy = .upstream }
    #expect(try proxy.exchange(head()).text == "[::1]:\(origin.port)")
  }

  @Test func `the IPv6 wildcard serves IPv4 and calls its clients by their IPv4 address`() throws {
    let origin = try ScriptedOrigin(saying: "x")
    let proxy = try ProxyUnderTest(origin) { $0.listen = [.ip(IPAddress("::")!, port: 0)] }
    guard case .ip(_, let port) = proxy.addresses[0] else { return }
    let client = try WireClient(.ip(IPAddress("127.0.0.1")!, port: port))
    #expect(try client.exchange(head()).text == "x")
    #expect(try origin.request().all("X-Forwarded-For") == ["127.0.0.1"])
  }

  @Test func `several addresses serve side by side`() throws {
    let path = temporaryPath("several.sock")
    let origin = try ScriptedOrigin(saying: "x")
    let proxy = try ProxyUnderTest(origin, workers: 2) {
      $0.listen = [.ip(IPAddress("127.0.0.1")!, port: 0), .unix(path), .ip(IPAddress("::1")!, port: 0)]
    }
    #expect(proxy.addresses.count == 3)
    for address in proxy.addresses { #expect(try WireClient(address).exchange(head()).text == "x") }
  }

  @Test func `a port that another server holds stops the start`() throws {
    let origin = try ScriptedOrigin(saying: "x")
    // Without SO_REUSEPORT: not to be shared.
    #expect(throws: WireError.self) { try ProxyUnderTest(origin) { $0.listen = [origin.address] } }
    #expect(try ProxyUnderTest(origin).exchange(head()).text == "x")
  }

  @Test func `localhost as an origin stands for its addresses`() throws {
    let origin = try ScriptedOrigin(saying: "x")
    let proxy = try ProxyUnderTest(ProxyUnderTest.settings([.host("localhost", port: origin.port)]))
    for _ in 0..<4 { #expect(try proxy.exchange(head()).text == "x") }
  }
}
