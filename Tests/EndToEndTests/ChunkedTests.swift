import TestSupport
import Testing

@Suite("The chunked coding", .timeLimit(.minutes(10))) struct ChunkedTests {
  @Test func `a chunked request is passed on with its trailers as trailers`() throws {
    let origin = try ScriptedOrigin { ok($0.text) }
    let proxy = try ProxyUnderTest(origin)
    let response = try proxy.exchange(
      head("POST /x", "Transfer-Encoding: chunked", "Trailer: X-Sum")
        + chunk("hello ") + chunk("world") + "0\r\nX-Sum: 11\r\nX-Other: y\r\n\r\n")
    #expect(response.text == "hello world")
    let request = try origin.request()
    #expect(request.isChunked)
    #expect(
      request.trailers == [WireField(name: "X-Sum", value: "11"), WireField(name: "X-Other", value: "y")])
    #expect(!request.has("X-Sum"))
  }

  @Test func `a chunked answer is passed on with its trailers as trailers`() throws {
    let origin = try ScriptedOrigin { _ in
      answer("200 OK", "Transfer-Encoding: chunked", "Trailer: X-Sum")
        + chunk("hello ") + chunk("world") + "0\r\nX-Sum: 11\r\n\r\n"
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    for _ in 0..<2 {
      let response = try client.exchange(head("GET /", "TE: trailers"))
      #expect(response.text == "hello world")
      #expect(response.isChunked)
      #expect(response.trailers == [WireField(name: "X-Sum", value: "11")])
      #expect(!response.has("X-Sum"))
    }
    #expect(try origin.request()["TE"] == "trailers")
    #expect(origin.connectionCount == 1)
  }

  @Test func `trailers that frame, route or authenticate are dropped both ways`() throws {
    let trailers =
      "0\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\nHost: b\r\nX-Good: 1\r\nAuthorization: x\r\n"
      + "Set-Cookie: a=b\r\nConnection: close\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n"
    let origin = try ScriptedOrigin { _ in
      answer("200 OK", "Transfer-Encoding: chunked") + chunk("y") + trailers
    }
    let proxy = try ProxyUnderTest(origin)
    let response = try proxy.exchange(head("POST /x", "Transfer-Encoding: chunked") + chunk("x") + trailers)
    let good = [WireField(name: "X-Good", value: "1")]
    #expect(try origin.request().trailers == good)
    #expect(response.trailers == good)
  }

  @Test func `extensions and leading zeros are taken and not passed on`() throws {
    let coded = "0005;name=value;flag\r\nhello\r\n6 ; q=\"a;\\\"b\"\r\n world\r\n000;end\r\n\r\n"
    let origin = try ScriptedOrigin { _ in answer("200 OK", "Transfer-Encoding: chunked") + coded }
    let proxy = try ProxyUnderTest(origin)
    // The test's parser refuses both.
    let response = try proxy.exchange(head("POST /x", "Transfer-Encoding: chunked") + coded)
    #expect(response.text == "hello world")
    #expect(try origin.request().text == "hello world")
  }

  @Test func `sizes in capitals are the same sizes`() throws {
    let body = String(repeating: "z", count: 0xAB)
    let origin = try ScriptedOrigin { _ in
      answer("200 OK", "Transfer-Encoding: chunked") + "AB\r\n\(body)\r\n0\r\n\r\n"
    }
    let proxy = try ProxyUnderTest(origin)
    let response = try proxy.exchange(
      head("POST /x", "Transfer-Encoding: Chunked") + "AB\r\n\(body)\r\n0\r\n\r\n")
    #expect(response.text == body)
    #expect(try origin.request().text == body)
  }

  @Test func `HTTP/1.0 gets the decoded body and the end of the connection`() throws {
    let origin = try ScriptedOrigin { _ in
      answer("200 OK", "Transfer-Encoding: chunked") + chunk("hello ") + chunk("world")
        + "0\r\nX-Sum: 1\r\n\r\n"
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    try client.send("GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n")
    let response = try client.readResponse()
    #expect(response.text == "hello world")
    #expect(!response.has("Transfer-Encoding"))
    #expect(response["Connection"] == "close")
    #expect(try client.readToEnd() == ([], .closed))
  }

  @Test func `a request body in tiny packets arrives whole`() throws {
    let origin = try ScriptedOrigin { ok($0.text) }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    let message =
      head("POST /x", "Transfer-Encoding: chunked") + chunk("hello ") + chunk("world")
      + "0\r\nX-Sum: 11\r\n\r\n"
    for byte in message.utf8 { try client.send([byte]) }
    #expect(try client.readResponse().text == "hello world")
    #expect(try origin.request().trailers.map(\.value) == ["11"])
  }

  @Test func `a malformed chunk is refused and the origin's connection is cut`() throws {
    let origin = try ScriptedOrigin(saying: "x")
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    try client.send(head("POST /x", "Transfer-Encoding: chunked") + chunk("hello"))
    try origin.wait("the first chunk") { $0.text().contains("hello") }
    try client.send("5\nhello\r\n0\r\n\r\n")
    #expect(try client.readResponse().status == 400)
    #expect(try client.readToEnd().bytes.isEmpty)
    try origin.wait("the connection to end") { $0.endedCount == 1 }
    #expect(origin.requests.isEmpty)
  }

  @Test func `a malformed chunk of the origin cuts the answer`() throws {
    let gate = Gate()
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readRequest()
      try connection.send(answer("200 OK", "Transfer-Encoding: chunked") + chunk("hello"))
      try gate.wait()
      try connection.send("zz\r\n")
      try connection.awaitEnd()
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    try client.send(head())
    _ = try client.read(until: "hello\r\n")
    gate.open()
    let rest = try client.readToEnd().bytes
    #expect(rest.isEmpty, "no last chunk may follow")
    try origin.wait("the connection to end") { $0.endedCount == 1 }
  }
}
