import Base
import Configuration
import Proxy
import Reactor
import TestSupport
import Testing
import Upstream

@Suite("Too much at once", .timeLimit(.minutes(5))) struct OverloadTests {
  /// Requests that an origin has at this moment, and the most it ever had.
  private struct Load: Sendable {
    var now = 0
    var most = 0
  }

  /// An origin that answers when it is told to.
  private func slowOrigin(_ gate: Gate, _ load: Waitable<Load> = Waitable(Load())) throws -> ScriptedOrigin {
    try ScriptedOrigin { connection in
      while true {
        _ = try connection.readRequest()
        load.withLock {
          $0.now += 1
          $0.most = max($0.most, $0.now)
        }
        try gate.wait()
        load.withLock { $0.now -= 1 }
        try connection.send(ok("done"))
      }
    }
  }

  @Test func `an endpoint has no more requests than it may, and those that wait get their turn`() throws {
    let gate = Gate()
    let load = Waitable(Load())
    let origin = try slowOrigin(gate, load)
    let proxy = try ProxyUnderTest(origin, workers: 2) {
      $0.upstream.inFlightMax = 3
      $0.upstream.queueTimeout = .seconds(20)
    }
    let clients = try (0..<12).map { _ in try proxy.connect() }
    for client in clients { try client.send(head()) }
    try origin.wait("three requests") { $0.connectionCount == 3 }
    #expect(!eventually(seconds: 0.3) { origin.connectionCount > 3 })
    gate.open()
    for client in clients { #expect(try client.readResponse().text == "done") }
    #expect(load.value.most == 3)
  }

  @Test func `who waits too long for a place is told to come again`() throws {
    let gate = Gate()
    let origin = try slowOrigin(gate)
    let proxy = try ProxyUnderTest(origin) {
      $0.upstream.inFlightMax = 1
      $0.upstream.queueTimeout = .milliseconds(100)
      $0.adminListen = .ip(IPAddress(v4: 0x7F00_0001), port: 0)
    }
    let first = try proxy.connect()
    try first.send(head())
    try origin.wait("the first request") { $0.connectionCount == 1 }
    let second = try proxy.connect()
    let refused = try second.exchange(head())
    #expect(refused.status == 503)
    #expect(refused["Retry-After"] == "1")
    #expect(try proxy.ask("/metrics").text.contains("sluice_requests_limited_total{reason=\"overload\"} 1"))
    gate.open()
    #expect(try first.readResponse().status == 200)
    // The place is free again, for whoever asks.
    #expect(try second.exchange(head()).status == 200)
  }

  @Test func `another endpoint is taken before anybody waits`() throws {
    let gate = Gate()
    let (slow, quick) = (try slowOrigin(gate), try ScriptedOrigin(saying: "quick"))
    let proxy = try ProxyUnderTest(slow, quick) { $0.upstream.inFlightMax = 1 }
    // In turn: one of two goes to the slow one, and fills it.
    let held = try (0..<2).map { _ in try proxy.connect() }
    for client in held { try client.send(head()) }
    try slow.wait("its request") { $0.connectionCount == 1 }
    let other = try proxy.connect()
    for _ in 0..<6 { #expect(try other.exchange(head()).text == "quick") }
    gate.open()
    for client in held { #expect(try client.readResponse().status == 200) }
  }

  @Test func `places are given back whatever becomes of a request`() throws {
    let origin = try ScriptedOrigin { connection in
      while true {
        switch try connection.readRequest().target {
        case "/cut": return try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
        case "/bad": return try connection.send("nonsense\r\n\r\n")
        case "/close": return
        default: try connection.send(ok())
        }
      }
    }
    let proxy = try ProxyUnderTest(origin) {
      $0.upstream.inFlightMax = 1
      $0.upstream.queueTimeout = .seconds(5)
    }
    for _ in 0..<3 {
      for path in ["/cut", "/bad", "/close", "/gone"] {
        let client = try proxy.connect()
        try client.send(head("POST \(path)", "Content-Length: 0"))
        if path != "/gone" { _ = try? client.readToEnd(seconds: 0.05) }
        client.close()
      }
      #expect(try proxy.exchange(head("GET /fine")).status == 200)
    }
  }

  // MARK: Memory

  private static let heldMax = 256 * 1024

  @Test func `buffers that hold too much are emptied by cutting who stands still`() throws {
    let origin = try ScriptedOrigin { connection in
      while true {
        let request = try connection.readRequest()
        if request.target == "/small" {
          try connection.send(ok("small"))
        } else {
          // Chunked, so that what a client does not take is held by the proxy and not in a pipe.
          try connection.send(answer("200 OK", "Transfer-Encoding: chunked"))
          let block = "10000\r\n" + String(repeating: "x", count: 65536) + "\r\n"
          while true { try connection.send(block, seconds: 60) }
        }
      }
    }
    let proxy = try ProxyUnderTest(origin) {
      // What is held of each is the rest of one read that the kernel did not take: 4 KiB of each are too much.
      $0.proxy.bufferBytesMax = OverloadTests.heldMax
      $0.adminListen = .ip(IPAddress(v4: 0x7F00_0001), port: 0)
    }
    let stalled = try (0..<60).map { _ in try proxy.connect(bufferBytes: 4096) }
    for client in stalled { try client.send(head("GET /large")) }
    let good = try proxy.connect()
    let cuts = /sluice_buffer_cuts_total (\d+)/
    let areCut = try eventually(seconds: 60) {
      guard try good.exchange(head("GET /small")).text == "small" else { return false }
      let page = try proxy.ask("/metrics").text
      return Int(page.firstMatch(of: cuts)?.1 ?? "") ?? 0 > 10
    }
    let page = try proxy.ask("/metrics").text
    #expect(areCut, "\(page)")
    let held = /sluice_buffer_bytes (\d+)/
    #expect(
      try eventually {
        Int(try proxy.ask("/metrics").text.firstMatch(of: held)?.1 ?? "") ?? .max <= OverloadTests.heldMax
      })
    #expect(try good.exchange(head("GET /small")).text == "small")
    for client in stalled { client.close() }
    // And the account is even in the end.
    #expect(
      try eventually {
        Int(try proxy.ask("/metrics").text.firstMatch(of: held)?.1 ?? "") ?? .max <= 65536
      })
  }

  @Test func `bodies that are kept for another try count, and their going`() throws {
    let gate = Gate()
    let origin = try slowOrigin(gate)
    let proxy = try ProxyUnderTest(origin) {
      $0.adminListen = .ip(IPAddress(v4: 0x7F00_0001), port: 0)
    }
    let clients = try (0..<16).map { _ in try proxy.connect() }
    let body = String(repeating: "b", count: 40_000)
    for client in clients { try client.send(head("PUT /x", "Content-Length: 40000") + body) }
    let held = /sluice_buffer_bytes (\d+)/
    #expect(
      try eventually {
        Int(try proxy.ask("/metrics").text.firstMatch(of: held)?.1 ?? "") ?? 0 >= 16 * 40_000 - 65536
      })
    gate.open()
    for client in clients { #expect(try client.readResponse().status == 200) }
    #expect(
      try eventually {
        Int(try proxy.ask("/metrics").text.firstMatch(of: held)?.1 ?? "") ?? .max <= 65536
      })
  }

  // MARK: Slowness

  @Test(arguments: ["Content-Length: 100000", "Transfer-Encoding: chunked"])
  func `a body that trickles in is ended though it makes progress`(_ framing: String) throws {
    let origin = try ScriptedOrigin(saying: "never")
    let proxy = try ProxyUnderTest(origin) {
      $0.proxy.bodyRateGrace = .milliseconds(300)
      $0.proxy.bodyRateMin = 1000
    }
    let client = try proxy.connect()
    try client.send(head("POST /x", framing))
    let piece = framing.hasPrefix("T") ? chunk("b") : "b"
    let watch = Stopwatch()
    let response = eventually {
      try? client.send(piece)
      return watch.seconds > 0.6
    }
    #expect(response)
    #expect(try client.readResponse().status == 408)
    #expect(origin.requests.isEmpty)
  }

  @Test func `a body that comes fast enough may take as long as it likes`() throws {
    let origin = try ScriptedOrigin { ok("\($0.body.count)") }
    let proxy = try ProxyUnderTest(origin) {
      $0.proxy.bodyRateGrace = .milliseconds(100)
      $0.proxy.bodyRateMin = 1000
    }
    let client = try proxy.connect()
    try client.send(head("POST /x", "Content-Length: 40000"))
    for _ in 0..<40 {
      try client.send(String(repeating: "b", count: 1000))
      _ = eventually(seconds: 0.02) { false }
    }
    #expect(try client.readResponse().text == "40000")
  }
}
