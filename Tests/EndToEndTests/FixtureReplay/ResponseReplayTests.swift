import Base
import Configuration
import Proxy
import TestSupport
import Testing

@Suite("Tables of answers, through a running proxy", .timeLimit(.minutes(10))) struct ResponseReplayTests {
  /// A proxy and an origin that answers each request with the bytes it is told.
  final class Lane: Sendable {
    struct Script: Sendable {
      var bytes: [UInt8] = []
      var split: Int?
      var closes = false
      /// The connection that `bytes` were sent on.
      var index: Int?
    }
    let script: Waitable<Script>
    let origin: ScriptedOrigin
    let proxy: ProxyUnderTest

    init() throws {
      let script = Waitable(Script())
      self.script = script
      origin = try ScriptedOrigin { connection in
        while true {
          let request: WireRequest
          do { request = try connection.readRequest(seconds: 300) } catch { return }
          if request.target == "/again" {
            try connection.send(ok("\(connection.index)"))
            continue
          }
          let told = script.withLock { told in
            told.index = connection.index
            return told
          }
          do { try Lanes.send(told.bytes, split: told.split, on: connection) } catch { return }
          if told.closes { return }
        }
      }
      proxy = try ProxyUnderTest(origin) { settings in
        settings.proxy.responseTimeout = .seconds(4)
        settings.proxy.progressTimeout = .seconds(4)
      }
    }

    /// Sends a request that will be answered with the case's bytes.
    func ask(_ fixture: ResponseFixture, split: Int?) throws -> WireClient {
      script.withLock { $0 = Script(bytes: fixture.bytes, split: split, closes: fixture.closes) }
      let client = try proxy.connect()
      try client.send(head("\(fixture.method) /case"))
      return client
    }

    /// The connection on which the case's bytes were sent.
    func connectionIndex() throws -> Int {
      guard let index = script.value.index else { throw ReplayFailure("the origin was not asked") }
      return index
    }

    /// Which connection serves the next request.
    func nextConnectionIndex() throws -> Int? { Int(try proxy.exchange(head("GET /again")).text) }
  }

  @Test func `each accepted answer reaches the client as it was meant`() throws {
    let cases = try ResponseFixture.accepted()
    let failures = try Lanes.run(cases, bytes: \.bytes, make: Lane.init) { fixture, split, lane in
      guard case .forwarded(let status, let body, let isReusable) = fixture.outcome else {
        throw ReplayFailure("the table's outcome")
      }
      let client = try lane.ask(fixture, split: split)
      defer { client.close() }
      let response = try client.readResponse(to: fixture.method)
      try require(
        response.status == status, "status \(response.status) instead of \(status): \(response.text)")
      try require(response.body == body, "body \(FixtureEscapes.encode(response.body.prefix(200)))")
      let index = try lane.connectionIndex()
      // Surplus bytes may come after the answer: not before they are here is the connection spoilt.
      if !isReusable { try lane.origin.wait("the origin's connection to end") { !$0.isLive(index) } }
      // The client's connection goes on whatever the origin's does.
      try require(try client.exchange(head("GET /again")).status == 200, "the next request failed")
      let isReused = try lane.nextConnectionIndex() == index
      try require(
        isReused == isReusable, isReusable ? "the connection was not reused" : "the connection was reused")
    }
    #expect(
      failures.isEmpty, "\(failures.count) of \(cases.count): \(failures.prefix(20).joined(separator: "\n"))")
  }

  @Test func `each refused answer is a 502 or a cut, and its connection is never used again`() throws {
    let cases = try ResponseFixture.refused()
    #expect(cases.count >= 40)
    let failures = try Lanes.run(cases, bytes: \.bytes, make: Lane.init) { fixture, split, lane in
      let client = try lane.ask(fixture, split: split)
      defer { client.close() }
      switch fixture.outcome {
      case .forwarded: throw ReplayFailure("the table's outcome")
      case .refused:
        let response = try client.readResponse(to: fixture.method)
        try require(response.status == 502, "status \(response.status): \(response.text)")
      case .cut:
        try ResponseReplayTests.expectCut(client, method: fixture.method)
      }
      let index = try lane.connectionIndex()
      try lane.origin.wait("the origin's connection to end") { !$0.isLive(index) }
      try require(try lane.nextConnectionIndex() != index, "the connection was used again")
    }
    #expect(
      failures.isEmpty, "\(failures.count) of \(cases.count): \(failures.prefix(20).joined(separator: "\n"))")
  }

  /// A 502, or an end before the answer is complete.
  private static func expectCut(_ client: WireClient, method: String) throws {
    do {
      let response = try client.readResponse(to: method)
      try require(response.status == 502, "a complete answer of status \(response.status)")
    } catch WireError.ended, WireError.reset {
      return
    }
  }
}
