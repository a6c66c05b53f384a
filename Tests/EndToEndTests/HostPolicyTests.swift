import Configuration
import Proxy
import TestSupport
import Testing
import Upstream

@Suite("SLUICE_HOST_HEADER", .timeLimit(.minutes(10))) struct HostPolicyTests {
  @Test func `preserve sends what the client sent, where it stood`() throws {
    let origin = try ScriptedOrigin(saying: "")
    let proxy = try ProxyUnderTest(origin)
    _ = try proxy.exchange("GET / HTTP/1.1\r\nX-A: 1\r\nhOst:  Shop.example:80 \r\nX-B: 2\r\n\r\n")
    let request = try origin.request()
    #expect(request["Host"] == "Shop.example:80")
    #expect(request.head.contains("X-A: 1\r\nhOst:  Shop.example:80 \r\nX-B: 2\r\n"))
  }

  @Test func `upstream sends the origin's name and tells the client's beside it`() throws {
    let origin = try ScriptedOrigin(saying: "")
    let proxy = try ProxyUnderTest(origin) { $0.proxy.hostPolicy = .upstream }
    _ = try proxy.exchange(head())
    let request = try origin.request()
    #expect(request.all("Host") == ["127.0.0.1:\(origin.port)"])
    #expect(request["X-Forwarded-Host"] == "a")
  }

  @Test func `a fixed value is sent whatever the client said`() throws {
    let origin = try ScriptedOrigin(saying: "")
    let proxy = try ProxyUnderTest(origin) { $0.proxy.hostPolicy = .fixed("app.internal") }
    _ = try proxy.exchange(head())
    _ = try proxy.exchange("GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n")
    _ = try proxy.exchange("GET / HTTP/1.0\r\n\r\n")
    #expect(origin.requests.map { $0.all("Host") } == [["app.internal"], ["app.internal"], ["app.internal"]])
  }

  @Test func `HTTP/1.0 without Host gets the origin's name`() throws {
    let origin = try ScriptedOrigin(saying: "")
    let proxy = try ProxyUnderTest(origin)
    _ = try proxy.exchange("GET / HTTP/1.0\r\n\r\n")
    let request = try origin.request()
    #expect(request.all("Host") == ["127.0.0.1:\(origin.port)"])
    #expect(!request.has("X-Forwarded-Host"))
  }

  @Test(arguments: [head(), head("POST /x", "Content-Length: 5") + "hello"])
  func `a retry on another origin goes by that origin's name`(_ text: String) throws {
    let gone = try ScriptedOrigin(saying: "")
    gone.stop()
    // A longer and a shorter name than the first, so that the head grows and shrinks.
    let origin = try ScriptedOrigin { ok($0.text) }
    let proxy = try ProxyUnderTest(gone, origin) { settings in
      settings.proxy.hostPolicy = .upstream
      settings.upstream.origins = [
        OriginSettings(gone.location), OriginSettings(.host("localhost", port: origin.port)),
      ]
    }
    for _ in 0..<4 { _ = try proxy.exchange(text) }
    #expect(origin.requests.count == 4)
    for request in origin.requests {
      #expect(request.all("Host") == ["localhost:\(origin.port)"])
      #expect(request.text == (text.hasSuffix("hello") ? "hello" : ""))
    }
  }
}
