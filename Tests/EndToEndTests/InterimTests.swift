import TestSupport
import Testing

@Suite("Interim answers", .timeLimit(.minutes(10))) struct InterimTests {
  @Test func `any number of them is passed on before the final one`() throws {
    let origin = try ScriptedOrigin { _ in
      (0..<20).map { answer("103 Early Hints", "Link: </\($0).css>; rel=preload") }.joined()
        + answer("102 Processing") + ok("final")
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    for _ in 0..<2 {
      try client.send(head())
      for number in 0..<20 {
        let hint = try client.readAnyResponse()
        #expect(hint.status == 103)
        #expect(hint["Link"] == "</\(number).css>; rel=preload")
        #expect(!hint.has("Content-Length") && !hint.has("Transfer-Encoding") && !hint.has("Date"))
      }
      #expect(try client.readAnyResponse().status == 102)
      #expect(try client.readAnyResponse().text == "final")
    }
    #expect(origin.connectionCount == 1)
  }

  @Test func `one reaches the client before the final answer exists`() throws {
    let gate = Gate()
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readRequest()
      try connection.send(answer("103 Early Hints", "Link: </a.css>"))
      try gate.wait()
      try connection.send(ok("final"))
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    try client.send(head())
    #expect(try client.readAnyResponse().status == 103)
    gate.open()
    #expect(try client.readAnyResponse().text == "final")
  }

  @Test func `HTTP/1.0 gets none`() throws {
    let origin = try ScriptedOrigin { _ in
      answer("100 Continue") + answer("103 Early Hints", "Link: </a.css>") + ok("final")
    }
    let proxy = try ProxyUnderTest(origin)
    let response = try proxy.connect().exchange("GET / HTTP/1.0\r\nHost: a\r\n\r\n")
    #expect(response.status == 200)
    #expect(response.text == "final")
  }

  @Test func `one split over many packets is passed on whole`() throws {
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readRequest()
      for byte in (answer("103 Early Hints", "Link: </a.css>") + ok("final")).utf8 {
        try connection.send([byte])
      }
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    try client.send(head())
    #expect(try client.readAnyResponse()["Link"] == "</a.css>")
    #expect(try client.readAnyResponse().text == "final")
  }

  @Test func `an origin that closes after an interim answer is a 502`() throws {
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readRequest()
      try connection.send(answer("103 Early Hints"))
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    try client.send(head())
    #expect(try client.readAnyResponse().status == 103)
    #expect(try client.readAnyResponse().status == 502)
  }
}
