import TestSupport
import Testing

@Suite("An origin that goes after an interim answer", .timeLimit(.minutes(5))) struct RetryAfterInterimTests {
  @Test(arguments: ["100 Continue", "103 Early Hints"])
  func `has the request and is not sent it again, though its connection was a reused one`(
    _ interim: String
  ) throws {
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readRequest()
      try connection.send(ok("first"))
      _ = try connection.readRequest()
      try connection.send(answer(interim))
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    #expect(try client.exchange(head()).text == "first")
    try client.send(head("GET /again"))
    #expect(try client.readAnyResponse().status / 100 == 1)
    #expect(try client.readAnyResponse().status == 502)
    #expect(origin.connectionCount == 1)
  }

  @Test func `has it also where the client speaks HTTP/1.0 and hears nothing of that`() throws {
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readRequest()
      try connection.send(ok("first"))
      _ = try connection.readRequest()
      try connection.send(answer("103 Early Hints"))
    }
    let proxy = try ProxyUnderTest(origin)
    #expect(try proxy.exchange(head()).text == "first")
    #expect(try proxy.exchange("GET /again HTTP/1.0\r\nHost: a\r\n\r\n").status == 502)
    #expect(origin.connectionCount == 1)
  }
}
