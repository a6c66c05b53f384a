import Base
import Cache
import Configuration
import HTTP1
import Proxy
import RateLimit
import Reactor
import TestSupport
import Testing
import Upstream

/// One attack: what is sent, and what comes of it. The names say what it is after.
struct Attack: Sendable, CustomTestStringConvertible {
  /// What must become of it.
  enum Outcome: Sendable {
    /// Answered with that status by the proxy, the connection closed, and no origin hears of it.
    case refused(Int)
    /// Answered with that status by the proxy, and no origin hears of it; the connection may go on.
    case answered(Int)
    /// The origin gets one request, in which this stands (`+`) or does not (`-`), ignoring case.
    case passed([String])
    /// So many requests reach the origin, and no more.
    case requests(Int)
  }

  let name: String
  let bytes: String
  let outcome: Outcome

  init(_ name: String, _ bytes: String, _ outcome: Outcome) {
    (self.name, self.bytes, self.outcome) = (name, bytes, outcome)
  }

  var testDescription: String { name }
}

/// The adversary's table. Attacks that need a script of their own stand in `AdversaryScriptTests` below, and in the
/// suites that its comment names.
@Suite("The adversary's table", .timeLimit(.minutes(5))) struct AdversaryTests {
  private static let smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"

  static let smuggling: [Attack] = [
    Attack(
      "CL.TE", head("POST /", "Content-Length: 6", "Transfer-Encoding: chunked") + "0\r\n\r\nG", .refused(400)
    ),
    Attack(
      "TE.CL", head("POST /", "Transfer-Encoding: chunked", "Content-Length: 4") + "5c\r\n" + smuggled,
      .refused(400)),
    Attack(
      "TE.TE, a second coding",
      head("POST /", "Transfer-Encoding: chunked", "Transfer-Encoding: x") + "0\r\n\r\n", .refused(400)),
    Attack(
      "TE behind a vertical tab", head("POST /", "Transfer-Encoding: \u{0B}chunked") + "0\r\n\r\n",
      .refused(400)),
    Attack("TE in quotes", head("POST /", "Transfer-Encoding: \"chunked\"") + "0\r\n\r\n", .refused(400)),
    Attack(
      "TE list: chunked, identity", head("POST /", "Transfer-Encoding: chunked, identity") + "0\r\n\r\n",
      .refused(400)),
    Attack(
      "TE with HTTP/1.0", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      .refused(400)),
    Attack(
      "space before the colon", head("POST /", "Transfer-Encoding : chunked") + "0\r\n\r\n", .refused(400)),
    Attack("folded TE", head("POST /", "X: y\r\n Transfer-Encoding: chunked") + "0\r\n\r\n", .refused(400)),
    Attack(
      "two lengths", head("POST /", "Content-Length: 0", "Content-Length: 36") + smuggled, .refused(400)),
    Attack("a list of lengths", head("POST /", "Content-Length: 0, 36") + smuggled, .refused(400)),
    Attack("a length with a sign", head("POST /", "Content-Length: +5") + "hello", .refused(400)),
    Attack("a negative length", head("POST /", "Content-Length: -1"), .refused(400)),
    Attack("a hexadecimal length", head("POST /", "Content-Length: 0x5") + "hello", .refused(400)),
    Attack("a length of 2^64", head("POST /", "Content-Length: 18446744073709551616"), .refused(400)),
    Attack("an empty length", head("POST /", "Content-Length:"), .refused(400)),
    Attack("a length with a space inside", head("POST /", "Content-Length: 1 0") + "hello", .refused(400)),
    Attack("bare line feeds", "GET / HTTP/1.1\nHost: a\n\n", .refused(400)),
    Attack(
      "a bare carriage return in a value", head("GET /", "X: a\rTransfer-Encoding: chunked"), .refused(400)),
    Attack("NUL in a value", head("GET /", "X: a\u{0}b"), .refused(400)),
    Attack("NUL in a name", head("GET /", "X\u{0}: a"), .refused(400)),
    Attack("a field without a name", head("GET /", ": a"), .refused(400)),
    Attack(
      "a body on GET that is the next request", head("GET /", "Content-Length: 35") + smuggled, .requests(1)),
    Attack(
      "a chunk with a bare line feed", head("POST /", "Transfer-Encoding: chunked") + "1\nx\r\n0\r\n\r\n",
      .answered(400)),
    Attack(
      "a chunk size of 17 digits", head("POST /", "Transfer-Encoding: chunked") + "10000000000000001\r\nx",
      .answered(400)),
    Attack(
      "a chunk size with 0x", head("POST /", "Transfer-Encoding: chunked") + "0x1\r\nx\r\n0\r\n\r\n",
      .answered(400)),
    Attack(
      "a chunk without its CRLF", head("POST /", "Transfer-Encoding: chunked") + "1\r\nxy0\r\n\r\n",
      .answered(400)),
    Attack(
      "TERM.EXT: a bare line feed in an extension",
      head("POST /", "Transfer-Encoding: chunked") + "1;a\nb\r\nx\r\n0\r\n\r\n", .answered(400)),
    Attack(
      "an extension without end",
      head("POST /", "Transfer-Encoding: chunked") + "1;" + String(repeating: "a", count: 70_000),
      .answered(400)),
    Attack(
      "CL in a trailer", head("POST /", "Transfer-Encoding: chunked") + "0\r\nContent-Length: 36\r\n\r\n",
      .passed(["-content-length"])),
    Attack(
      "authority in a trailer",
      head("POST /", "Transfer-Encoding: chunked") + "0\r\nX-Forwarded-For: 6.6.6.6\r\nHost: b\r\n\r\n",
      .passed(["-6.6.6.6", "-host: b"])),
    Attack(
      "Expect with something else", head("POST /", "Expect: 200-ok", "Content-Length: 1") + "x", .refused(417)
    ),
  ]

  static let routing: [Attack] = [
    Attack("no Host", "GET / HTTP/1.1\r\n\r\n", .refused(400)),
    Attack("two Hosts", head("GET /", "Host: b"), .refused(400)),
    Attack("a Host with a path", "GET / HTTP/1.1\r\nHost: a/../b\r\n\r\n", .refused(400)),
    Attack("a Host with user information", "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", .refused(400)),
    Attack("a Host with a space", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", .refused(400)),
    Attack("a Host list", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", .refused(400)),
    Attack("a port out of range", "GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n", .refused(400)),
    Attack(
      "absolute form against Host", "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n",
      .passed(["+host: b", "-host: a\r"])),
    Attack("absolute https", "GET https://a/ HTTP/1.1\r\nHost: a\r\n\r\n", .refused(421)),
    Attack("a proxy to elsewhere", "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", .refused(400)),
    Attack("CONNECT", "CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: a\r\n\r\n", .refused(405)),
    Attack("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", .refused(505)),
    Attack(
      "h2c", head("GET /", "Connection: upgrade, http2-settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"),
      .passed(["-h2c", "-http2-settings"])),
    Attack("a target with a space", "GET / /admin HTTP/1.1\r\nHost: a\r\n\r\n", .refused(400)),
    Attack("a target with a tab", "GET /\t HTTP/1.1\r\nHost: a\r\n\r\n", .refused(400)),
    Attack("a target without a slash", "GET admin HTTP/1.1\r\nHost: a\r\n\r\n", .refused(400)),
    Attack("a fragment", head("GET /admin#/public"), .answered(400)),
    Attack("an encoded NUL", head("GET /admin%00.png"), .answered(400)),
    Attack("a backslash", head("GET /public\\..\\admin"), .answered(400)),
    Attack("dots past an encoded slash", head("GET /public/..%2fadmin"), .answered(400)),
    Attack("dots with a path parameter", head("GET /public/..;/admin"), .answered(400)),
    Attack("dot segments", head("GET /public/../admin"), .passed(["+get /admin http/1.1"])),
    Attack("encoded dots", head("GET /public/%2e%2E/admin"), .passed(["+get /admin http/1.1"])),
    Attack("dots above the root", head("GET /../../../etc/passwd"), .passed(["+get /etc/passwd http/1.1"])),
    Attack("a letter encoded", head("GET /%61dmin"), .passed(["+get /admin http/1.1"])),
    Attack("encoded twice", head("GET /%252e%252e/admin"), .passed(["+get /%252e%252e/admin http/1.1"])),
    Attack("two slashes", head("GET //admin"), .passed(["+get //admin http/1.1"])),
  ]

  static let identity: [Attack] = [
    Attack(
      "X-Forwarded-For", head("GET /", "X-Forwarded-For: 10.0.0.1"),
      .passed(["+x-forwarded-for: 127.0.0.1", "-10.0.0.1"])),
    Attack(
      "X-Forwarded-For twice", head("GET /", "X-Forwarded-For: 10.0.0.1", "x-forwarded-for: 10.0.0.2"),
      .passed(["-10.0.0"])),
    Attack(
      "X-Forwarded-Proto and -Host", head("GET /", "X-Forwarded-Proto: https", "X-Forwarded-Host: bank"),
      .passed(["-https", "-bank"])),
    Attack("X-Real-IP", head("GET /", "X-Real-IP: 10.0.0.1"), .passed(["-10.0.0.1"])),
    Attack(
      "Forwarded", head("GET /", "Forwarded: for=10.0.0.1;proto=https"), .passed(["-10.0.0.1", "-https"])),
    Attack("X-Request-Id", head("GET /", "X-Request-Id: ../../forged"), .passed(["-forged"])),
    Attack(
      "Connection against what we add",
      head("GET /", "Connection: x-forwarded-for, x-forwarded-proto, via, host"),
      .passed(["+x-forwarded-for: 127.0.0.1", "+via:", "+host: a"])),
    Attack("Proxy, as httpoxy", head("GET /", "Connection: proxy", "Proxy: http://evil"), .passed(["-evil"])),
    Attack(
      "hop-by-hop fields",
      head("GET /", "Keep-Alive: 1", "Proxy-Connection: x", "TE: gzip", "Connection: close"),
      .passed(["-keep-alive", "-proxy-connection", "-gzip"])),
  ]

  static let sizes: [Attack] = [
    Attack("a long target", head("GET /" + String(repeating: "a", count: 40_000)), .refused(414)),
    Attack("a long field", head("GET /", "X: " + String(repeating: "a", count: 40_000)), .refused(431)),
    Attack("a long name", head("GET /", String(repeating: "a", count: 40_000) + ": x"), .refused(431)),
    Attack(
      "many fields", head("GET /", (0..<101).map { "X\($0): y" }.joined(separator: "\r\n")), .refused(431)),
    Attack(
      "many cookies", head("GET /", (0..<200).map { _ in "Cookie: a=b" }.joined(separator: "\r\n")),
      .refused(431)),
    Attack(
      "many trailers",
      head("POST /", "Transfer-Encoding: chunked") + "0\r\n" + String(repeating: "X: y\r\n", count: 101)
        + "\r\n", .answered(431)),
    Attack(
      "a method of any length", String(repeating: "A", count: 40_000) + " / HTTP/1.1\r\nHost: a\r\n\r\n",
      .refused(414)),
    Attack("empty lines without end", String(repeating: "\r\n", count: 2000) + head(), .refused(400)),
    Attack(
      "a TLS hello on a plain port", "\u{16}\u{03}\u{01}\u{02}\u{00}\u{01}\u{00}\r\n\r\n", .refused(400)),
    Attack("another protocol", "SSH-2.0-OpenSSH_9.2\r\n\r\n", .refused(400)),
  ]

  @Test(arguments: smuggling + routing + identity + sizes)
  func `what comes of an attack`(_ attack: Attack) throws {
    let origin = try ScriptedOrigin(saying: "reached")
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    // Refused before all of it was sent, some of it may find the connection closed.
    try? client.send(attack.bytes)
    switch attack.outcome {
    case .refused(let status):
      #expect(try client.readResponse().status == status)
      let rest = try? client.readToEnd()
      #expect(rest?.bytes.isEmpty ?? true)
      #expect(origin.requests.isEmpty)
    case .answered(let status):
      #expect(try client.readResponse().status == status)
      #expect(origin.requests.isEmpty)
    case .passed(let texts):
      #expect(try client.readResponse().text == "reached")
      #expect(origin.requests.count == 1)
      let seen = origin.text().lowercased()
      for text in texts {
        #expect(seen.contains(text.dropFirst()) == text.hasPrefix("+"), "\(text): \(seen)")
      }
    case .requests(let count):
      for _ in 0..<count { #expect(try client.readResponse().text == "reached") }
      #expect(try client.staysSilent(seconds: 0.1))
      #expect(origin.requests.count == count)
    }
    // Whatever it was, the next client is served.
    #expect(try proxy.exchange(head("GET /next")).status == 200)
  }

  @Test func `the table has at least sixty attacks, and none twice`() {
    let names =
      (AdversaryTests.smuggling + AdversaryTests.routing + AdversaryTests.identity + AdversaryTests.sizes)
      .map(\.name)
    #expect(names.count >= 60)
    #expect(Set(names).count == names.count)
  }
}

/// Attacks that are more than bytes. Others of their kind: `TimeoutTests` (slow heads, stalled bodies), `OverloadTests`
/// (trickling bodies, readers that stand still), `PipeliningTests`, `RateLimitTests` (floods), `ExpectationTests`
/// (0.CL), `UpgradeTests` (tunnels), `CacheRequestTests` (poisoning, deception), `HopByHopTests`, `RetryTests`.
@Suite("The adversary's scripts", .timeLimit(.minutes(5))) struct AdversaryScriptTests {
  @Test func `a head one byte at a time is one request, and not held beyond its deadline`() throws {
    let origin = try ScriptedOrigin(saying: "hello")
    let proxy = try ProxyUnderTest(origin) { $0.proxy.headTimeout = .milliseconds(600) }
    let client = try proxy.connect()
    for byte in head().utf8 { try client.send([byte]) }
    #expect(try client.readResponse().status == 200)
    // Each byte in time, and all of them not: slowloris.
    let slow = try proxy.connect()
    let watch = Stopwatch()
    try slow.send("GET / HTTP/1.1\r\nHost: a\r\n")
    while watch.seconds < 3, (try? slow.send("X-\(Int(watch.seconds * 1000)): a\r\n")) != nil {
      if try !slow.staysSilent(seconds: 0.05) { break }
    }
    #expect(try slow.readResponse().status == 408)
    #expect(watch.seconds < 2.5)
  }

  @Test func `thousands of pipelined requests are answered one after the other, each once`() throws {
    let origin = try ScriptedOrigin { ok($0.target) }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    let count = 2000
    let sender = Waitable(false)
    try inThreads(2) { thread in
      if thread == 0 {
        for index in 0..<count { try client.send(head("GET /\(index)")) }
        sender.withLock { $0 = true }
      } else {
        for index in 0..<count { #expect(try client.readResponse().text == "/\(index)") }
      }
    }
    #expect(origin.requests.count == count)
  }

  @Test func `a client that sends and never reads is let go`() throws {
    let origin = try ScriptedOrigin(saying: String(repeating: "x", count: 60_000))
    let proxy = try ProxyUnderTest(origin) { $0.proxy.progressTimeout = .milliseconds(500) }
    let client = try proxy.connect(bufferBytes: 4096)
    _ = try? client.send(String(repeating: head(), count: 2000), seconds: 0.3)
    #expect(
      eventually {
        // Once reset, nothing more can be sent.
        (try? client.send(head(), seconds: 0.01)) == nil && (try? client.sendNow(Array("x".utf8)[...])) == nil
      })
  }

  @Test func `an answer that splits in two does not poison the next client`() throws {
    let evil = ok("one") + answer("200 OK", "Content-Length: 4", body: "evil")
    let origin = try ScriptedOrigin { connection in
      while true {
        _ = try connection.readRequest()
        try connection.send(connection.index == 0 ? evil : ok("good"))
      }
    }
    let proxy = try ProxyUnderTest(origin)
    #expect(try proxy.exchange(head("GET /1")).text == "one")
    for _ in 0..<3 { #expect(try proxy.exchange(head("GET /2")).text == "good") }
  }

  @Test func `an answer before the request ends the connection it came on`() throws {
    let origin = try ScriptedOrigin { connection in
      while true {
        _ = try connection.readRequest()
        try connection.send(ok("first"))
        if connection.index == 0 {
          _ = eventually(seconds: 0.05) { false }
          try connection.send(answer("200 OK", "Content-Length: 4", body: "evil"))
        }
      }
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    #expect(try client.exchange(head("GET /1")).text == "first")
    _ = eventually(seconds: 0.2) { false }
    #expect(try client.exchange(head("GET /2")).text == "first")
    #expect(origin.connectionCount == 2)
  }

  @Test(arguments: [
    "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc", "HTTP/1.1 200 OK\nX: y\n\n",
    "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\nX\u{0}: a\r\n\r\n",
    "HTTP/2 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n", "\u{16}\u{03}\u{01}\r\n\r\n",
  ])
  func `an origin that speaks nonsense is a 502 without a word of it`(_ text: String) throws {
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readRequest()
      try connection.send(text)
      try connection.awaitEnd()
    }
    let proxy = try ProxyUnderTest(origin)
    let response = try proxy.exchange(head())
    #expect(response.status == 502)
    #expect(response.text == "502 Bad Gateway: the origin's answer is malformed\n")
  }

  @Test func `clients that connect and say nothing do not keep others out`() throws {
    let origin = try ScriptedOrigin(saying: "hello")
    let proxy = try ProxyUnderTest(origin) { $0.proxy.connectionsMax = 40 }
    let idle = try (0..<40).map { _ in try proxy.connect() }
    // Who has been idle for a second makes room.
    #expect(eventually { (try? proxy.exchange(head()).status) == 200 })
    withExtendedLifetime(idle) {}
  }

  @Test func `clients that come and go in the midst of everything leave nothing behind`() throws {
    let origin = try ScriptedOrigin(saying: String(repeating: "x", count: 100_000))
    let proxy = try ProxyUnderTest(origin) { $0.adminListen = .ip(IPAddress(v4: 0x7F00_0001), port: 0) }
    let whole = Array((head("POST /", "Content-Length: 2000") + String(repeating: "b", count: 2000)).utf8)
    var random = SeededGenerator(seed: 99)
    for _ in 0..<150 {
      let client = try proxy.connect(bufferBytes: 4096)
      try client.send(Array(whole.prefix(Int.random(in: 0...whole.count, using: &random))))
      if Bool.random(using: &random) { client.finishSending() }
      client.close()
    }
    let open = /sluice_client_connections (\d+)/
    #expect(
      try eventually { try proxy.ask("/metrics").text.firstMatch(of: open)?.1 == "0" })
    let held = /sluice_buffer_bytes (\d+)/
    #expect(
      try eventually {
        Int(try proxy.ask("/metrics").text.firstMatch(of: held)?.1 ?? "") ?? .max <= 65536
      })
  }

  /// Bytes by chance and requests with some bytes changed, on many connections: nothing hangs, nothing falls.
  @Test(arguments: 0..<4 as Range<UInt64>)
  func `garbage is answered or let go, and the next request served`(_ seed: UInt64) throws {
    let origin = try ScriptedOrigin { ok("\($0.body.count)") }
    let proxy = try ProxyUnderTest(origin) { $0.proxy.headTimeout = .milliseconds(300) }
    var random = SeededGenerator(seed: seed)
    let texts =
      AdversaryTests.smuggling.map(\.bytes) + AdversaryTests.routing.map(\.bytes) + [
        head(), head("POST /", "Transfer-Encoding: chunked") + "5\r\nhello\r\n0\r\n\r\n",
      ]
    for _ in 0..<120 {
      var bytes =
        Int.random(in: 0..<4, using: &random) == 0
        ? random.bytes(Int.random(in: 1..<400, using: &random))
        : Array(texts.randomElement(using: &random)!.utf8)
      for _ in 0..<Int.random(in: 0..<5, using: &random) {
        bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(in: .min ... .max, using: &random)
      }
      let client = try proxy.connect()
      try? client.send(bytes)
      client.finishSending()
      #expect((try? client.readToEnd(seconds: 10)) != nil || (try? client.send("x")) == nil, "seed \(seed)")
    }
    #expect(try proxy.exchange(head()).status == 200)
  }
}
