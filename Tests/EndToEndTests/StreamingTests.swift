import TestSupport
import Testing

@Suite("Streaming", .timeLimit(.minutes(10))) struct StreamingTests {
  /// Framings of an answer: its head, and how its parts and its end are coded.
  enum Framing: String, CaseIterable {
    case length, chunked, untilClose

    func head(_ count: Int) -> String {
      switch self {
      case .length: answer("200 OK", "Content-Length: \(count)")
      case .chunked: answer("200 OK", "Transfer-Encoding: chunked")
      case .untilClose: answer("200 OK")
      }
    }
    func part(_ text: String) -> String { self == .chunked ? chunk(text) : text }
    var end: String { self == .chunked ? "0\r\n\r\n" : "" }
  }

  @Test(arguments: Framing.allCases)
  func `each part of an answer arrives before the next is sent`(_ framing: Framing) throws {
    let steps = (0..<5).map { _ in Gate() }
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readRequest()
      try connection.send(framing.head(30))
      for (number, step) in steps.enumerated() {
        try step.wait()
        try connection.send(framing.part("part \(number)"))
      }
      try connection.send(framing.end)
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    try client.send(head())
    _ = try client.readHead()
    for (number, step) in steps.enumerated() {
      step.open()
      #expect(try client.read(until: "part \(number)").hasSuffix("part \(number)"))
    }
  }

  @Test func `a part of a body that goes through the kernel does not wait for the next`() throws {
    // From 64 KiB on a body is spliced. A pause in it must not leave bytes behind.
    let total = 1_000_000
    let sizes = [1, 100_000, 7, 70_000, 1000, 300_000]
    let steps = sizes.map { _ in Gate() }
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readRequest()
      try connection.send(answer("200 OK", "Content-Length: \(total)"))
      for (size, step) in zip(sizes, steps) {
        try step.wait()
        try connection.send([UInt8](repeating: UInt8(ascii: "p"), count: size))
      }
      try connection.awaitEnd()
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    try client.send(head())
    _ = try client.readHead()
    for (size, step) in zip(sizes, steps) {
      step.open()
      let start = ContinuousClock.now
      _ = try client.read(exactly: size)
      // The kernel holds back what is marked as "more follows" for 200 ms.
      #expect(start.duration(to: .now) < .milliseconds(150), "\(size) bytes")
    }
  }

  @Test func `server-sent events arrive one by one`() throws {
    let steps = (0..<5).map { _ in Gate() }
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readRequest()
      try connection.send(answer("200 OK", "Content-Type: text/event-stream", "Transfer-Encoding: chunked"))
      for (number, step) in steps.enumerated() {
        try step.wait()
        try connection.send(chunk("data: \(number)\n\n"))
      }
      try connection.awaitEnd()
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    try client.send(head())
    _ = try client.readHead()
    for (number, step) in steps.enumerated() {
      step.open()
      #expect(try client.read(until: "\n\n\r\n") == "9\r\ndata: \(number)\n\n\r\n")
    }
  }

  @Test(arguments: ["Content-Length: 30", "Transfer-Encoding: chunked"])
  func `each part of an upload reaches the origin before the next is sent`(_ framing: String) throws {
    let origin = try ScriptedOrigin { connection in
      let request = try connection.readRequest()
      try connection.send(ok(request.text))
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    let isChunked = framing.hasPrefix("T")
    try client.send(head("POST /x", framing))
    for number in 0..<5 {
      try client.send(isChunked ? chunk("part \(number)") : "part \(number)")
      try origin.wait("part \(number)") { $0.text().contains("part \(number)") }
    }
    if isChunked { try client.send("0\r\n\r\n") }
    #expect(try client.readResponse().text == "part 0part 1part 2part 3part 4")
  }

  @Test func `a part of an upload that goes through the kernel does not wait for the next`() throws {
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readHead()
      try connection.awaitEnd()
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    try client.send(head("POST /x", "Content-Length: 1000000"))
    try origin.wait("the head") { $0.text().hasSuffix("\r\n\r\n") }
    let headCount = origin.journal.value.byteCount
    var sent = 0
    for size in [1, 100_000, 7, 70_000, 1000, 300_000] {
      try client.send([UInt8](repeating: UInt8(ascii: "p"), count: size))
      sent += size
      let start = ContinuousClock.now
      try origin.wait("\(size) bytes") { $0.byteCount == headCount + sent }
      #expect(start.duration(to: .now) < .milliseconds(150), "\(size) bytes")
    }
  }

  @Test func `a head that comes alone is passed on alone`() throws {
    let gate = Gate()
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readRequest()
      try connection.send(answer("200 OK", "Content-Length: 1"))
      try gate.wait()
      try connection.send("x")
      try connection.awaitEnd()
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    try client.send(head())
    _ = try client.readHead()
    gate.open()
    #expect(try client.read(exactly: 1) == [UInt8(ascii: "x")])
  }
}
