import Base
import LoadEngine
import TestSupport
import Testing

@Suite("A load test", .timeLimit(.minutes(10))) struct LoadTestTests {
  @Test func `makes exactly the requests asked for`() throws {
    let origin = try ScriptedOrigin(saying: "hello")
    let report = try run(try plan(origin, path: "/a?b=c", requests: 101, connections: 7))
    #expect(report.requests == 101)
    #expect(report.statuses == ["200": 101])
    #expect(report.connects == 7)
    #expect(origin.requests.count == 101)
    #expect(origin.requests.allSatisfy { $0.target == "/a?b=c" && $0["host"] == "127.0.0.1:\(origin.port)" })
    // "HTTP/1.1 200 OK", the length, the empty line and five bytes.
    #expect(report.bytesReceived == 101 * 43)
  }

  @Test func `shares them out over threads`() throws {
    let origin = try ScriptedOrigin(saying: "hello")
    var plan = try plan(origin, requests: 25, connections: 5)
    plan.threads = 3
    #expect(try run(plan).requests == 25)
    #expect(origin.requests.count == 25)
    #expect(origin.connectionCount == 5)
  }

  @Test func `does not count what warms up`() throws {
    let origin = try ScriptedOrigin(saying: "hello")
    var plan = try plan(origin, requests: 20)
    plan.warmup = .milliseconds(300)
    let report = try run(plan)
    #expect(report.requests == 20)
    #expect(report.errorCount == 0)
    #expect(origin.requests.count > 20)
  }

  @Test func `keeps to its time and its rate`() throws {
    let origin = try ScriptedOrigin(saying: "hello")
    var plan = try plan(origin, connections: 4)
    plan.requests = nil
    plan.duration = .seconds(1)
    plan.rate = 300
    plan.threads = 2
    let started = ContinuousClock.now
    let report = try run(plan)
    #expect(report.requests == 300)
    #expect(report.seconds == 1)
    #expect(started.duration(to: .now) < .seconds(4))
    #expect((report.lateness?.p50 ?? 1000) < 20)
  }

  @Test func `opens a connection for each request where asked to`() throws {
    let origin = try ScriptedOrigin(saying: "hello")
    var plan = try plan(origin, requests: 12, connections: 3)
    plan.keepsAlive = false
    plan.targets = [LoadTarget(plan.targets[0].url, keepsAlive: false)]
    let report = try run(plan)
    #expect(report.answered == 12)
    #expect(report.errors.isEmpty)
    #expect(report.connects == 12)
    #expect(origin.connectionCount == 12)
    #expect(origin.requests.allSatisfy { $0["connection"] == "close" })
  }

  @Test func `opens the next connection where the origin closes`() throws {
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readRequest()
      try connection.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end")
    }
    let report = try run(try plan(origin, requests: 8, connections: 2))
    #expect(report.answered == 8)
    #expect(report.errors.isEmpty)
    #expect(report.connects == 8)
  }

  @Test func `asks several URLs by their weights`() throws {
    let one = try ScriptedOrigin { _ in "HTTP/1.1 200 OK\r\nX-Served-By: one\r\nContent-Length: 0\r\n\r\n" }
    let two = try ScriptedOrigin { _ in "HTTP/1.1 200 OK\r\nX-Served-By: two\r\nContent-Length: 0\r\n\r\n" }
    var plan = try plan(one, requests: 40, connections: 3)
    plan.targets[0].weight = 3
    plan.targets.append(LoadTarget(try LoadURL("http://127.0.0.1:\(two.port)/two")))
    let report = try run(plan)
    #expect(report.errors.isEmpty)
    #expect(report.backends.map(\.name) == ["one", "two"])
    #expect(report.backends.map(\.answers) == [30, 10])
    #expect(two.requests.allSatisfy { $0.target == "/two" })
  }

  @Test func `sends small and large bodies whole`() throws {
    for count in [10, 3_000_000] {
      let origin = try ScriptedOrigin { request in
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Served-By: \(request.body.count)\r\n\r\n"
      }
      var plan = try plan(origin, requests: 4)
      let body = (0..<count).map { UInt8(truncatingIfNeeded: $0 % 251) }
      plan.targets = [LoadTarget(plan.targets[0].url, method: "POST", body: body)]
      let report = try run(plan)
      #expect(report.errors.isEmpty)
      #expect(report.backends.map(\.name) == ["\(count)"])
      #expect(origin.requests.allSatisfy { $0.method == "POST" && $0.body == body })
    }
  }

  @Test func `reads large and chunked bodies whole`() throws {
    let body = String(repeating: "x", count: 1_000_000)
    let answers = [
      "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n\(body)",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nF4240\r\n\(body)\r\n0\r\n\r\n",
    ]
    for answer in answers {
      let origin = try ScriptedOrigin { _ in answer }
      let report = try run(try plan(origin))
      #expect(report.errors.isEmpty)
      #expect(report.bytesReceived == 6 * answer.utf8.count)
    }
  }

  @Test func `says how many were limited and cached`() throws {
    let count = Waitable(0)
    let origin = try ScriptedOrigin { _ in
      let number = count.withLock { number in
        number += 1
        return number
      }
      if number % 4 == 0 { return "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n" }
      return "HTTP/1.1 200 OK\r\nX-Cache: \(number % 2 == 0 ? "MISS" : "HIT")\r\nContent-Length: 0\r\n\r\n"
    }
    let report = try run(try plan(origin, requests: 40, connections: 1))
    #expect(report.rateLimitedShare == 0.25)
    #expect(report.cacheHits == 20)
    #expect(report.cacheMisses == 10)
  }

  @Test func `tries every address of a name`() throws {
    let origin = try ScriptedOrigin(saying: "hello")
    var plan = try plan(origin)
    // Also ::1 where the machine knows it by that name, where nobody listens.
    plan.targets = [LoadTarget(try LoadURL("http://localhost:\(origin.port)/"))]
    let report = try run(plan)
    #expect(report.answered == 6)
    #expect(report.errors.isEmpty)
  }

  @Test func `says which name is unknown`() throws {
    let plan = LoadPlan(targets: [LoadTarget(try LoadURL("http://nowhere.invalid/"))])
    #expect(throws: LoadTestError.self) { try run(plan) }
  }
}
