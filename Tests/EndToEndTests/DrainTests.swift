import Base
import Configuration
import TestSupport
import Testing

@Suite("Ending", .timeLimit(.minutes(10))) struct DrainTests {
  /// Answers `/slow` when the gate opens, everything else at once.
  private func origin(_ gate: Gate) throws -> ScriptedOrigin {
    try ScriptedOrigin { connection in
      while true {
        let request: WireRequest
        do { request = try connection.readRequest() } catch WireError.ended { return }
        if request.target == "/slow" { try gate.wait() }
        try connection.send(ok(request.target))
      }
    }
  }

  @Test(arguments: [1, 2]) func `a drain without connections ends at once with 0`(_ workers: Int) throws {
    let proxy = try ProxyUnderTest(try origin(Gate()), workers: workers)
    proxy.drain()
    #expect(try proxy.exitCode() == 0)
  }

  @Test func `a drain closes idle connections of both sides and ends with 0`() throws {
    let origin = try origin(Gate())
    let proxy = try ProxyUnderTest(origin)
    let (used, fresh) = (try proxy.connect(), try proxy.connect())
    #expect(try used.exchange(head("GET /1")).text == "/1")
    proxy.drain()
    #expect(try used.readToEnd() == ([], .closed))
    #expect(try fresh.readToEnd().bytes.isEmpty)
    #expect(try proxy.exitCode() == 0)
    try origin.wait("the idle connection to end") { $0.endedCount == 1 }
  }

  @Test func `an idle connection may ask once more while a drain goes on`() throws {
    let origin = try origin(Gate())
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    #expect(try client.exchange(head("GET /1")).text == "/1")
    proxy.drain()
    try waitUntilRefused(proxy)
    // The client could not know: its request must not meet a reset.
    let response = try client.exchange(head("GET /2"))
    #expect(response.text == "/2")
    #expect(response["Connection"] == "close")
    #expect(try client.readToEnd() == ([], .closed))
    #expect(try proxy.exitCode() == 0)
  }

  @Test func `a drain lets an exchange finish, tells the client to go and ends with 0`() throws {
    let gate = Gate()
    let origin = try origin(gate)
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    try client.send(head("GET /slow"))
    try origin.wait("the request") { $0.byteCount > 0 }
    proxy.drain()
    try waitUntilRefused(proxy)
    gate.open()
    let response = try client.readResponse()
    #expect(response.text == "/slow")
    #expect(response["Connection"] == "close")
    #expect(try client.readToEnd() == ([], .closed))
    #expect(try proxy.exitCode() == 0)
  }

  @Test func `a drain lets a body finish whose head was sent before`() throws {
    let gate = Gate()
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readRequest()
      try connection.send(answer("200 OK", "Content-Length: 10", body: "01234"))
      try gate.wait()
      try connection.send("56789")
      try connection.awaitEnd()
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    try client.send(head())
    _ = try client.read(until: "01234")
    proxy.drain()
    try waitUntilRefused(proxy)
    gate.open()
    #expect(try client.readToEnd() == (Array("56789".utf8), .closed))
    #expect(try proxy.exitCode() == 0)
  }

  @Test func `a drain lets an upload finish`() throws {
    let origin = try origin(Gate())
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    try client.send(head("POST /up", "Content-Length: 10") + "01234")
    try origin.wait("the first half") { $0.text().contains("01234") }
    proxy.drain()
    try waitUntilRefused(proxy)
    try client.send("56789")
    let response = try client.readResponse()
    #expect(response.text == "/up")
    #expect(response["Connection"] == "close")
    #expect(try proxy.exitCode() == 0)
  }

  @Test func `a drain ends a connection whose unwanted body comes to its end`() throws {
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readHead()
      try connection.send(answer("403 Forbidden", "Content-Length: 0"))
      try connection.awaitEnd()
    }
    let proxy = try ProxyUnderTest(origin) { $0.drainTimeout = .seconds(10) }
    let client = try proxy.connect()
    try client.send(head("POST /x", "Content-Length: 10") + "01234")
    #expect(try client.readResponse().status == 403)
    proxy.drain()
    try waitUntilRefused(proxy)
    try client.send("56789")
    #expect(try client.readToEnd() == ([], .closed))
    #expect(try proxy.exitCode() == 0)
  }

  @Test func `a drain answers a head that is half here`() throws {
    let origin = try origin(Gate())
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    // The answer to the first request says that the second's beginning has been read with it.
    try client.send(head("GET /1") + "GET /2 HTTP/1.1\r\nHo")
    #expect(try client.readResponse().text == "/1")
    proxy.drain()
    try waitUntilRefused(proxy)
    try client.send("st: a\r\n\r\n")
    let response = try client.readResponse()
    #expect(response.text == "/2")
    #expect(response["Connection"] == "close")
    #expect(try proxy.exitCode() == 0)
  }

  @Test func `pipelined requests are answered up to the one that says close`() throws {
    let gate = Gate()
    let origin = try origin(gate)
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    try client.send(head("GET /slow") + head("GET /2"))
    try origin.wait("the request") { $0.byteCount > 0 }
    proxy.drain()
    try waitUntilRefused(proxy)
    gate.open()
    #expect(try client.readResponse()["Connection"] == "close")
    #expect(try client.readToEnd().bytes.isEmpty)
    #expect(try proxy.exitCode() == 0)
  }

  @Test(arguments: [1, 2]) func `past the drain's deadline connections are cut and the code is 3`(
    _ workers: Int
  ) throws {
    let gate = Gate()
    let origin = try origin(gate)
    let proxy = try ProxyUnderTest(origin, workers: workers) { $0.drainTimeout = .milliseconds(200) }
    let client = try proxy.connect()
    try client.send(head("GET /slow"))
    try origin.wait("the request") { $0.byteCount > 0 }
    proxy.drain()
    #expect(try client.readToEnd().bytes.isEmpty)
    #expect(try proxy.exitCode() == 3)
    gate.open()
  }

  @Test func `a second signal cuts at once`() throws {
    let gate = Gate()
    let origin = try origin(gate)
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    try client.send(head("GET /slow"))
    try origin.wait("the request") { $0.byteCount > 0 }
    proxy.drain()
    try waitUntilRefused(proxy)
    proxy.cut()
    #expect(try client.readToEnd().bytes.isEmpty)
    #expect(try proxy.exitCode() == 3)
    gate.open()
  }

  @Test func `connections are accepted for a while after the signal where that is set`() throws {
    let origin = try origin(Gate())
    let proxy = try ProxyUnderTest(origin) { $0.preDrain = .milliseconds(500) }
    proxy.drain()
    #expect(try proxy.exchange(head("GET /1")).text == "/1")
    #expect(try proxy.exitCode() == 0)
  }

  /// Waits until nobody listens any more: the drain has begun.
  private func waitUntilRefused(_ proxy: ProxyUnderTest) throws {
    let start = ContinuousClock.now
    while start.duration(to: .now) < .seconds(Patience.seconds) {
      guard let probe = try? proxy.connect() else { return }
      // Still in the backlog of a listener that is going: its end tells nothing of the drain.
      _ = try? probe.staysSilent(seconds: 0.02)
      probe.close()
    }
    throw WireError.timedOut("the listener to close")
  }
}
