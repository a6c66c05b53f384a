import TestSupport
import Testing

@Suite("Targets, methods and versions", .timeLimit(.minutes(10))) struct TargetTests {
  @Test func `the authority of an absolute target wins over Host`() throws {
    let origin = try ScriptedOrigin(saying: "")
    let proxy = try ProxyUnderTest(origin)
    _ = try proxy.exchange("GET http://b.example:81/p?q HTTP/1.1\r\nHost: a.example\r\n\r\n")
    let request = try origin.request()
    #expect(request.target == "/p?q")
    #expect(request.all("Host") == ["b.example:81"])
    #expect(request["X-Forwarded-Host"] == "b.example:81")
  }

  @Test func `OPTIONS asterisk is passed on as it is`() throws {
    let origin = try ScriptedOrigin(saying: "")
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    _ = try client.exchange("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")
    _ = try client.exchange("OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(origin.requests.map(\.target) == ["*", "*"])
  }

  @Test func `CONNECT is answered 405 with Allow and closed`() throws {
    let origin = try ScriptedOrigin(saying: "")
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    let response = try client.exchange("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n")
    #expect(response.status == 405)
    #expect(response.has("Allow"))
    #expect(try client.readToEnd() == ([], .closed))
    #expect(origin.connectionCount == 0)
  }

  @Test(arguments: [
    ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505), ("GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505),
    ("GET /\r\n\r\n", 400), ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ("GET https://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 421),
  ])
  func `other versions and schemes are refused`(_ text: String, _ status: Int) throws {
    let origin = try ScriptedOrigin(saying: "")
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    let response = try client.exchange(text)
    #expect(response.status == status)
    #expect(response["Connection"] == "close")
    #expect(try client.readToEnd() == ([], .closed))
    #expect(origin.connectionCount == 0)
  }

  @Test(arguments: ["OPTIONS", "TRACE"])
  func `Max-Forwards zero is answered here`(_ method: String) throws {
    let origin = try ScriptedOrigin(saying: "origin")
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    let response = try client.exchange(head("\(method) /x", "Max-Forwards: 0"))
    #expect(response.status == 200)
    #expect(origin.requests.isEmpty)
    #expect(try client.exchange(head()).text == "origin")
  }

  @Test func `no answer of ours names an origin`() throws {
    let origin = try ScriptedOrigin { _ in nil }
    let proxy = try ProxyUnderTest(origin)
    let response = try proxy.exchange(head())
    #expect(response.status == 502)
    #expect(!(response.head + response.text).contains("127.0.0.1"))
    #expect(!(response.head + response.text).contains("\(origin.port)"))
  }
}
