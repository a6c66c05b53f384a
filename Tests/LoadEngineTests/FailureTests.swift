import Base
import LoadEngine
import TestSupport
import Testing

/// A plan of a few quick requests.
func plan(_ origin: ScriptedOrigin, path: String = "/", requests: Int = 6, connections: Int = 2) throws
  -> LoadPlan
{
  var plan = LoadPlan(targets: [LoadTarget(try LoadURL("http://127.0.0.1:\(origin.port)\(path)"))])
  plan.connections = connections
  plan.duration = nil
  plan.requests = requests
  plan.timeout = .seconds(5)
  return plan
}

func run(_ plan: LoadPlan) throws -> LoadReport { try LoadTest.run(plan, watchesSignals: false) }

/// Every fault of an origin is told as what it is, and as nothing else.
@Suite("What a load test calls a failure", .timeLimit(.minutes(10))) struct FailureTests {
  /// An origin that answers each request with `answer` and then does `fault`.
  private func origin(_ answer: String, fault: @escaping @Sendable (OriginConnection) -> Void) throws
    -> ScriptedOrigin
  {
    try ScriptedOrigin { connection in
      _ = try connection.readHead()
      try connection.send(answer)
      fault(connection)
    }
  }

  private func expect(_ failure: String, of origin: ScriptedOrigin) throws {
    let report = try run(try plan(origin))
    #expect(report.errors == [failure: 6])
    #expect(report.requests == 6)
    #expect(report.errorRate == 1)
  }

  @Test func `a reset`() throws {
    try expect("reset", of: try origin("") { $0.reset() })
  }

  @Test func `a reset within a body`() throws {
    // The reset drops what was not read yet, so the pause lets the head arrive.
    try expect(
      "reset",
      of: try origin("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello") { connection in
        _ = try? connection.staysSilent(seconds: 0.1)
        connection.reset()
      })
  }

  @Test func `a close without an answer`() throws {
    try expect("closed", of: try origin("") { _ in })
  }

  @Test func `a body that is cut short`() throws {
    try expect("truncated", of: try origin("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello") { _ in })
  }

  @Test func `a head that is cut short`() throws {
    try expect("truncated", of: try origin("HTTP/1.1 200 OK\r\nConte") { _ in })
  }

  @Test func `a chunked body without its end`() throws {
    try expect(
      "truncated",
      of: try origin("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n") { _ in })
  }

  @Test func `a length that is too small`() throws {
    try expect("surplus", of: try origin("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhello") { _ in })
  }

  @Test func `a malformed head`() throws {
    try expect("malformed", of: try origin("HTTP/1.1 200 OK\r\nno colon\r\n\r\n") { _ in })
  }

  @Test func `a malformed chunk`() throws {
    try expect(
      "malformed", of: try origin("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n") { _ in })
  }

  @Test func `an answer that does not come`() throws {
    let origin = try origin("") { _ = try? $0.awaitEnd() }
    var plan = try plan(origin, requests: 2)
    plan.timeout = .milliseconds(200)
    let report = try run(plan)
    #expect(report.errors == ["timeout": 2])
    // It took that long at least: such a server must not look fast.
    #expect(report.latency.p50 >= 190)
  }

  @Test func `an origin that is gone`() throws {
    // One answer, then nobody listens any more.
    let box = Waitable<ScriptedOrigin?>(nil)
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readHead()
      box.value?.stopListening()
      try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    }
    box.withLock { $0 = origin }
    let report = try run(try plan(origin, requests: 4, connections: 1))
    #expect(report.errors == ["connect": 3])
    #expect(report.answered == 1)
    #expect(report.connectError == "connection refused")
    box.withLock { $0 = nil }
  }

  @Test func `an origin that was never there`() throws {
    let origin = try ScriptedOrigin(saying: "")
    let plan = try plan(origin)
    origin.stop()
    try origin.wait("the end") { _ in (try? WireClient(origin.address)) == nil }
    #expect(throws: LoadTestError.self) { try run(plan) }
  }

  @Test func `a status of 500 and above`() throws {
    let origin = try ScriptedOrigin { _ in "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n" }
    let report = try run(try plan(origin))
    #expect(report.errors == ["status": 6])
    #expect(report.statuses == ["503": 6])
    // Answered, and wrongly: one request each, not two.
    #expect(report.requests == 6)
  }

  @Test func `a status that is not expected`() throws {
    let origin = try ScriptedOrigin(saying: "hello")
    var plan = try plan(origin)
    plan.expectedStatuses = [204]
    #expect(try run(plan).errors == ["status": 6])
    plan.expectedStatuses = [204, 200]
    #expect(try run(plan).errors.isEmpty)
  }

  @Test func `another body than the expected one`() throws {
    let origin = try ScriptedOrigin(saying: "hello")
    var plan = try plan(origin)
    // The SHA-256 of "hello".
    let digest = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    var bytes: [UInt8] = []
    var rest = digest[...]
    while let byte = UInt8(rest.prefix(2), radix: 16), !rest.isEmpty {
      bytes.append(byte)
      rest = rest.dropFirst(2)
    }
    plan.expectedDigest = bytes
    #expect(try run(plan).errors.isEmpty)
    plan.expectedDigest = bytes.reversed()
    #expect(try run(plan).errors == ["content": 6])
  }

  @Test func `requests that were due and found no connection`() throws {
    let origin = try ScriptedOrigin { connection in
      while true {
        _ = try connection.readHead()
        _ = try connection.staysSilent(seconds: 0.3)
        try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
      }
    }
    var plan = try plan(origin, connections: 1)
    plan.requests = nil
    plan.duration = .seconds(1)
    plan.rate = 50
    let report = try run(plan)
    #expect(report.requests == 50)
    #expect(report.errors["unstarted", default: 0] >= 40)
    #expect(report.answered + report.errorCount == 50)
  }
}
