import Base
import LoadEngine
import TestSupport
import Testing

/// Coordinated omission: what a closed loop does not see of a stall, and an open loop does.
@Suite("A stall of the origin", .serialized, .timeLimit(.minutes(10))) struct StallTests {
  /// Answers at once, but for one second beginning one second after the first request.
  private func stallingOrigin() throws -> ScriptedOrigin {
    let first = Waitable<ContinuousClock.Instant?>(nil)
    return try ScriptedOrigin { connection in
      while true {
        _ = try connection.readHead()
        let begin = first.withLock { begin in
          begin = begin ?? .now
          return begin ?? .now
        }
        let stall = begin.advanced(by: .seconds(1))
        let end = stall.advanced(by: .seconds(1))
        let now = ContinuousClock.now
        if now >= stall, now < end {
          let wait = now.duration(to: end)
          _ = try connection.staysSilent(seconds: Double(wait.components.attoseconds) / 1e18)
        }
        try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
      }
    }
  }

  private func plan(_ origin: ScriptedOrigin, rate: Double?) throws -> LoadPlan {
    var plan = LoadPlan(targets: [LoadTarget(try LoadURL("http://127.0.0.1:\(origin.port)/"))])
    plan.connections = 2
    plan.duration = .seconds(3)
    plan.rate = rate
    return plan
  }

  @Test func `is seen by an open loop`() throws {
    let origin = try stallingOrigin()
    let report = try run(try plan(origin, rate: 200))
    origin.stop()
    #expect(report.errors.isEmpty)
    #expect(report.requests == 600)
    // The requests that were due within the stall waited for its end: a third of all, up to a second.
    #expect((850...1400).contains(report.latency.p999))
    #expect(report.latency.p90 >= 600)
    #expect(report.waitedForConnection >= 150)
  }

  @Test func `is hidden by a closed loop`() throws {
    let origin = try stallingOrigin()
    let report = try run(try plan(origin, rate: nil))
    origin.stop()
    #expect(report.errors.isEmpty)
    #expect(report.latency.max >= 850)
    // Two requests of thousands met it.
    #expect(report.requests > 2500)
    #expect(report.latency.p999 < 500)
  }
}
