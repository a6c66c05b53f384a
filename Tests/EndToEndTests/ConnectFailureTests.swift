import Base
import Configuration
import Proxy
import Reactor
import TestSupport
import Testing
import Upstream

@Suite("Origins that cannot be reached", .timeLimit(.minutes(10))) struct ConnectFailureTests {
  private func gone() throws -> ScriptedOrigin {
    let origin = try ScriptedOrigin(saying: "never")
    origin.stop()
    return origin
  }

  @Test func `a refused connection moves the request to the next`() throws {
    let origin = try ScriptedOrigin { ok($0.text) }
    let proxy = try ProxyUnderTest(try gone(), origin)
    let client = try proxy.connect()
    for number in 0..<6 {
      #expect(
        try client.exchange(head("POST /\(number)", "Content-Length: 1") + "\(number)").text == "\(number)")
    }
    #expect(origin.requests.map(\.target) == (0..<6).map { "/\($0)" })
  }

  @Test func `a request body that is under way moves too`() throws {
    let origin = try ScriptedOrigin { ok("\($0.body.count)") }
    let proxy = try ProxyUnderTest(try gone(), try gone(), origin)
    let body = String(repeating: "b", count: 300_000)
    let client = try proxy.connect()
    for framing in ["Content-Length: 300000", "Transfer-Encoding: chunked"] {
      let coded = framing.hasPrefix("T") ? chunk(body) + "0\r\n\r\n" : body
      #expect(try client.exchange(head("POST /x", framing) + coded).text == "300000")
    }
  }

  @Test func `all refused is a 503 in time that keeps the client's connection`() throws {
    let proxy = try ProxyUnderTest(try gone(), try gone()) { $0.upstream.connectTimeout = .milliseconds(250) }
    let client = try proxy.connect()
    for _ in 0..<2 {
      let response = try client.exchange(head())
      #expect(response.status == 503)
      #expect(response["Retry-After"] == "1")
      #expect(!response.has("Connection"))
      #expect(!response.text.contains("127.0.0.1"))
    }
  }

  @Test func `without retries a refused connection is a 502 at once`() throws {
    let proxy = try ProxyUnderTest(try gone()) { $0.proxy.retries = 0 }
    let started = ContinuousClock.now
    #expect(try proxy.exchange(head()).status == 502)
    #expect(started.duration(to: .now) < .seconds(1))
  }

  @Test func `all refused with a body on its way is a 503 that closes`() throws {
    let proxy = try ProxyUnderTest(try gone()) { $0.upstream.connectTimeout = .milliseconds(250) }
    let client = try proxy.connect()
    try client.send(head("POST /x", "Content-Length: 1000") + "some")
    let response = try client.readResponse()
    #expect(response.status == 503)
    #expect(response["Connection"] == "close")
    #expect(try client.readToEnd().bytes.isEmpty)
  }

  @Test func `no more are tried than the setting says`() throws {
    let last = try ScriptedOrigin(saying: "last")
    let proxy = try ProxyUnderTest(try gone(), try gone(), last) { $0.proxy.retries = 1 }
    #expect(try proxy.exchange(head()).status == 502)
  }

  @Test func `a HEAD that fails is answered without a body`() throws {
    let proxy = try ProxyUnderTest(try gone()) { $0.proxy.retries = 0 }
    let client = try proxy.connect()
    for _ in 0..<2 {
      let response = try client.exchange(head("HEAD /x"), method: "HEAD")
      #expect(response.status == 502)
      #expect(response.has("Content-Length"))
    }
  }

  @Test func `a unix socket without a listener is a 502`() throws {
    let path = temporaryPath("gone.sock")
    let proxy = try ProxyUnderTest(ProxyUnderTest.settings([.unix(path: path)])) { $0.proxy.retries = 0 }
    #expect(try proxy.exchange(head()).status == 502)
  }

  @Test func `a connection that is not accepted in time is a 504`() throws {
    let blackhole = try Blackhole()
    let proxy = try ProxyUnderTest(ProxyUnderTest.settings([blackhole.location])) {
      $0.upstream.connectTimeout = .milliseconds(200)
    }
    let client = try proxy.connect()
    let response = try client.exchange(head())
    #expect(response.status == 504)
    #expect(response.text.contains("no connection"))
    #expect(!response.has("Connection"))
  }

  @Test func `a connection that is not accepted in time moves the request to the next`() throws {
    let blackhole = try Blackhole()
    let origin = try ScriptedOrigin(saying: "second")
    let proxy = try ProxyUnderTest(ProxyUnderTest.settings([blackhole.location, origin.location])) {
      $0.upstream.connectTimeout = .milliseconds(200)
    }
    #expect(try proxy.exchange(head()).text == "second")
  }
}
