import Base
import Configuration
import Proxy
import Reactor
import TestSupport
import Testing
import Upstream

@Suite("Endpoints that fail", .timeLimit(.minutes(10))) struct EjectionTests {
  private func admin(_ settings: inout Settings) { settings.adminListen = loopback }

  @Test func `one that refuses is left out`() throws {
    let good = try ScriptedOrigin(saying: "good")
    let bad = try ScriptedOrigin(saying: "bad")
    bad.stop()
    let proxy = try ProxyUnderTest(bad, good) { admin(&$0) }
    let client = try proxy.connect()
    #expect(try client.exchange(head()).text == "good")
    try wait(for: "ejected", of: bad, proxy)
    let before = try failures(of: bad, proxy)
    for _ in 0..<20 { #expect(try client.exchange(head()).text == "good") }
    #expect(try failures(of: bad, proxy) == before)
  }

  @Test(arguments: ["503 Unavailable", "502 Bad", "504 Late"])
  func `one that fails five times in a row is left out`(
    _ line: String
  ) throws {
    let good = try ScriptedOrigin(saying: "good")
    let bad = try ScriptedOrigin { _ in answer(line, "Content-Length: 0") }
    let proxy = try ProxyUnderTest(bad, good) { admin(&$0) }
    let client = try proxy.connect()
    var statuses: [Int] = []
    for _ in 0..<10 { statuses.append(try client.exchange(head()).status) }
    #expect(statuses.count { $0 != 200 } == 5)
    try wait(for: "ejected", of: bad, proxy)
    for _ in 0..<10 { #expect(try client.exchange(head()).status == 200) }
  }

  @Test func `a success between failures makes them not a row`() throws {
    let count = Waitable(0)
    let good = try ScriptedOrigin(saying: "good")
    let flaky = try ScriptedOrigin { _ in
      let number = count.withLock { number in
        number += 1
        return number
      }
      return number % 5 == 0 ? ok("fine") : answer("503 No", "Content-Length: 0")
    }
    let proxy = try ProxyUnderTest(flaky, good) { admin(&$0) }
    let client = try proxy.connect()
    for _ in 0..<60 { _ = try client.exchange(head()) }
    #expect(flaky.requests.count == 30)
  }

  @Test func `one that cuts its answers short is left out`() throws {
    let good = try ScriptedOrigin(saying: "good")
    let bad = try ScriptedOrigin { connection in
      _ = try connection.readRequest()
      try connection.send(answer("200 OK", "Content-Length: 10", body: "12345"))
    }
    let proxy = try ProxyUnderTest(bad, good) { admin(&$0) }
    for _ in 0..<10 {
      let client = try proxy.connect()
      try client.send(head())
      // To its end, which for a short one is the cut: a client that leaves before would itself be the reason.
      _ = try? client.readResponse()
      client.close()
    }
    try wait(for: "ejected", of: bad, proxy)
  }

  @Test func `a request that broke on two endpoints reaches the third, whatever the balance`() throws {
    for balance in [Balance.hashURI, .roundRobin, .leastRequests, .twoChoices] {
      let bad = try (0..<2).map { _ in
        try ScriptedOrigin { connection in
          _ = try connection.readRequest()
          connection.reset()
        }
      }
      let good = try ScriptedOrigin(saying: "good")
      let proxy = try ProxyUnderTest(bad[0], bad[1], good) { $0.upstream.balance = balance }
      // Not more of them than the budget allows at the beginning.
      for path in 0..<3 { #expect(try proxy.exchange(head("GET /\(path)")).text == "good") }
    }
  }

  @Test func `without retries nothing waits`() throws {
    let settings = ProxyUnderTest.settings([.host("does-not-exist.invalid", port: 80)])
    let proxy = try ProxyUnderTest(settings) { $0.proxy.retries = 0 }
    let started = ContinuousClock.now
    #expect(try proxy.exchange(head()).status == 503)
    #expect(started.duration(to: .now) < .seconds(2))
  }

  @Test func `plain errors of an application do not speak against it`() throws {
    let good = try ScriptedOrigin(saying: "good")
    let bad = try ScriptedOrigin { _ in answer("500 Oops", "Content-Length: 0") }
    let proxy = try ProxyUnderTest(bad, good) { admin(&$0) }
    let client = try proxy.connect()
    for _ in 0..<30 { _ = try client.exchange(head()) }
    #expect(bad.requests.count == 15)
  }

  @Test func `the only one is never left out`() throws {
    let bad = try ScriptedOrigin { _ in answer("503 No", "Content-Length: 0") }
    let proxy = try ProxyUnderTest(bad) { admin(&$0) }
    let client = try proxy.connect()
    for _ in 0..<20 { #expect(try client.exchange(head()).text == "") }
    #expect(bad.requests.count == 20)
  }

  @Test func `a request waits for an endpoint that restarts`() throws {
    let address = SocketAddress.unix(temporaryPath("restart.sock"))
    let first = try ScriptedOrigin(at: address) { _ in ok("first") }
    let proxy = try ProxyUnderTest(first) { admin(&$0) }
    let client = try proxy.connect()
    #expect(try client.exchange(head()).text == "first")
    first.stop()
    try client.send(head("POST /x", "Content-Length: 5") + "hello")
    #expect(try client.staysSilent(seconds: 0.5))
    let second = try ScriptedOrigin(at: address) { ok($0.text) }
    #expect(try client.readResponse().text == "hello")
    withExtendedLifetime(second) {}
  }

  @Test func `no more than so many wait`() throws {
    let gone = try ScriptedOrigin(saying: "never")
    gone.stop()
    let proxy = try ProxyUnderTest(gone) { $0.upstream.connectTimeout = .seconds(2) }
    let clients = try (0..<1100).map { _ in try proxy.connect() }
    for client in clients { try client.send(head()) }
    // Those for whom there is no room are answered at once, the others when their time is up.
    var statuses: [Int: Int] = [:]
    for client in clients { statuses[try client.readResponse().status, default: 0] += 1 }
    #expect(statuses == [503: 1100])
  }

  @Test func `a client that leaves while it waits is forgotten`() throws {
    let gone = try ScriptedOrigin(saying: "never")
    gone.stop()
    let proxy = try ProxyUnderTest(gone) {
      admin(&$0)
      $0.upstream.connectTimeout = .seconds(30)
    }
    let client = try proxy.connect()
    try client.send(head())
    try waitForMetric("sluice_requests_waiting 1", proxy)
    client.close()
    try waitForMetric("sluice_requests_waiting 0", proxy)
  }

  // MARK: Looking

  private func waitForMetric(_ line: String, _ proxy: ProxyUnderTest) throws {
    try poll("the metric \(line)") { try proxy.ask("/metrics").text.contains(line + "\n") }
  }

  private func wait(for condition: String, of origin: ScriptedOrigin, _ proxy: ProxyUnderTest) throws {
    let line = "endpoint=\"\(origin.address)\",condition=\"\(condition)\"} 1\n"
    try poll(condition) { try proxy.ask("/metrics").text.contains(line) }
  }

  private func failures(of origin: ScriptedOrigin, _ proxy: ProxyUnderTest) throws -> Substring? {
    let name = "sluice_upstream_connect_failures_total{upstream=\"default\",endpoint=\"\(origin.address)\"}"
    return try proxy.ask("/metrics").text.split(separator: "\n").first { $0.hasPrefix(name) }
  }

  private func poll(_ what: String, until isReached: () throws -> Bool) throws {
    let deadline = ContinuousClock.now.advanced(by: .seconds(Patience.seconds))
    while try !isReached() {
      guard ContinuousClock.now < deadline else { throw WireError.timedOut(what) }
      _ = try Waitable(false).waited(seconds: 0.02)
    }
  }
}
