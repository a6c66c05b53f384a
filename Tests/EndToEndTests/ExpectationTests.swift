import Base
import Configuration
import Proxy
import TestSupport
import Testing

@Suite("Expect: 100-continue", .timeLimit(.minutes(10))) struct ExpectationTests {
  private let expecting = head("POST /x", "Content-Length: 5", "Expect: 100-continue")

  @Test func `the expectation and the 100 are passed on`() throws {
    let origin = try ScriptedOrigin { connection in
      while true {
        _ = try connection.readHead()
        try connection.send("HTTP/1.1 100 Continue\r\n\r\n")
        let body = try connection.read(exactly: 5)
        try connection.send(ok(String(decoding: body, as: UTF8.self)))
      }
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    for _ in 0..<2 {
      try client.send(expecting)
      #expect(try client.readAnyResponse().status == 100)
      try client.send("hello")
      #expect(try client.readAnyResponse().text == "hello")
    }
    #expect(origin.text().contains("Expect: 100-continue\r\n"))
    #expect(origin.connectionCount == 1)
  }

  @Test func `a client that does not wait is served all the same`() throws {
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readHead()
      try connection.send("HTTP/1.1 100 Continue\r\n\r\n")
      _ = try connection.read(exactly: 5)
      try connection.send(ok("done"))
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    try client.send(expecting + "hello")
    #expect(try client.readResponse().text == "done")
  }

  @Test func `a final answer instead of 100 closes, because nobody knows whether the body comes`() throws {
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readHead()
      try connection.send(answer("403 Forbidden", "Content-Length: 2", body: "no"))
      try connection.awaitEnd()
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    try client.send(expecting)
    let response = try client.readAnyResponse()
    #expect(response.status == 403)
    #expect(response.text == "no")
    #expect(response["Connection"] == "close")
    // Whatever comes now is body or a request: neither may reach an origin as a request.
    try? client.send("GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(try client.readToEnd().bytes.isEmpty)
    try origin.wait("the connection to end") { $0.endedCount == 1 }
    #expect(origin.connectionCount == 1)
    #expect(!origin.text().contains("smuggled"))
  }

  @Test func `another expectation is answered 417`() throws {
    let origin = try ScriptedOrigin(saying: "")
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    let response = try client.exchange(head("POST /x", "Content-Length: 5", "Expect: tea"))
    #expect(response.status == 417)
    #expect(try client.readToEnd().bytes.isEmpty)
    #expect(origin.connectionCount == 0)
  }

  @Test func `an expectation without a body is no reason to close`() throws {
    let origin = try ScriptedOrigin(saying: "x")
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    for _ in 0..<2 { #expect(try client.exchange(head("GET /", "Expect: 100-continue")).text == "x") }
  }

  @Test func `an HTTP/1.0 client is not sent 100`() throws {
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readHead()
      try connection.send("HTTP/1.1 100 Continue\r\n\r\n")
      _ = try connection.read(exactly: 5)
      try connection.send(ok("done"))
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    try client.send("POST / HTTP/1.0\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello")
    let response = try client.readAnyResponse()
    #expect(response.status == 200)
    #expect(response.text == "done")
  }

  @Test func `the origin's silence about an expectation is not the client's fault`() throws {
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readHead()
      try connection.awaitEnd()
    }
    let proxy = try ProxyUnderTest(origin) { settings in
      settings.proxy.progressTimeout = .milliseconds(300)
      settings.proxy.responseTimeout = .milliseconds(300)
    }
    let client = try proxy.connect()
    try client.send(expecting)
    #expect(try client.readResponse().status == 504)
  }
}
