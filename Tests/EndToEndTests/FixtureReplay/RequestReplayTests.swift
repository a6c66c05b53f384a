import Base
import Configuration
import Proxy
import TestSupport
import Testing
import Upstream

@Suite("Tables of requests, through a running proxy", .timeLimit(.minutes(10))) struct RequestReplayTests {
  /// A proxy that makes a new upstream connection for each exchange, so that what reaches the origin can
  /// be told apart.
  struct Lane {
    let origin: ScriptedOrigin
    let proxy: ProxyUnderTest

    init() throws {
      origin = try ScriptedOrigin { request in
        request.method == "HEAD" ? answer("200 OK", "Content-Length: 2") : ok("ok")
      }
      proxy = try ProxyUnderTest(origin) { settings in
        settings.upstream.idleTimeout = .milliseconds(0)
        settings.proxy.headTimeout = .seconds(4)
        settings.proxy.progressTimeout = .seconds(4)
      }
    }
  }

  @Test func `each refused request is refused, closed, and kept from the origin`() throws {
    let cases = try RefusedRequest.all()
    #expect(cases.count >= 120)
    let failures = try Lanes.run(cases, bytes: \.bytes, make: Lane.init) { refused, split, lane in
      let before = lane.origin.journal.value
      let client = try lane.proxy.connect()
      defer { client.close() }
      do {
        try Lanes.send(refused.bytes, split: split, on: client)
      } catch WireError.reset {
        // Refused at the first part and closed: the answer is there.
      }
      for status in refused.statuses {
        let response = try client.readResponse()
        try require(response.status == status, "status \(response.status) instead of \(status)")
        try require(status == 200 || response["Connection"] == "close", "the answer does not say close")
      }
      let (rest, _) = try client.readToEnd()
      try require(
        rest.isEmpty, "\(rest.count) bytes after the refusal: \(FixtureEscapes.encode(rest.prefix(200)))")
      try RequestReplayTests.checkOrigin(lane.origin, before: before, refused.origin)
    }
    #expect(
      failures.isEmpty, "\(failures.count) of \(cases.count): \(failures.prefix(20).joined(separator: "\n"))")
  }

  /// Nothing, less than a request, or one request has reached the origin since `before`.
  private static func checkOrigin(
    _ origin: ScriptedOrigin, before: ScriptedOrigin.Journal, _ expected: RefusedRequest.Origin
  ) throws {
    try origin.wait("the origin's connections to end") { $0.endedCount == $0.connectionCount }
    let now = origin.journal.value
    let received = (before.connectionCount..<now.connectionCount).map { now.bytes($0) }
    let requestCount = now.requests.count - before.requests.count
    let text = received.map { FixtureEscapes.encode($0.prefix(300)) }.joined(separator: " | ")
    switch expected {
    case .none: try require(received.allSatisfy(\.isEmpty), "the origin got \(text)")
    case .partial:
      try require(requestCount == 0, "the origin got a complete request: \(text)")
      try require(
        try received.allSatisfy { try WireRequest.parse($0[...]) == nil }, "a complete request: \(text)")
    case .one:
      try require(requestCount == 1, "the origin got \(requestCount) requests: \(text)")
      let lengths = try received.map { bytes in try (WireRequest.parse(bytes[...])?.1, bytes.count) }
      try require(lengths.allSatisfy { $0.0 ?? 0 == $0.1 }, "more than the request: \(text)")
    }
  }

  @Test func `each accepted request reaches the origin once and as it was meant`() throws {
    let cases = try AcceptedRequests.all()
    let failures = try Lanes.run(cases, bytes: \.bytes, make: Lane.init) { accepted, split, lane in
      let before = lane.origin.requests.count
      let client = try lane.proxy.connect()
      defer { client.close() }
      try Lanes.send(accepted.bytes, split: split, on: client)
      for message in accepted.messages {
        let response = try client.readResponse(to: latin1(message.method))
        try require(response.status == 200, "status \(response.status): \(response.text)")
        try require(
          (response["Connection"] == "close") != message.isKeptAlive,
          "the connection is \(message.isKeptAlive ? "not " : "")kept")
      }
      if accepted.messages.last?.isKeptAlive == true {
        // Nothing but an answer may come: the connection takes another request.
        let response = try client.exchange(head("GET /probe"))
        try require(response.status == 200, "the probe got \(response.status)")
      } else {
        try require(try client.readToEnd().bytes.isEmpty, "bytes after the last answer")
      }
      let requests = lane.origin.requests.dropFirst(before).filter { $0.target != "/probe" }
      try require(requests.count == accepted.messages.count, "\(requests.count) requests reached the origin")
      for (request, message) in zip(requests, accepted.messages) {
        try RequestReplayTests.compare(request, message)
      }
    }
    #expect(
      failures.isEmpty, "\(failures.count) of \(cases.count): \(failures.prefix(20).joined(separator: "\n"))")
  }

  private static func compare(_ request: WireRequest, _ message: AcceptedRequests.Message) throws {
    try require(request.method == latin1(message.method), "method \(request.method)")
    try require(request.target == latin1(message.target), "target \(request.target.prefix(200))")
    try require(request.version == "HTTP/1.1", "version \(request.version)")
    if let host = message.host {
      try require(request.all("Host") == [latin1(host)], "Host \(request.all("Host"))")
    }
    try require(request.all("Host").count == 1, "\(request.all("Host").count) Host fields")
    try require(request.body == message.body, "body of \(request.body.count) bytes")
    let trailers = request.trailers.map { "\($0.name): \($0.value)" }
    try require(trailers == message.trailers.map(latin1), "trailers \(trailers)")
  }
}
