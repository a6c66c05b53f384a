import TestSupport
import Testing

@Suite("An answer before the request body is complete", .timeLimit(.minutes(10))) struct EarlyAnswerTests {
  /// Answers the first request when `count` bytes of its body have come; then serves what follows.
  private func origin(after count: Int) throws -> ScriptedOrigin {
    try ScriptedOrigin { connection in
      if connection.index == 0 {
        _ = try connection.readHead()
        _ = try connection.read(exactly: count)
        try connection.send(answer("403 Forbidden", "Content-Length: 2", body: "no"))
        try connection.awaitEnd()
      } else {
        while true {
          let request = try connection.readRequest()
          try connection.send(ok(request.target))
        }
      }
    }
  }

  @Test func `the rest of a small body is dropped and the connection kept`() throws {
    let origin = try origin(after: 10)
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    try client.send(head("POST /1", "Content-Length: 100000") + String(repeating: "x", count: 10))
    let response = try client.readResponse()
    #expect(response.status == 403)
    #expect(!response.has("Connection"))
    // The rest looks like a request; it is body all the same.
    let smuggled = head("GET /smuggled")
    try client.send(smuggled + String(repeating: "y", count: 99990 - smuggled.utf8.count))
    #expect(try client.exchange(head("GET /2")).text == "/2")
    #expect(!origin.text(1).contains("smuggled"))
    #expect(!origin.text(0).contains("smuggled"))
  }

  @Test func `the rest of a small chunked body is dropped and the connection kept`() throws {
    let origin = try origin(after: 5)
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    try client.send(head("POST /1", "Transfer-Encoding: chunked") + chunk("0123456789"))
    #expect(try client.readResponse().status == 403)
    try client.send(chunk(head("GET /smuggled")) + "0\r\nX-T: 1\r\n\r\n")
    #expect(try client.exchange(head("GET /2")).text == "/2")
    #expect(!origin.text(1).contains("smuggled"))
  }

  @Test func `a large body ends the connection and the answer is not lost`() throws {
    let origin = try origin(after: 10)
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    try client.send(head("POST /1", "Content-Length: 100000000") + String(repeating: "x", count: 10))
    let response = try client.readResponse()
    #expect(response.status == 403)
    #expect(response.text == "no")
    #expect(try client.readToEnd().bytes.isEmpty)
  }

  @Test func `a client that sends a large body without listening still gets the answer`() throws {
    let origin = try origin(after: 10)
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    try client.send(head("POST /1", "Content-Length: 100000000"))
    // More than the kernel holds, less than what lingering takes.
    try client.send([UInt8](repeating: 0, count: 900_000))
    let response = try client.readResponse()
    #expect(response.status == 403)
    #expect(response.text == "no")
  }

  @Test func `a malformed rest of a chunked body ends the connection`() throws {
    let origin = try origin(after: 5)
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    try client.send(head("POST /1", "Transfer-Encoding: chunked") + chunk("0123456789"))
    #expect(try client.readResponse().status == 403)
    try client.send("zz\r\n" + head("GET /2"))
    #expect(try client.readToEnd().bytes.isEmpty)
    #expect(!origin.text(1).contains("/2"))
  }

  @Test func `an origin that answers 413 and closes against the body is heard`() throws {
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readHead()
      _ = try connection.read(exactly: 1000)
      try connection.send(answer("413 Too Large", "Content-Length: 2", "Connection: close", body: "no"))
      // Closes with bytes unread: the kernel resets.
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    try client.send(head("POST /1", "Content-Length: 3000000"))
    // Whether all of it can be sent depends on when the proxy has heard.
    try? client.send([UInt8](repeating: 0, count: 1_000_000))
    let response = try client.readResponse()
    #expect(response.status == 413)
    #expect(response.text == "no")
  }

  @Test func `an answer that streams while the body still comes flows both ways`() throws {
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readHead()
      try connection.send(answer("200 OK", "Transfer-Encoding: chunked"))
      for _ in 0..<10 {
        let part = try connection.read(exactly: 5)
        try connection.send(chunk(String(decoding: part, as: UTF8.self)))
      }
      try connection.send("0\r\n\r\n")
      try connection.awaitEnd()
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    try client.send(head("POST /1", "Content-Length: 50"))
    _ = try client.readHead()
    for number in 0..<10 {
      try client.send("part\(number)")
      #expect(try client.read(exactly: 10) == Array("5\r\npart\(number)\r\n".utf8))
    }
    #expect(try client.read(exactly: 5) == Array("0\r\n\r\n".utf8))
    try client.send(head("GET /2"))
    try origin.wait("the next request on the same connection") { $0.text(0).contains("GET /2") }
    #expect(origin.connectionCount == 1)
  }
}
