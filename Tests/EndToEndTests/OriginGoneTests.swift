import TestSupport
import Testing

@Suite("An origin that goes away", .timeLimit(.minutes(10))) struct OriginGoneTests {
  enum Leaving: String, CaseIterable {
    case close, reset
    func leave(_ connection: OriginConnection) { if self == .reset { connection.reset() } }
  }

  @Test(arguments: Leaving.allCases)
  func `before it answers is a 502 and the client's connection stays`(_ leaving: Leaving) throws {
    let origin = try ScriptedOrigin { connection in
      let request = try connection.readRequest()
      if request.target == "/bad" { return leaving.leave(connection) }
      try connection.send(ok("good"))
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    let response = try client.exchange(head("GET /bad"))
    #expect(response.status == 502)
    #expect(!response.text.isEmpty)
    #expect(try client.exchange(head("GET /good")).text == "good")
  }

  @Test(arguments: Leaving.allCases)
  func `in the middle of its head is a 502`(_ leaving: Leaving) throws {
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readRequest()
      try connection.send("HTTP/1.1 200 OK\r\nContent-Le")
      leaving.leave(connection)
    }
    let proxy = try ProxyUnderTest(origin)
    #expect(try proxy.exchange(head()).status == 502)
  }

  @Test(arguments: Leaving.allCases, [100, 1_000_000])
  func `short of its length gives the client a cut`(_ leaving: Leaving, _ length: Int) throws {
    let gate = Gate()
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readRequest()
      try connection.send(answer("200 OK", "Content-Length: \(length)", body: "short"))
      try gate.wait()
      leaving.leave(connection)
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    try client.send(head() + head("GET /next"))
    _ = try client.read(until: "short")
    gate.open()
    let (rest, _) = try client.readToEnd()
    #expect(rest.isEmpty, "nothing may follow, least of all another answer")
  }

  @Test(arguments: Leaving.allCases)
  func `before its last chunk gives the client no last chunk`(_ leaving: Leaving) throws {
    let gate = Gate()
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readRequest()
      try connection.send(answer("200 OK", "Transfer-Encoding: chunked") + chunk("part"))
      try gate.wait()
      leaving.leave(connection)
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    try client.send(head())
    _ = try client.read(until: "part\r\n")
    gate.open()
    #expect(try client.readToEnd().bytes.isEmpty)
  }

  @Test(arguments: Leaving.allCases)
  func `before its last chunk gives HTTP/1.0 a reset, where the end of the connection is the end`(
    _ leaving: Leaving
  ) throws {
    let gate = Gate()
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readRequest()
      try connection.send(answer("200 OK", "Transfer-Encoding: chunked") + chunk("part"))
      try gate.wait()
      leaving.leave(connection)
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    try client.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n")
    _ = try client.read(until: "part")
    gate.open()
    #expect(try client.readToEnd().end == .reset)
  }

  @Test func `by a reset in a body without a length gives a cut`() throws {
    let gate = Gate()
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readRequest()
      try connection.send(answer("200 OK") + "part")
      try gate.wait()
      connection.reset()
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    try client.send(head())
    _ = try client.read(until: "part\r\n")
    gate.open()
    #expect(try client.readToEnd().bytes.isEmpty)
  }

  @Test func `by a reset in a body without a length gives HTTP/1.0 a reset`() throws {
    let gate = Gate()
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readRequest()
      try connection.send(answer("200 OK") + "part")
      try gate.wait()
      connection.reset()
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    try client.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n")
    _ = try client.read(until: "part")
    gate.open()
    #expect(try client.readToEnd().end == .reset)
  }

  @Test func `what it sent before it went reaches a slow client`() throws {
    let sent = 300_000
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readRequest()
      try connection.send(answer("200 OK", "Content-Length: 1000000") + String(repeating: "x", count: sent))
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect(bufferBytes: 16 * 1024)
    try client.send(head())
    try origin.wait("the origin to go") { $0.endedCount == 1 }
    _ = try client.readHead()
    let (bytes, _) = try client.readToEnd()
    #expect(bytes.count == sent)
  }
}
