import Base
import Configuration
import Proxy
import TestSupport
import Testing

@Suite("Upgrade", .timeLimit(.minutes(10))) struct UpgradeTests {
  private let upgrading = head("GET /ws", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: k")
  private static let switching = answer(
    "101 Switching Protocols", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Accept: v")

  /// An origin that switches and then sends back what it gets, until the end of that.
  private func echo() throws -> ScriptedOrigin {
    try ScriptedOrigin { connection in
      _ = try connection.readHead()
      try connection.send(UpgradeTests.switching)
      while true {
        do {
          try connection.send(try connection.read(exactly: 1))
        } catch WireError.ended {
          return
        }
      }
    }
  }

  @Test func `both heads say what is switched to`() throws {
    let origin = try echo()
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    let response = try client.exchange(upgrading)
    #expect(response.status == 101)
    #expect(response["Upgrade"] == "websocket")
    #expect(response["Connection"]?.lowercased() == "upgrade")
    #expect(response["Sec-WebSocket-Accept"] == "v")
    let request = try #require(try WireRequest.parse(origin.journal.value.bytes()[...])).0
    #expect(request["Upgrade"] == "websocket")
    #expect(request["Connection"]?.lowercased() == "upgrade")
    #expect(request["Sec-WebSocket-Key"] == "k")
  }

  @Test func `bytes flow both ways after 101`() throws {
    let origin = try echo()
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    _ = try client.exchange(upgrading)
    var generator = SeededGenerator(seed: 1)
    for _ in 0..<20 {
      let message = generator.bytes(1000)
      try client.send(message)
      #expect(try client.read(exactly: 1000) == message)
    }
  }

  @Test func `what the client sends ahead waits for 101`() throws {
    let gate = Gate()
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readHead()
      try gate.wait()
      try connection.send(UpgradeTests.switching)
      try connection.send(try connection.read(exactly: 5))
      try connection.awaitEnd()
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    try client.send(upgrading + "early")
    try origin.wait("the head") { $0.text().hasSuffix("\r\n\r\n") }
    #expect(try client.staysSilent(seconds: 0.1))
    #expect(!origin.text().contains("early"))
    gate.open()
    #expect(try client.readResponse().status == 101)
    #expect(try client.read(exactly: 5) == Array("early".utf8))
  }

  @Test func `what the origin sends with its 101 arrives`() throws {
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readHead()
      try connection.send(UpgradeTests.switching + "first frame")
      try connection.awaitEnd()
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    #expect(try client.exchange(upgrading).status == 101)
    #expect(try client.read(exactly: 11) == Array("first frame".utf8))
  }

  @Test func `the client's half close reaches the origin and its answer still comes`() throws {
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readHead()
      try connection.send(UpgradeTests.switching)
      let (bytes, end) = try connection.readToEnd()
      guard end == .closed else { return }
      try connection.send([UInt8]("got \(bytes.count)".utf8))
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    _ = try client.exchange(upgrading)
    try client.send("12345")
    client.finishSending()
    let (bytes, end) = try client.readToEnd()
    #expect(String(decoding: bytes, as: UTF8.self) == "got 5")
    #expect(end == .closed)
  }

  @Test func `the origin's half close reaches the client and its answer still comes`() throws {
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readHead()
      try connection.send(UpgradeTests.switching + "bye")
      connection.finishSending()
      _ = try connection.readToEnd()
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    _ = try client.exchange(upgrading)
    #expect(try client.readToEnd() == (Array("bye".utf8), .closed))
    try client.send("still here")
    client.finishSending()
    try origin.wait("the connection to end") { $0.endedCount == 1 }
    #expect(origin.text().hasSuffix("still here"))
    proxy.drain()
    #expect(try proxy.exitCode() == 0)
  }

  @Test func `a slow reader holds up the origin and nothing is lost`() throws {
    let count = 8 * 1024 * 1024
    let origin = try ScriptedOrigin(bufferBytes: 64 * 1024) { connection in
      _ = try connection.readHead()
      try connection.send(UpgradeTests.switching)
      var generator = SeededGenerator(seed: 7)
      for _ in 0..<(count / 65536) { try connection.send(generator.bytes(65536)) }
      try connection.awaitEnd()
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect(bufferBytes: 64 * 1024)
    _ = try client.exchange(upgrading)
    var generator = SeededGenerator(seed: 7)
    for _ in 0..<(count / 65536) { #expect(try client.read(exactly: 65536) == generator.bytes(65536)) }
  }

  @Test func `an origin that does not read holds up the client and nothing is lost`() throws {
    let limit = 96 * 1024 * 1024
    let gate = Gate()
    let origin = try ScriptedOrigin(bufferBytes: 64 * 1024) { connection in
      _ = try connection.readHead()
      try connection.send(UpgradeTests.switching)
      try gate.wait()
      try connection.send("\(try connection.readToEnd().bytes.count)")
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect(bufferBytes: 64 * 1024)
    _ = try client.exchange(upgrading)
    let taken = try client.sendUntilBlocked(limit: limit, quietSeconds: 0.3)
    #expect(taken < limit, "the client must be held up")
    client.finishSending()
    gate.open()
    #expect(try client.readToEnd() == (Array("\(taken)".utf8), .closed))
  }

  @Test func `a 101 that was not asked for is a 502`() throws {
    let origin = try ScriptedOrigin { _ in UpgradeTests.switching }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    #expect(try client.exchange(head()).status == 502)
    try origin.wait("the connection to end") { $0.endedCount == 1 }
  }

  @Test func `a 101 to another protocol than asked for is a 502`() throws {
    let origin = try ScriptedOrigin { _ in
      answer("101 Switching Protocols", "Connection: Upgrade", "Upgrade: gopher")
    }
    let proxy = try ProxyUnderTest(origin)
    #expect(try proxy.exchange(upgrading).status == 502)
  }

  @Test func `a 101 without Upgrade is a 502`() throws {
    let origin = try ScriptedOrigin { _ in answer("101 Switching Protocols", "Connection: Upgrade") }
    let proxy = try ProxyUnderTest(origin)
    #expect(try proxy.exchange(upgrading).status == 502)
  }

  @Test func `another answer to an upgrade is an answer like any`() throws {
    let origin = try ScriptedOrigin { ok($0.has("Upgrade") ? "no" : "plain") }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    #expect(try client.exchange(upgrading).text == "no")
    #expect(try client.exchange(head()).text == "plain")
  }

  @Test func `a request sent ahead of a refused upgrade is served afterwards`() throws {
    let origin = try ScriptedOrigin { ok($0.has("Upgrade") ? "no" : "plain") }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    try client.send(upgrading + head())
    #expect(try client.readResponse().text == "no")
    #expect(try client.readResponse().text == "plain")
  }

  @Test(arguments: ["h2c", "websocket, h2c", "H2C"])
  func `h2c is never passed on`(_ protocols: String) throws {
    let origin = try ScriptedOrigin(saying: "plain")
    let proxy = try ProxyUnderTest(origin)
    let response = try proxy.exchange(
      head(
        "GET /", "Connection: Upgrade, HTTP2-Settings", "Upgrade: \(protocols)", "HTTP2-Settings: AAMAAABk"))
    #expect(response.text == "plain")
    let request = try origin.request()
    #expect(!request.has("Upgrade"))
    #expect(!request.has("HTTP2-Settings"))
    #expect(!request.has("Connection"))
  }

  @Test func `an upgrade with a body or over HTTP/1.0 is not passed on`() throws {
    let origin = try ScriptedOrigin(saying: "plain")
    let proxy = try ProxyUnderTest(origin)
    _ = try proxy.exchange(
      head("POST /", "Connection: Upgrade", "Upgrade: websocket", "Content-Length: 1") + "x")
    _ = try proxy.exchange("GET / HTTP/1.0\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    #expect(origin.requests.count == 2)
    #expect(origin.requests.allSatisfy { !$0.has("Upgrade") })
  }

  @Test func `a tunnel without a byte is reset after its timeout`() throws {
    let origin = try echo()
    let proxy = try ProxyUnderTest(origin) { $0.proxy.tunnelTimeout = .milliseconds(200) }
    let client = try proxy.connect()
    _ = try client.exchange(upgrading)
    #expect(try client.readToEnd().end == .reset)
    try origin.wait("the connection to end") { $0.endedCount == 1 }
  }

  @Test func `a client that resets ends the tunnel at the origin`() throws {
    let origin = try echo()
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    _ = try client.exchange(upgrading)
    client.reset()
    try origin.wait("the connection to end") { $0.endedCount == 1 }
  }

  @Test func `an origin that resets ends the tunnel at the client`() throws {
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readHead()
      try connection.send(UpgradeTests.switching)
      _ = try connection.read(exactly: 1)
      connection.reset()
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    _ = try client.exchange(upgrading)
    try client.send("x")
    #expect(try client.readToEnd().end == .reset)
  }
}
