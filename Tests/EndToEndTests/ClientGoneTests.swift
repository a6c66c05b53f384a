import TestSupport
import Testing

@Suite("A client that goes away", .timeLimit(.minutes(10))) struct ClientGoneTests {
  enum Leaving: String, CaseIterable {
    case close, reset
    func leave(_ client: WireClient) { self == .close ? client.close() : client.reset() }
  }

  @Test(arguments: Leaving.allCases)
  func `while it waits ends the origin's work`(_ leaving: Leaving) throws {
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readRequest()
      try connection.awaitEnd()
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    try client.send(head())
    try origin.wait("the request") { $0.byteCount > 0 }
    leaving.leave(client)
    try origin.wait("the connection to end") { $0.endedCount == 1 }
  }

  @Test(arguments: Leaving.allCases, [1000, 100_000_000])
  func `in the middle of an answer ends the origin's transfer`(_ leaving: Leaving, _ size: Int) throws {
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readRequest()
      try connection.send(answer("200 OK", "Content-Length: \(size)") + String(repeating: "x", count: 500))
      if size > 1000 { while true { try connection.send([UInt8](repeating: 0, count: 65_536)) } }
      try connection.awaitEnd()
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    try client.send(head())
    _ = try client.readHead()
    leaving.leave(client)
    try origin.wait("the connection to end") { $0.endedCount == 1 }
  }

  @Test(
    arguments: Leaving.allCases,
    ["Content-Length: 1000", "Content-Length: 10000000", "Transfer-Encoding: chunked"])
  func `in the middle of an upload ends the origin's request`(_ leaving: Leaving, _ framing: String) throws {
    let origin = try ScriptedOrigin(saying: "never")
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    try client.send(head("POST /x", framing) + (framing.hasPrefix("T") ? chunk("hello") : "hello"))
    try origin.wait("the first bytes") { $0.text().contains("hello") }
    leaving.leave(client)
    try origin.wait("the connection to end") { $0.endedCount == 1 }
    #expect(origin.requests.isEmpty)
    // The proxy is none the worse.
    #expect(try proxy.exchange(head()).text == "never")
  }

  @Test func `in the middle of an event stream ends the origin's transfer`() throws {
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readRequest()
      try connection.send(answer("200 OK", "Content-Type: text/event-stream", "Transfer-Encoding: chunked"))
      try connection.send(chunk("data: 1\n\n"))
      try connection.awaitEnd()
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    try client.send(head())
    _ = try client.read(until: "data: 1")
    client.close()
    try origin.wait("the connection to end") { $0.endedCount == 1 }
  }

  @Test func `while it is held up ends the origin's transfer`() throws {
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readRequest()
      try connection.send(answer("200 OK", "Content-Length: 100000000"))
      while true { try connection.send([UInt8](repeating: 0, count: 65_536)) }
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect(bufferBytes: 64 * 1024)
    try client.send(head())
    try client.wait(forBytes: 200_000)
    client.reset()
    try origin.wait("the connection to end") { $0.endedCount == 1 }
  }

  @Test func `in the middle of a head disturbs nobody`() throws {
    let origin = try ScriptedOrigin(saying: "x")
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    try client.send("GET / HTTP/1.1\r\nHo")
    client.reset()
    #expect(try proxy.exchange(head()).text == "x")
    #expect(origin.requests.count == 1)
    proxy.drain()
    #expect(try proxy.exitCode() == 0)
  }
}
