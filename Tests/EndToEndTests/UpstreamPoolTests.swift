import Base
import Configuration
import TestSupport
import Testing
import Upstream

@Suite("Idle connections to origins", .timeLimit(.minutes(10))) struct UpstreamPoolTests {
  /// Says on which connection each request came.
  private func numbering(
    _ fields: String..., after: @escaping @Sendable (OriginConnection) throws -> Void = { _ in }
  ) throws -> ScriptedOrigin {
    try ScriptedOrigin { connection in
      while true {
        do { _ = try connection.readRequest() } catch WireError.ended { return }
        let lines = fields.map { $0 + "\r\n" }.joined()
        try connection.send("HTTP/1.1 200 OK\r\n\(lines)Content-Length: 1\r\n\r\n\(connection.index)")
        try after(connection)
      }
    }
  }

  @Test func `are used by the next request, whichever client it comes from`() throws {
    let origin = try numbering()
    let proxy = try ProxyUnderTest(origin)
    for _ in 0..<5 { #expect(try proxy.exchange(head()).text == "0") }
    #expect(origin.connectionCount == 1)
  }

  @Test func `are as many as requests were under way at once`() throws {
    let gate = Gate()
    let origin = try ScriptedOrigin { connection in
      while true {
        do { _ = try connection.readRequest() } catch WireError.ended { return }
        try gate.wait()
        try connection.send(ok("\(connection.index)"))
      }
    }
    let proxy = try ProxyUnderTest(origin)
    let clients = try (0..<4).map { _ in try proxy.connect() }
    for client in clients { try client.send(head()) }
    try origin.wait("four connections") { $0.connectionCount == 4 }
    gate.open()
    for client in clients { #expect(try client.readResponse().status == 200) }
    for client in clients { #expect(try client.exchange(head()).status == 200) }
    #expect(origin.connectionCount == 4)
  }

  @Test func `that the origin closes are dropped`() throws {
    let origin = try numbering()
    let proxy = try ProxyUnderTest(origin)
    #expect(try proxy.exchange(head()).text == "0")
    origin.endConnections()
    try origin.wait("the end") { $0.endedCount == 1 }
    #expect(try proxy.exchange(head("POST /x", "Content-Length: 0")).text == "1")
  }

  @Test func `are closed after their timeout`() throws {
    let origin = try numbering()
    let proxy = try ProxyUnderTest(origin) { $0.upstream.idleTimeout = .milliseconds(100) }
    #expect(try proxy.exchange(head()).text == "0")
    try origin.wait("the proxy to close") { $0.endedCount == 1 }
    #expect(try proxy.exchange(head()).text == "1")
  }

  @Test func `are closed before the origin's own timeout where it tells one`() throws {
    let origin = try numbering("Keep-Alive: timeout=2, max=100")
    let proxy = try ProxyUnderTest(origin)
    let start = ContinuousClock.now
    #expect(try proxy.exchange(head()).text == "0")
    try origin.wait("the proxy to close") { $0.endedCount == 1 }
    #expect(start.duration(to: .now) < .seconds(2))
  }

  @Test func `are not kept where the origin keeps them for a second only`() throws {
    let origin = try numbering("Keep-Alive: timeout=1")
    let proxy = try ProxyUnderTest(origin)
    #expect(try proxy.exchange(head()).text == "0")
    #expect(try proxy.exchange(head()).text == "1")
  }

  @Test func `are not kept where a limit of none is set`() throws {
    let origin = try numbering()
    let proxy = try ProxyUnderTest(origin) { $0.upstream.idleTimeout = .milliseconds(0) }
    #expect(try proxy.exchange(head()).text == "0")
    #expect(try proxy.exchange(head()).text == "1")
  }

  @Test func `beyond their number are closed, the oldest first`() throws {
    let gate = Gate()
    let origin = try ScriptedOrigin { connection in
      while true {
        do { _ = try connection.readRequest() } catch WireError.ended { return }
        try gate.wait()
        try connection.send(ok("\(connection.index)"))
      }
    }
    let proxy = try ProxyUnderTest(origin) { $0.upstream.idleConnectionsMax = 2 }
    let clients = try (0..<5).map { _ in try proxy.connect() }
    for client in clients { try client.send(head()) }
    try origin.wait("five connections") { $0.connectionCount == 5 }
    gate.open()
    for client in clients { _ = try client.readResponse() }
    try origin.wait("three to be closed") { $0.endedCount == 3 }
    #expect(try clients[0].exchange(head()).status == 200)
    #expect(origin.connectionCount == 5)
  }

  @Test func `are not used again after bytes nobody asked for`() throws {
    let spoken = Gate()
    let origin = try numbering { connection in
      guard connection.index == 0 else { return }
      try connection.send(ok("unasked"))
      spoken.open()
      try connection.awaitEnd()
    }
    let proxy = try ProxyUnderTest(origin)
    #expect(try proxy.exchange(head()).text == "0")
    try spoken.wait()
    try origin.wait("the proxy to close") { $0.endedCount == 1 }
    #expect(try proxy.exchange(head()).text == "1")
  }

  @Test(arguments: ["Content-Length: 2\r\n\r\nok", "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"])
  func `are not used again after an answer that was followed by more`(_ message: String) throws {
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readRequest()
      if connection.index == 0 {
        try connection.send("HTTP/1.1 200 OK\r\n\(message)" + ok("surplus"))
        try connection.awaitEnd()
      } else {
        try connection.send(ok("fresh"))
      }
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    #expect(try client.exchange(head()).text == "ok")
    #expect(try client.exchange(head()).text == "fresh")
  }

  @Test func `are not kept after an answer that says close`() throws {
    let origin = try numbering("Connection: close")
    let proxy = try ProxyUnderTest(origin)
    #expect(try proxy.exchange(head()).text == "0")
    #expect(try proxy.exchange(head()).text == "1")
    try origin.wait("the proxy to close") { $0.endedCount == 2 }
  }

  @Test func `of HTTP/1.0 origins are kept only where they say so`() throws {
    let origin = try ScriptedOrigin { connection in
      while true {
        let request = try connection.readRequest()
        let keeps = request.target == "/keep" ? "Connection: keep-alive\r\n" : ""
        try connection.send("HTTP/1.0 200 OK\r\n\(keeps)Content-Length: 1\r\n\r\n\(connection.index)")
      }
    }
    let proxy = try ProxyUnderTest(origin)
    #expect(try proxy.exchange(head("GET /keep")).text == "0")
    #expect(try proxy.exchange(head("GET /close")).text == "0")
    #expect(try proxy.exchange(head("GET /keep")).text == "1")
  }
}
