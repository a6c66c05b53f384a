import TestSupport
import Testing

@Suite("Answers without a body", .timeLimit(.minutes(10))) struct BodilessTests {
  @Test func `HEAD keeps the length it tells and has no body`() throws {
    let origin = try ScriptedOrigin { _ in answer("200 OK", "Content-Length: 1000") }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    for _ in 0..<2 {
      let response = try client.exchange(head("HEAD /x"), method: "HEAD")
      #expect(response.status == 200)
      #expect(response["Content-Length"] == "1000")
    }
    #expect(origin.connectionCount == 1)
  }

  @Test func `HEAD of a chunked resource has no body and keeps the connection`() throws {
    let origin = try ScriptedOrigin { _ in answer("200 OK", "Transfer-Encoding: chunked") }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    for _ in 0..<2 { #expect(try client.exchange(head("HEAD /x"), method: "HEAD").status == 200) }
    #expect(origin.connectionCount == 1)
  }

  @Test func `HTTP/1.0 is told no transfer coding, not even for HEAD`() throws {
    let origin = try ScriptedOrigin { _ in answer("200 OK", "Transfer-Encoding: chunked") }
    let proxy = try ProxyUnderTest(origin)
    let response = try proxy.exchange("HEAD / HTTP/1.0\r\nHost: a\r\n\r\n", method: "HEAD")
    #expect(response.status == 200)
    #expect(!response.has("Transfer-Encoding"))
  }

  @Test(arguments: ["204 No Content", "304 Not Modified", "205 Reset Content"])
  func `an answer that has no body leaves both connections in use`(_ line: String) throws {
    let origin = try ScriptedOrigin { _ in
      line.hasPrefix("205") ? answer(line, "Content-Length: 0") : answer(line, "ETag: \"1\"")
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    for _ in 0..<3 {
      let response = try client.exchange(head())
      #expect("\(response.status) \(response.reason)" == line)
      #expect(!response.has("Transfer-Encoding"))
    }
    #expect(origin.connectionCount == 1)
  }

  @Test func `304 may tell the length of what it does not send`() throws {
    let origin = try ScriptedOrigin { _ in answer("304 Not Modified", "Content-Length: 1000") }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    for _ in 0..<2 {
      let response = try client.exchange(head())
      #expect(response.status == 304)
      #expect(response["Content-Length"] == "1000")
    }
    #expect(origin.connectionCount == 1)
  }

  @Test func `204 is told without framing fields`() throws {
    let origin = try ScriptedOrigin { _ in answer("204 No Content", "Content-Length: 0") }
    let proxy = try ProxyUnderTest(origin)
    let response = try proxy.exchange(head())
    #expect(response.status == 204)
    #expect(!response.has("Content-Length"))
  }

  @Test func `bytes after a 204 are not taken for the next answer`() throws {
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readRequest()
      if connection.index == 0 {
        try connection.send(answer("204 No Content") + ok("stray"))
        try connection.awaitEnd()
      } else {
        try connection.send(ok("fresh"))
      }
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    #expect(try client.exchange(head()).status == 204)
    #expect(try client.exchange(head()).text == "fresh")
  }
}
