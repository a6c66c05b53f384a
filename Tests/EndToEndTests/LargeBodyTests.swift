import TestSupport
import Testing

@Suite("Large bodies", .timeLimit(.minutes(10))) struct LargeBodyTests {
  /// Around where splicing may begin (16 KiB, 64 KiB), around a read buffer more, and well beyond.
  static let sizes =
    [
      16_383, 16_384, 16_385, 32_767, 32_768, 33_000, 65_535, 65_536, 65_537, 65_536 * 2 - 1, 65_536 * 2,
      65_536 * 2 + 200, 100 * 1024 - 1, 100 * 1024, 100 * 1024 + 1,
    ]
    + [5 * 1024 * 1024 - 1, 5 * 1024 * 1024 + 17]

  @Test(arguments: sizes) func `down, with a length, byte for byte`(_ size: Int) throws {
    try down(size, seed: UInt64(size), isChunked: false)
  }

  @Test(arguments: [65_536, 5 * 1024 * 1024 + 17]) func `down, chunked, byte for byte`(_ size: Int) throws {
    try down(size, seed: UInt64(size), isChunked: true)
  }

  @Test(arguments: sizes) func `up, with a length, byte for byte`(_ size: Int) throws {
    try up(size, seed: UInt64(size), isChunked: false)
  }

  @Test(arguments: [65_536, 5 * 1024 * 1024 + 17]) func `up, chunked, byte for byte`(_ size: Int) throws {
    try up(size, seed: UInt64(size), isChunked: true)
  }

  /// Three answers on one connection, in pieces of random sizes with random pauses.
  private func down(_ size: Int, seed: UInt64, isChunked: Bool) throws {
    let body = LargeBodyTests.body(size, seed: seed)
    let origin = try ScriptedOrigin { connection in
      var generator = SeededGenerator(seed: seed)
      while true {
        do { _ = try connection.readRequest() } catch WireError.ended { return }
        let framing = isChunked ? "Transfer-Encoding: chunked" : "Content-Length: \(size)"
        try connection.send(answer("200 OK", framing))
        try LargeBodyTests.sendInPieces(body, on: connection, isChunked: isChunked, &generator)
      }
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    for _ in 0..<3 {
      let response = try client.exchange(head())
      #expect(response.body == body, "seed \(seed)")
    }
    #expect(origin.connectionCount == 1)
  }

  private func up(_ size: Int, seed: UInt64, isChunked: Bool) throws {
    let body = LargeBodyTests.body(size, seed: seed)
    let origin = try ScriptedOrigin { connection in
      while true {
        do {
          let request = try connection.readRequest()
          try connection.send(ok(request.body == body ? "same" : "different"))
        } catch WireError.ended {
          return
        }
      }
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<3 {
      try client.send(head("POST /x", isChunked ? "Transfer-Encoding: chunked" : "Content-Length: \(size)"))
      try LargeBodyTests.sendInPieces(body, on: client, isChunked: isChunked, &generator)
      #expect(try client.readResponse().text == "same", "seed \(seed)")
    }
    #expect(origin.connectionCount == 1)
  }

  @Test func `both ways at once, byte for byte`() throws {
    let size = 4 * 1024 * 1024
    let (upwards, downwards) = (LargeBodyTests.body(size, seed: 1), LargeBodyTests.body(size, seed: 2))
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readHead()
      try connection.send(answer("200 OK", "Content-Length: \(size)"))
      var at = 0
      var got: [UInt8] = []
      while at < size {
        // The end of the answer comes after the end of the request, or the connection could not be kept.
        got += try connection.read(exactly: 65_536)
        try connection.send(Array(downwards[at..<(at + 65_536)]))
        at += 65_536
      }
      guard got == upwards else { return connection.reset() }
      _ = try connection.readRequest()
      try connection.send(ok("same"))
      try connection.awaitEnd()
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    try client.send(head("POST /x", "Content-Length: \(size)"))
    _ = try client.readHead()
    var got: [UInt8] = []
    for at in stride(from: 0, to: size, by: 65_536) {
      try client.send(Array(upwards[at..<(at + 65_536)]))
      got += try client.read(exactly: 65_536)
    }
    #expect(got == downwards)
    #expect(try client.exchange(head()).text == "same")
  }

  @Test func `a body is followed by a pipelined request in the same packet`() throws {
    let size = 200_000
    let origin = try ScriptedOrigin { ok("\($0.target) \($0.body.count)") }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    let body = String(repeating: "b", count: size)
    try client.send(
      (0..<5).map { head("POST /\($0)", "Content-Length: \(size)") + body }.joined() + head("GET /end"))
    for number in 0..<5 { #expect(try client.readResponse().text == "/\(number) \(size)") }
    #expect(try client.readResponse().text == "/end 0")
  }

  private static func body(_ size: Int, seed: UInt64) -> [UInt8] {
    var generator = SeededGenerator(seed: seed)
    var body: [UInt8] = []
    body.reserveCapacity(size + 8)
    while body.count < size { body += generator.bytes(min(4096, size - body.count)) }
    return Array(body.prefix(size))
  }

  private static func sendInPieces(
    _ body: [UInt8], on wire: WireSocket, isChunked: Bool, _ generator: inout SeededGenerator
  ) throws {
    var at = 0
    while at < body.count {
      let longest = [100, 5000, 66_000, 300_000].randomElement(using: &generator)!
      let count = min(body.count - at, Int.random(in: 1...max(longest, body.count / 40), using: &generator))
      if isChunked { try wire.send(String(count, radix: 16) + "\r\n") }
      try wire.send(Array(body[at..<(at + count)]))
      if isChunked { try wire.send("\r\n") }
      at += count
      // Not for order: a pause makes the proxy see an empty source in the middle of a body.
      if Int.random(in: 0..<8, using: &generator) == 0 { LargeBodyTests.pause(milliseconds: 2) }
    }
    if isChunked { try wire.send("0\r\n\r\n") }
  }

  private static func pause(milliseconds: Int) {
    let end = ContinuousClock.now + .milliseconds(milliseconds)
    while ContinuousClock.now < end {}
  }
}
