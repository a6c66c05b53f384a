import Configuration
import HTTP1
import Proxy
import TestSupport
import Testing

@Suite("Limits", .timeLimit(.minutes(10))) struct LimitTests {
  @Test func `a length beyond SLUICE_MAX_BODY is refused before an origin sees it`() throws {
    let origin = try ScriptedOrigin(saying: "")
    let proxy = try ProxyUnderTest(origin) { $0.proxy.bodyBytesMax = 1000 }
    let client = try proxy.connect()
    let response = try client.exchange(head("POST /x", "Content-Length: 1001"))
    #expect(response.status == 413)
    #expect(response["Connection"] == "close")
    #expect(try client.readToEnd().bytes.isEmpty)
    #expect(origin.connectionCount == 0)
  }

  @Test func `a chunked body beyond SLUICE_MAX_BODY is refused and the origin's request cut`() throws {
    let origin = try ScriptedOrigin(saying: "")
    let proxy = try ProxyUnderTest(origin) { $0.proxy.bodyBytesMax = 1000 }
    let client = try proxy.connect()
    let part = String(repeating: "b", count: 600)
    try client.send(head("POST /x", "Transfer-Encoding: chunked") + chunk(part))
    try origin.wait("the first part") { $0.byteCount > 600 }
    try client.send(chunk(part) + "0\r\n\r\n")
    #expect(try client.readResponse().status == 413)
    #expect(try client.readToEnd().bytes.isEmpty)
    try origin.wait("the connection to end") { $0.endedCount == 1 }
    #expect(origin.requests.isEmpty)
  }

  @Test(arguments: ["Content-Length: 1000", "Transfer-Encoding: chunked"])
  func `a body of just SLUICE_MAX_BODY is served`(_ framing: String) throws {
    let origin = try ScriptedOrigin { ok("\($0.body.count)") }
    let proxy = try ProxyUnderTest(origin) { $0.proxy.bodyBytesMax = 1000 }
    let body = String(repeating: "b", count: 1000)
    let coded = framing.hasPrefix("T") ? chunk(body) + "0\r\n\r\n" : body
    #expect(try proxy.exchange(head("POST /x", framing) + coded).text == "1000")
  }

  @Test func `a long target is refused with 414`() throws {
    let origin = try ScriptedOrigin(saying: "")
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    try? client.send(head("GET /" + String(repeating: "a", count: 20_000)))
    #expect(try client.readResponse().status == 414)
    #expect(try client.readToEnd().bytes.isEmpty)
    #expect(origin.connectionCount == 0)
  }

  @Test func `a large head is refused with 431`() throws {
    let origin = try ScriptedOrigin(saying: "")
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    try? client.send(head("GET /", "X-Large: " + String(repeating: "a", count: 40_000)))
    #expect(try client.readResponse().status == 431)
    #expect(try client.readToEnd().bytes.isEmpty)
    #expect(origin.connectionCount == 0)
  }

  @Test func `too many fields are refused with 431 and as many as allowed are served`() throws {
    let origin = try ScriptedOrigin(saying: "")
    let proxy = try ProxyUnderTest(origin) { $0.proxy.limits = Limits(fieldCountMax: 10) }
    let nine = (0..<9).map { "X-\($0): y\r\n" }.joined()
    #expect(try proxy.exchange("GET / HTTP/1.1\r\nHost: a\r\n\(nine)\r\n").status == 200)
    #expect(try proxy.exchange("GET / HTTP/1.1\r\nHost: a\r\n\(nine)X-9: y\r\n\r\n").status == 431)
  }

  @Test func `a large head of an origin is a 502`() throws {
    let origin = try ScriptedOrigin { _ in
      answer("200 OK", "X-Large: " + String(repeating: "a", count: 40_000), "Content-Length: 0")
    }
    let proxy = try ProxyUnderTest(origin)
    #expect(try proxy.exchange(head()).status == 502)
  }

  @Test func `a head just below the limit is served`() throws {
    let origin = try ScriptedOrigin { request in
      answer("200 OK", "X-Large: " + (request["X-Large"] ?? ""), "Content-Length: 0")
    }
    let proxy = try ProxyUnderTest(origin)
    let value = String(repeating: "a", count: 32 * 1024 - 200)
    let client = try proxy.connect()
    for _ in 0..<2 { #expect(try client.exchange(head("GET /", "X-Large: \(value)"))["X-Large"] == value) }
  }
}
