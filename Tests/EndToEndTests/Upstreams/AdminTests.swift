import Base
import Configuration
import Reactor
import TestSupport
import Testing
import Upstream

@Suite("The admin listener", .timeLimit(.minutes(10))) struct AdminTests {
  private func proxy(_ origins: ScriptedOrigin..., workers: Int = 1) throws -> ProxyUnderTest {
    var settings = ProxyUnderTest.settings(origins.map(\.location), workers: workers)
    settings.adminListen = loopback
    return try ProxyUnderTest(settings)
  }

  @Test func `says that it is alive and ready`() throws {
    let origin = try ScriptedOrigin(saying: "x")
    let proxy = try proxy(origin)
    #expect(try proxy.ask("/livez").status == 200)
    #expect(try proxy.ask("/readyz").text == "ready\n")
    #expect(try proxy.ask("/readyz?verbose").status == 200)
  }

  @Test func `is not ready while it drains, and alive`() throws {
    let gate = Gate()
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readRequest()
      try gate.wait()
      try connection.send(ok("late"))
    }
    let proxy = try proxy(origin)
    let client = try proxy.connect()
    try client.send(head())
    try origin.wait("the request") { $0.byteCount > 0 }
    proxy.drain()
    try wait(for: 503, of: proxy)
    #expect(try proxy.ask("/readyz").text.contains("draining"))
    #expect(try proxy.ask("/livez").status == 200)
    gate.open()
    #expect(try client.readResponse().text == "late")
    #expect(try proxy.exitCode() == 0)
  }

  @Test(arguments: [1, 2]) func `counts requests by endpoint over all loops`(workers: Int) throws {
    let (one, two) = (
      try ScriptedOrigin(saying: "1"), try ScriptedOrigin { _ in answer("404 No", "Content-Length: 0") }
    )
    let proxy = try proxy(one, two, workers: workers)
    for _ in 0..<10 { _ = try proxy.exchange(head()) }
    let text = try proxy.ask("/metrics").text
    #expect(text.contains("sluice_requests_total 10\n"))
    func line(_ origin: ScriptedOrigin, _ code: String) -> String {
      "sluice_upstream_responses_total{upstream=\"default\",endpoint=\"\(origin.address)\",code=\"\(code)\"} 5\n"
    }
    #expect(text.contains(line(one, "2xx")))
    #expect(text.contains(line(two, "4xx")))
    #expect(
      text.contains(
        "sluice_upstream_latency_seconds_count{upstream=\"default\",endpoint=\"\(one.address)\"} 5\n"))
    let status = try proxy.ask("/status")
    #expect(status["Content-Type"] == "application/json")
    #expect(status.text.contains("\"address\" : \"\(one.address)\""))
    #expect(status.text.contains("\"ready\" : true"))
  }

  @Test(arguments: [
    ("POST /livez", 405), ("GET /nowhere", 404), ("GET /", 200), ("HEAD /livez", 200), ("GET /live z", 400),
  ]) func `answers what it is asked`(line: String, status: Int) throws {
    let origin = try ScriptedOrigin(saying: "x")
    let proxy = try proxy(origin)
    let client = try WireClient(try #require(proxy.admin))
    let method = line.hasPrefix("HEAD") ? "HEAD" : "GET"
    #expect(try client.exchange("\(line) HTTP/1.1\r\nHost: a\r\n\r\n", method: method).status == status)
    #expect(try client.readToEnd().bytes.isEmpty)
  }

  @Test func `listens on a unix socket as well`() throws {
    let origin = try ScriptedOrigin(saying: "x")
    let path = temporaryPath("admin.sock")
    var settings = ProxyUnderTest.settings([origin.location])
    settings.adminListen = .unix(path)
    let proxy = try ProxyUnderTest(settings)
    #expect(proxy.admin == .unix(path))
    #expect(try proxy.ask("/readyz").status == 200)
  }

  @Test(arguments: ["/status", "/metrics", "/readyz"]) func `answers a client that has ended its side`(
    path: String
  ) throws {
    let origin = try ScriptedOrigin(saying: "x")
    let proxy = try proxy(origin, workers: 2)
    for _ in 0..<20 {
      let client = try WireClient(try #require(proxy.admin))
      try client.send("GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
      client.finishSending()
      #expect(try client.readResponse().status == 200)
    }
  }

  @Test func `is not held up by clients that say nothing`() throws {
    let origin = try ScriptedOrigin(saying: "x")
    let proxy = try proxy(origin)
    let address = try #require(proxy.admin)
    let silent = try (0..<200).map { _ in try WireClient(address) }
    #expect(try proxy.ask("/livez").status == 200)
    for client in silent { client.close() }
  }
}
