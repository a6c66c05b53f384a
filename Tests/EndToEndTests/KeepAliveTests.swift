import TestSupport
import Testing

@Suite("Keep-alive towards clients", .timeLimit(.minutes(10))) struct KeepAliveTests {
  @Test func `serves request after request on one connection`() throws {
    let origin = try ScriptedOrigin { ok($0.target) }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    for number in 0..<20 {
      let response = try client.exchange(head("GET /\(number)"))
      #expect(response.text == "/\(number)")
      #expect(!response.has("Connection"))
    }
  }

  @Test func `closes after the answer when the client asks for it`() throws {
    let origin = try ScriptedOrigin(saying: "x")
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    let response = try client.exchange(head("GET /", "Connection: close"))
    #expect(response.text == "x")
    #expect(response["Connection"] == "close")
    #expect(try client.readToEnd() == ([], .closed))
    #expect(try !origin.request().has("Connection"))
  }

  @Test func `closes after the answer to HTTP/1.0`() throws {
    let origin = try ScriptedOrigin(saying: "x")
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    let response = try client.exchange("GET / HTTP/1.0\r\n\r\n")
    #expect(response.text == "x")
    #expect(response["Connection"] == "close")
    #expect(try client.readToEnd() == ([], .closed))
    #expect(try origin.request().version == "HTTP/1.1")
    #expect(try origin.request().all("Host").count == 1)
  }

  @Test func `keeps an HTTP/1.0 connection that asks for it and says so`() throws {
    let origin = try ScriptedOrigin(saying: "x")
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    for _ in 0..<3 {
      let response = try client.exchange("GET / HTTP/1.0\r\nHost: a\r\nConnection: Keep-Alive\r\n\r\n")
      #expect(response.text == "x")
      #expect(response["Connection"] == "keep-alive")
    }
    #expect(origin.requests.allSatisfy { !$0.has("Connection") && !$0.has("Keep-Alive") })
  }

  @Test func `the origin's close does not close the client's connection`() throws {
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readRequest()
      try connection.send(answer("200 OK", "Content-Length: 1", "Connection: close", body: "x"))
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    for _ in 0..<3 {
      let response = try client.exchange(head())
      #expect(response.text == "x")
      #expect(!response.has("Connection"))
    }
    #expect(origin.connectionCount == 3)
  }
}
