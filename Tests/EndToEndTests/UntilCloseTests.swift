import TestSupport
import Testing

@Suite("Bodies that end with the origin's connection", .timeLimit(.minutes(10))) struct UntilCloseTests {
  @Test func `HTTP/1.1 gets them chunked and keeps its connection`() throws {
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readRequest()
      try connection.send(answer("200 OK", "X-A: b") + "hello ")
      try connection.send("world")
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    for _ in 0..<2 {
      let response = try client.exchange(head())
      #expect(response.text == "hello world")
      #expect(response.isChunked)
    }
    #expect(origin.connectionCount == 2)
  }

  @Test func `HTTP/1.0 gets them until the close`() throws {
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readRequest()
      try connection.send(answer("200 OK") + "hello world")
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    try client.send("GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n")
    #expect(try client.readHead().lowercased().contains("connection: close\r\n"))
    let (bytes, end) = try client.readToEnd()
    #expect(String(decoding: bytes, as: UTF8.self) == "hello world")
    #expect(end == .closed)
  }

  @Test func `an empty one is an empty body`() throws {
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readRequest()
      try connection.send(answer("200 OK"))
    }
    let proxy = try ProxyUnderTest(origin)
    let response = try proxy.exchange(head())
    #expect(response.status == 200)
    #expect(response.body.isEmpty)
  }

  @Test func `an HTTP/1.0 origin is understood and its version is not passed on`() throws {
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readRequest()
      try connection.send("HTTP/1.0 200 Fine\r\nX-A: b\r\n\r\nold")
    }
    let proxy = try ProxyUnderTest(origin)
    let response = try proxy.exchange(head())
    #expect(response.head.hasPrefix("HTTP/1.1 200 Fine\r\n"))
    #expect(response.text == "old")
    #expect(response["Via"] == "1.0 sluice")
  }
}
