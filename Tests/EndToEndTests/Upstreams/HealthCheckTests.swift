import Base
import Configuration
import Reactor
import TestSupport
import Testing
import Upstream

/// Quick checks for tests.
func quick(_ settings: inout Settings) {
  settings.upstream.health.check = .path("/health")
  settings.upstream.health.interval = .milliseconds(100)
  settings.upstream.health.timeout = .milliseconds(1500)
  settings.adminListen = loopback
}

let loopback = SocketAddress.ip(IPAddress(v4: 0x7F00_0001), port: 0)

/// Waits until `/readyz` gives that status.
func wait(for status: Int, of proxy: ProxyUnderTest) throws {
  let deadline = ContinuousClock.now.advanced(by: .seconds(Patience.seconds))
  while try proxy.ask("/readyz").status != status {
    guard ContinuousClock.now < deadline else { throw WireError.timedOut("readiness \(status)") }
    _ = try Waitable(false).waited(seconds: 0.02)
  }
}

extension Waitable<Bool> {
  /// Sleeps.
  func waited(seconds: Double) throws -> Bool {
    do { try wait("a moment", seconds: seconds) { $0 } } catch WireError.timedOut {}
    return value
  }
}

@Suite("Health checks", .timeLimit(.minutes(10))) struct HealthCheckTests {
  /// Answers checks with what `health` holds and everything else with `name`.
  private func origin(_ name: String, _ health: Waitable<String>) throws -> ScriptedOrigin {
    try ScriptedOrigin { request in request.target == "/health" ? health.value : ok(name) }
  }

  private func names(_ proxy: ProxyUnderTest, _ count: Int = 12) throws -> Set<String> {
    let client = try proxy.connect()
    return Set(try (0..<count).map { _ in try client.exchange(head()).text })
  }

  @Test func `an endpoint takes traffic while its checks pass`() throws {
    let health = Waitable(ok())
    let sick = Waitable(answer("500 Oops", "Content-Length: 0"))
    let (one, two) = (try origin("one", health), try origin("two", sick))
    let proxy = try ProxyUnderTest(one, two, configure: quick)
    // Known before the first request: the start waits for the first round of checks.
    #expect(try names(proxy) == ["one"])
    sick.withLock { $0 = ok() }
    try wait("two to return") { try names(proxy) == ["one", "two"] }
    health.withLock { $0 = answer("503 Gone", "Content-Length: 0") }
    try wait("one to leave") { try names(proxy) == ["two"] }
    #expect(one.requests.contains { $0.target == "/health" && $0["user-agent"] == "sluice-healthcheck" })
  }

  private func wait(_ what: String, until isReached: () throws -> Bool) throws {
    let deadline = ContinuousClock.now.advanced(by: .seconds(Patience.seconds))
    while try !isReached() {
      guard ContinuousClock.now < deadline else { throw WireError.timedOut(what) }
      _ = try Waitable(false).waited(seconds: 0.05)
    }
  }

  @Test(arguments: [
    "garbage\r\n\r\n", "HTTP/1.1 200 OK\r\nbroken\r\n\r\n", "",
    "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n",
  ]) func `an endpoint that answers checks with something else is unhealthy`(_ bytes: String) throws {
    let origin = try origin("one", Waitable(bytes))
    let proxy = try ProxyUnderTest(origin) {
      quick(&$0)
      $0.upstream.health.statuses = [200...399]
      $0.upstream.connectTimeout = .milliseconds(100)
    }
    #expect(try proxy.ask("/readyz").status == 503)
    let response = try proxy.exchange(head())
    #expect(response.status == 503)
    #expect(response["Retry-After"] == "1")
    #expect(!origin.requests.contains { $0.target == "/x" })
  }

  @Test func `an endpoint that never answers checks, or a byte at a time, is unhealthy and holds nothing up`()
    throws
  {
    let silent = try ScriptedOrigin { connection in _ = try connection.awaitEnd() }
    let slow = try ScriptedOrigin { connection in
      _ = try connection.readHead()
      for byte in "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".utf8 {
        try connection.send([byte])
        _ = try connection.staysSilent(seconds: 0.2)
      }
    }
    let good = try origin("good", Waitable(ok()))
    let started = ContinuousClock.now
    let proxy = try ProxyUnderTest(silent, slow, good, configure: quick)
    #expect(started.duration(to: .now) < .seconds(20))
    #expect(try names(proxy) == ["good"])
  }

  @Test func `with a connect alone the status does not matter`() throws {
    let origin = try origin("one", Waitable("garbage"))
    let proxy = try ProxyUnderTest(origin) {
      quick(&$0)
      $0.upstream.health.check = .connect
    }
    #expect(try proxy.ask("/readyz").status == 200)
    #expect(try names(proxy) == ["one"])
  }

  @Test func `the start does not wait for a dead origin for ever`() throws {
    let blackhole = try Blackhole()
    let started = ContinuousClock.now
    let proxy = try ProxyUnderTest(ProxyUnderTest.settings([blackhole.location])) { quick(&$0) }
    #expect(started.duration(to: .now) < .seconds(20))
    let response = try proxy.ask("/readyz")
    #expect(response.status == 503)
    #expect(response.text.contains("no endpoint is available"))
  }

  @Test func `a name that does not resolve does not stop the start`() throws {
    let settings = ProxyUnderTest.settings([.host("does-not-exist.invalid", port: 80)])
    let proxy = try ProxyUnderTest(settings) {
      quick(&$0)
      $0.upstream.connectTimeout = .milliseconds(200)
    }
    let ready = try proxy.ask("/readyz")
    #expect(ready.status == 503)
    #expect(ready.text.contains("cannot resolve does-not-exist.invalid"))
    let response = try proxy.exchange(head())
    #expect(response.status == 503)
    #expect(response["Retry-After"] == "1")
  }
}
