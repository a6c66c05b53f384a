import Configuration
import Proxy
import TestSupport
import Testing

@Suite("Connections that went stale", .timeLimit(.minutes(10))) struct RetryTests {
  /// Serves one request on its first connection and lets the second die as `dying` says; serves every
  /// request on later connections.
  private func origin(dying: @escaping @Sendable (OriginConnection) throws -> Void) throws -> ScriptedOrigin {
    try ScriptedOrigin { connection in
      if connection.index == 0 {
        _ = try connection.readRequest()
        try connection.send(ok("first"))
        try dying(connection)
        return
      }
      while true {
        let request = try connection.readRequest()
        try connection.send(ok("\(request.method) \(request.text)"))
      }
    }
  }

  @Test(arguments: ["GET", "HEAD", "OPTIONS", "DELETE", "TRACE"])
  func `an idempotent request is tried once more on a fresh connection`(_ method: String) throws {
    let origin = try origin { connection in _ = try connection.readRequest() }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    _ = try client.exchange(head())
    let response = try client.exchange(head("\(method) /x"), method: method)
    #expect(response.status == 200)
    #expect(origin.connectionCount == 2)
    let text = origin.text(0)
    #expect(text.contains("\(method) /x HTTP/1.1"))
  }

  @Test func `so is one whose connection was reset`() throws {
    let origin = try origin { connection in
      _ = try connection.readRequest()
      connection.reset()
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    _ = try client.exchange(head())
    #expect(try client.exchange(head()).text == "GET ")
  }

  @Test(arguments: ["Content-Length: 11", "Transfer-Encoding: chunked"])
  func `a small PUT is tried again with its body`(_ framing: String) throws {
    let origin = try origin { connection in _ = try connection.readRequest() }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    _ = try client.exchange(head())
    let body = framing.hasPrefix("T") ? chunk("hello ") + chunk("world") + "0\r\n\r\n" : "hello world"
    #expect(try client.exchange(head("PUT /x", framing) + body).text == "PUT hello world")
    #expect(origin.connectionCount == 2)
  }

  @Test(arguments: ["Content-Length: 11", "Transfer-Encoding: chunked"])
  func `a PUT is tried again although only a part of its body had come`(_ framing: String) throws {
    let gone = Gate()
    let origin = try origin { connection in
      _ = try connection.readHead()
      _ = try connection.read(until: "hello ")
      connection.reset()
      gone.open()
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    let isChunked = framing.hasPrefix("T")
    _ = try client.exchange(head())
    try client.send(head("PUT /x", framing) + (isChunked ? chunk("hello ") : "hello "))
    try gone.wait()
    try origin.wait("the second try") { $0.connectionCount == 2 }
    try client.send(isChunked ? chunk("world") + "0\r\n\r\n" : "world")
    #expect(try client.readResponse().text == "PUT hello world")
  }

  @Test(arguments: [70_000, 200_000, 2_000_000])
  func `a PUT of which more went out than is kept is not tried again, or in full`(_ size: Int) throws {
    let gone = Gate()
    let origin = try origin { connection in
      _ = try connection.readHead()
      _ = try connection.read(exactly: 66_000)
      connection.reset()
      gone.open()
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    _ = try client.exchange(head())
    let body = RetryTests.pattern(size)
    // A small first part is kept for a second try; what follows may go through the kernel unseen.
    try client.send(
      head("PUT /x", "Content-Length: \(size)") + String(decoding: body.prefix(100), as: UTF8.self))
    try origin.wait("the first part") { $0.text(0).contains("PUT /x") }
    try client.send(Array(body[100..<66_100]))
    try gone.wait()
    try? client.send(Array(body[66_100...]))
    let response = try client.readResponse()
    if response.status == 200 {
      #expect(response.text == "PUT " + String(decoding: body, as: UTF8.self), "the body must be whole")
    } else {
      #expect(response.status == 502)
      #expect(origin.connectionCount == 1)
    }
  }

  @Test(arguments: ["POST", "PATCH", "M-SEARCH"])
  func `a request that is not idempotent is never sent twice`(_ method: String) throws {
    let origin = try origin { connection in _ = try connection.readRequest() }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    _ = try client.exchange(head())
    let response = try client.exchange(head("\(method) /x", "Content-Length: 2") + "hi")
    #expect(response.status == 502)
    #expect(origin.connectionCount == 1)
  }

  @Test func `a POST does not take a connection that was closed meanwhile`() throws {
    let origin = try origin { _ in }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    _ = try client.exchange(head())
    try origin.wait("the connection to end") { $0.endedCount == 1 }
    #expect(try client.exchange(head("POST /x", "Content-Length: 2") + "hi").text == "POST hi")
  }

  @Test(arguments: [(0, 1), (1, 2), (2, 3)])
  func `an idempotent request that fails on fresh connections is tried as often as the setting says`(
    retries: Int, connections: Int
  ) throws {
    let origin = try ScriptedOrigin { connection in _ = try connection.readRequest() }
    let proxy = try ProxyUnderTest(origin) { $0.proxy.retries = retries }
    #expect(try proxy.exchange(head()).status == 502)
    #expect(origin.connectionCount == connections)
  }

  @Test(arguments: ["GET", "PUT"]) func `a request whose connection breaks goes on to another endpoint`(
    _ method: String
  ) throws {
    let bad = try ScriptedOrigin { connection in
      _ = try connection.readRequest()
      connection.reset()
    }
    let good = try ScriptedOrigin { ok("\($0.method) \($0.text)") }
    let proxy = try ProxyUnderTest(bad, good) { $0.proxy.hostPolicy = .upstream }
    let client = try proxy.connect()
    for _ in 0..<4 {
      let response = try client.exchange(head("\(method) /x", "Content-Length: 5") + "hello")
      #expect(response.text == "\(method) hello")
    }
    // The name of the endpoint that answers, not of the one that was asked first.
    #expect(good.requests.allSatisfy { $0["host"] == "127.0.0.1:\(good.port)" })
  }

  @Test(arguments: [1000, 20_000, 40_000, 60_000]) func `a PUT goes on with its body, up to 64 KiB`(
    _ count: Int
  ) throws {
    let bad = try ScriptedOrigin { connection in
      _ = try connection.readRequest()
      connection.reset()
    }
    let good = try ScriptedOrigin { ok("\($0.body.count) \($0.body == RetryTests.pattern($0.body.count))") }
    let proxy = try ProxyUnderTest(bad, good)
    let client = try proxy.connect()
    let body = String(decoding: RetryTests.pattern(count), as: UTF8.self)
    for _ in 0..<2 {
      #expect(try client.exchange(head("PUT /x", "Content-Length: \(count)") + body).text == "\(count) true")
    }
  }

  @Test func `a POST that an origin may have seen is not sent again`() throws {
    let bad = try ScriptedOrigin { connection in
      _ = try connection.readRequest()
      connection.reset()
    }
    let good = try ScriptedOrigin { ok($0.text) }
    let proxy = try ProxyUnderTest(bad, good)
    let client = try proxy.connect()
    #expect(try client.exchange(head("POST /x", "Content-Length: 5") + "hello").status == 502)
    #expect(good.requests.isEmpty)
  }

  @Test func `a reused connection that fails is free, the others are counted`() throws {
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readRequest()
      if connection.index == 0 { try connection.send(ok("first")) }
      if connection.index == 0 { _ = try connection.readRequest() }
    }
    let proxy = try ProxyUnderTest(origin) { $0.proxy.retries = 0 }
    let client = try proxy.connect()
    _ = try client.exchange(head())
    #expect(try client.exchange(head()).status == 502)
    #expect(origin.connectionCount == 2)
  }

  @Test func `a request is not tried again once a byte of an answer has come`() throws {
    let origin = try origin { connection in
      _ = try connection.readRequest()
      try connection.send("HTTP/1.1 2")
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    _ = try client.exchange(head())
    #expect(try client.exchange(head()).status == 502)
    #expect(origin.connectionCount == 1)
  }

  @Test(arguments: [head("GET /again"), head("PUT /again", "Content-Length: 5") + "hello"], [false, true])
  func `an origin that went down in between hands its request to the next`(
    _ request: String, _ otherIsWarm: Bool
  ) throws {
    let listener = Waitable<ScriptedOrigin?>(nil)
    let dying = try ScriptedOrigin { connection in
      _ = try connection.readRequest()
      try connection.send(ok("first"))
      _ = try connection.readRequest()
      // Nobody listens any more when the connection ends: the second try is refused.
      listener.value?.stop()
      connection.reset()
    }
    listener.withLock { $0 = dying }
    let other = try ScriptedOrigin { ok("other \($0.text)") }
    let proxy = try ProxyUnderTest(dying, other)
    let client = try proxy.connect()
    #expect(try client.exchange(head()).text == "first")
    // Round robin: the second request goes to the other origin, the third to the dying one.
    #expect(try client.exchange(head()).text == "other ")
    if !otherIsWarm { try coolDown(other) }
    let response = try client.exchange(request)
    #expect(response.text == "other " + (request.hasSuffix("hello") ? "hello" : ""))
  }

  /// Ends the idle connections to `origin`.
  private func coolDown(_ origin: ScriptedOrigin) throws {
    origin.endConnections()
    try origin.wait("its connections to end") { $0.endedCount == $0.connectionCount }
  }

  private static func pattern(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(97 + $0 % 26) } }
}
