import TestSupport
import Testing

@Suite("Back-pressure", .timeLimit(.minutes(10))) struct BackPressureTests {
  /// More than the kernel's buffers between two ends ever grow to.
  private static let bodyBytes = 96 * 1024 * 1024

  @Test(arguments: ["length", "chunked"])
  func `a client that does not read holds up the origin`(_ framing: String) throws {
    let blocked = Waitable<Int?>(nil)
    let isChunked = framing == "chunked"
    let origin = try ScriptedOrigin(bufferBytes: 64 * 1024) { connection in
      _ = try connection.readRequest()
      let count = BackPressureTests.bodyBytes
      let size = String(count, radix: 16)
      try connection.send(
        isChunked
          ? answer("200 OK", "Transfer-Encoding: chunked") + "\(size)\r\n"
          : answer("200 OK", "Content-Length: \(count)"))
      let taken = try connection.sendUntilBlocked(limit: count, quietSeconds: 0.3)
      blocked.withLock { $0 = taken }
      try BackPressureTests.send(count - taken, on: connection)
      if isChunked { try connection.send("\r\n0\r\n\r\n") }
      try connection.awaitEnd()
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect(bufferBytes: 64 * 1024)
    try client.send(head())
    try blocked.wait("the origin to be held up") { $0 != nil }
    #expect(blocked.value! < BackPressureTests.bodyBytes, "the origin must be held up")
    _ = try client.readHead()
    // The whole of it comes nonetheless; a chunked one is left at that, since its size is not ours to know.
    var rest = isChunked ? 1 << 24 : BackPressureTests.bodyBytes
    while rest > 0 { rest -= try client.read(exactly: min(rest, 1 << 16)).count }
  }

  @Test(arguments: ["length", "chunked"])
  func `an origin that does not read holds up the client`(_ framing: String) throws {
    let gate = Gate()
    let count = BackPressureTests.bodyBytes
    let origin = try ScriptedOrigin(bufferBytes: 64 * 1024) { connection in
      _ = try connection.readHead()
      try gate.wait()
      var rest = count
      while rest > 0 { rest -= try connection.read(exactly: min(rest, 1 << 16)).count }
      try connection.send(ok("all"))
      try connection.awaitEnd()
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect(bufferBytes: 64 * 1024)
    let isChunked = framing == "chunked"
    try client.send(
      head("POST /x", isChunked ? "Transfer-Encoding: chunked" : "Content-Length: \(count)")
        + (isChunked ? "\(String(count, radix: 16))\r\n" : ""))
    let taken = try client.sendUntilBlocked(limit: count, quietSeconds: 0.3)
    #expect(taken < count, "the client must be held up")
    gate.open()
    try BackPressureTests.send(count - taken, on: client)
    // The chunked one has grown by its coding, so that its origin answers early: that is fine too.
    #expect(try client.readResponse().text == "all")
  }

  private static func send(_ count: Int, on wire: WireSocket) throws {
    let block = [UInt8](repeating: UInt8(ascii: "x"), count: 65536)
    var rest = count
    while rest > 0 {
      try wire.send(rest < block.count ? Array(block[..<rest]) : block)
      rest -= min(rest, block.count)
    }
  }

  @Test func `a client that does not read holds up its own pipelined requests`() throws {
    let body = String(repeating: "b", count: 100_000)
    let origin = try ScriptedOrigin(saying: body)
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect(bufferBytes: 64 * 1024)
    let count = 300
    try client.send((0..<count).map { head("GET /\($0)") }.joined())
    // Waits for the origin to fall silent: every answer that fits has been fetched.
    var seen = -1
    while seen != origin.requests.count {
      seen = origin.requests.count
      _ = try? origin.journal.wait("more", seconds: 0.3) { $0.requests.count > seen }
    }
    #expect(seen < count)
    for _ in 0..<count { #expect(try client.readResponse().body.count == 100_000) }
  }
}
