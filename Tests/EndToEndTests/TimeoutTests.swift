import Base
import Configuration
import Proxy
import TestSupport
import Testing

@Suite("Timeouts", .timeLimit(.minutes(10))) struct TimeoutTests {
  @Test(arguments: ["", "G", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: a\r\nX-A"])
  func `a head that does not come is answered 408, or with silence where nothing came`(_ part: String) throws
  {
    let origin = try ScriptedOrigin(saying: "")
    let proxy = try ProxyUnderTest(origin) { $0.proxy.headTimeout = .milliseconds(200) }
    let client = try proxy.connect()
    try client.send(part)
    if !part.isEmpty {
      let response = try client.readResponse()
      #expect(response.status == 408)
      #expect(response["Connection"] == "close")
    }
    #expect(try client.readToEnd().bytes.isEmpty)
    #expect(origin.connectionCount == 0)
  }

  @Test func `a head that drips is held to one deadline`() throws {
    let origin = try ScriptedOrigin(saying: "")
    let proxy = try ProxyUnderTest(origin) { $0.proxy.headTimeout = .milliseconds(500) }
    let client = try proxy.connect()
    try client.send("GET / HTTP/1.1\r\n")
    let start = ContinuousClock.now
    while try client.staysSilent(seconds: 0.05), start.duration(to: .now) < .seconds(10) {
      try client.send("X-A: b\r\n")
    }
    #expect(try client.readResponse().status == 408)
    #expect(start.duration(to: .now) < .seconds(5))
  }

  @Test func `the second head of a connection has a deadline too`() throws {
    let origin = try ScriptedOrigin(saying: "x")
    let proxy = try ProxyUnderTest(origin) { $0.proxy.headTimeout = .milliseconds(200) }
    let client = try proxy.connect()
    #expect(try client.exchange(head()).text == "x")
    try client.send("GET / HT")
    #expect(try client.readResponse().status == 408)
  }

  @Test func `an idle connection is closed without a word`() throws {
    let origin = try ScriptedOrigin(saying: "x")
    let proxy = try ProxyUnderTest(origin) { $0.proxy.idleTimeout = .milliseconds(200) }
    let client = try proxy.connect()
    #expect(try client.exchange(head()).text == "x")
    #expect(try client.readToEnd() == ([], .closed))
  }

  @Test func `an idle connection that is used in time lives on`() throws {
    let origin = try ScriptedOrigin(saying: "x")
    let proxy = try ProxyUnderTest(origin) { $0.proxy.idleTimeout = .milliseconds(800) }
    let client = try proxy.connect()
    let start = ContinuousClock.now
    while start.duration(to: .now) < .milliseconds(1200) {
      #expect(try client.exchange(head()).text == "x")
      _ = try client.staysSilent(seconds: 0.1)
    }
    #expect(try client.readToEnd() == ([], .closed))
  }

  @Test func `an origin that does not answer is a 504 and its connection is closed`() throws {
    let origin = try ScriptedOrigin { connection in
      let request = try connection.readRequest()
      if request.target == "/good" { try connection.send(ok("good")) }
      try connection.awaitEnd()
    }
    let proxy = try ProxyUnderTest(origin) { $0.proxy.responseTimeout = .milliseconds(200) }
    let client = try proxy.connect()
    #expect(try client.exchange(head("GET /slow")).status == 504)
    try origin.wait("the connection to end") { $0.endedCount == 1 }
    #expect(try client.exchange(head("GET /good")).text == "good")
  }

  @Test func `an origin that stops in its head is a 504`() throws {
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readRequest()
      try connection.send("HTTP/1.1 200 OK\r\nX-A: b\r\n")
      try connection.awaitEnd()
    }
    let proxy = try ProxyUnderTest(origin) { $0.proxy.responseTimeout = .milliseconds(200) }
    #expect(try proxy.exchange(head()).status == 504)
  }

  @Test(arguments: ["Content-Length: 1000", "Content-Length: 1000000", "Transfer-Encoding: chunked"])
  func `a request body that stops coming is answered 408`(_ framing: String) throws {
    let origin = try ScriptedOrigin(saying: "never")
    let proxy = try ProxyUnderTest(origin) { $0.proxy.progressTimeout = .milliseconds(200) }
    let client = try proxy.connect()
    try client.send(head("POST /x", framing) + (framing.hasPrefix("T") ? chunk("part") : "part"))
    let response = try client.readResponse()
    #expect(response.status == 408)
    #expect(response["Connection"] == "close")
    #expect(try client.readToEnd().bytes.isEmpty)
    try origin.wait("the connection to end") { $0.endedCount == 1 }
    #expect(origin.requests.isEmpty)
  }

  @Test func `a request body that drips in is served`() throws {
    let origin = try ScriptedOrigin { ok($0.text) }
    let proxy = try ProxyUnderTest(origin) { $0.proxy.progressTimeout = .milliseconds(500) }
    let client = try proxy.connect()
    try client.send(head("POST /x", "Content-Length: 10"))
    for number in 0..<10 {
      _ = try client.staysSilent(seconds: 0.1)
      try client.send("\(number)")
    }
    #expect(try client.readResponse().text == "0123456789")
  }

  @Test(arguments: [1000, 1_000_000])
  func `an answer that stops coming is cut`(_ length: Int) throws {
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readRequest()
      try connection.send(answer("200 OK", "Content-Length: \(length)", body: "part"))
      try connection.awaitEnd()
    }
    let proxy = try ProxyUnderTest(origin) { $0.proxy.progressTimeout = .milliseconds(200) }
    let client = try proxy.connect()
    try client.send(head())
    _ = try client.read(until: "part")
    #expect(try client.readToEnd().bytes.isEmpty)
    try origin.wait("the connection to end") { $0.endedCount == 1 }
  }

  @Test(arguments: [5000, 100_000_000])
  func `a client that does not read is reset`(_ size: Int) throws {
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readRequest()
      try connection.send(answer("200 OK", "Content-Length: \(size)"))
      var left = size
      while left > 0 {
        try connection.send([UInt8](repeating: 0, count: min(left, 65_536)))
        left -= min(left, 65_536)
      }
      try connection.awaitEnd()
    }
    let proxy = try ProxyUnderTest(origin) {
      $0.proxy.progressTimeout = .milliseconds(300)
      $0.proxy.idleTimeout = .milliseconds(300)
    }
    let client = try proxy.connect(bufferBytes: 4096)
    try client.send(head())
    try origin.wait("the connection to end or to idle") { $0.endedCount == 1 || size == 5000 }
    // What the kernel took is there; the rest is cut off by a reset.
    let (bytes, end) = try client.readToEnd()
    if size == 5000 {
      #expect(bytes.count > size)
    } else {
      #expect(end == .reset)
      #expect(bytes.count < size)
    }
  }

  @Test func `a quiet event stream lives past the progress timeout`() throws {
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readRequest()
      try connection.send(answer("200 OK", "Content-Type: text/event-stream; charset=utf-8"))
      try connection.send("data: 1\n\n")
      _ = try? connection.readToEnd(seconds: 0.6)
      try connection.send("data: 2\n\n")
      try connection.awaitEnd()
    }
    let proxy = try ProxyUnderTest(origin) { $0.proxy.progressTimeout = .milliseconds(200) }
    let client = try proxy.connect()
    try client.send(head())
    #expect(try client.read(until: "data: 2").contains("data: 1"))
  }

  @Test func `the rest of an unwanted body has a deadline`() throws {
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readHead()
      try connection.send(answer("403 Forbidden", "Content-Length: 0"))
      try connection.awaitEnd()
    }
    let proxy = try ProxyUnderTest(origin) { $0.proxy.progressTimeout = .milliseconds(200) }
    let client = try proxy.connect()
    try client.send(head("POST /x", "Content-Length: 100") + "part")
    #expect(try client.readResponse().status == 403)
    #expect(try client.readToEnd().bytes.isEmpty)
  }
}
