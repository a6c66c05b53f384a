import Base
import Reactor
import Upstream
import Configuration
import Foundation
import TestSupport
import Testing

@testable import Delivery

@Suite("Asynchronous requests: delivery", .timeLimit(.minutes(5))) struct AsyncDeliveryTests {
  @Test func `a redirect is an answer`() throws {
    let origin = try ScriptedOrigin { _ in
      answer("302 Found", "Location: http://10.0.0.1/x?\u{301}token=hush", "Content-Length: 0")
    }
    let service = try AsyncUnderTest()
    let job = try service.wait(try service.accept(url(origin)), "delivered")
    #expect((job["response"] as? [String: Any])?["status"] as? Int == 302)
    #expect(origin.requests.count == 1)
    // Queries hold secrets in answers as well.
    try service.lines.text.wait("a line") { $0.contains("Location: http://10.0.0.1/x?...") }
    #expect(!service.lines.text.value.contains("hush"))
  }

  @Test(arguments: ["length", "chunked", "close"]) func `answers are kept up to a bound`(_ kind: String)
    throws
  {
    let body = String(repeating: "0123456789abcdef", count: 200_000)
    let origin = try ScriptedOrigin { _ in
      switch kind {
      case "length": answer("200 OK", "Content-Length: \(body.utf8.count)", body: body)
      case "chunked": answer("200 OK", "Transfer-Encoding: chunked") + chunk(body) + "0\r\n\r\n"
      default: answer("200 OK", "Content-Length: 5", "Connection: close", body: "short")
      }
    }
    let service = try AsyncUnderTest()
    let job = try service.wait(try service.accept(url(origin)), "delivered")
    let response = try #require(job["response"] as? [String: Any])
    let kept = response["body"] as? String ?? ""
    #expect(kept == (kind == "close" ? "short" : String(body.prefix(1 << 20))))
    #expect(response["truncated"] as? Bool ?? false == (kind != "close"))
  }

  @Test func `connections are used again`() throws {
    let origin = try ScriptedOrigin(saying: "ok")
    let service = try AsyncUnderTest()
    for _ in 0..<5 { try service.wait(try service.accept(url(origin)), "delivered") }
    #expect(origin.connectionCount == 1)
  }

  @Test func `one that ended while it was idle is no failure`() throws {
    let gate = Gate()
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readRequest()
      try connection.send(ok("first"))
      if connection.index == 0 {
        // It reads the next request, and ends without an answer: whether that was done is nobody's to know.
        _ = try connection.readRequest()
        gate.open()
      }
    }
    let service = try AsyncUnderTest()
    try service.wait(try service.accept(url(origin)), "delivered")
    try service.wait(try service.accept(url(origin)), "delivered")
    try gate.wait()
    #expect(origin.connectionCount == 2)
  }

  @Test func `one that is held long and then dropped is not sent again`() throws {
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readRequest()
      try connection.send(ok("first"))
      _ = try connection.readRequest()
      Thread.sleep(forTimeInterval: 1.5)
    }
    let service = try AsyncUnderTest()
    try service.wait(try service.accept(url(origin)), "delivered")
    let id = try service.accept(url(origin), #""rest_method":"POST""#)
    let attempts = try #require(try service.wait(id, "dead")["attempts"] as? [[String: Any]])
    #expect(attempts.count == 1)
    #expect(origin.connectionCount == 1)
  }

  @Test func `it is tried again as the caller wants it`() throws {
    let origin = try ScriptedOrigin { connection in
      for index in 0... {
        _ = try connection.readRequest()
        let line = index == 0 ? "503 Busy" : index == 1 ? "429 Slow" : "200 OK"
        try connection.send(answer(line, "Content-Length: 0", "Retry-After: 0"))
      }
    }
    let service = try AsyncUnderTest()
    let id = try service.accept(url(origin), #""retry":{"initial":"20ms","on":["5xx","429"]}"#)
    let job = try service.wait(id, "delivered")
    let attempts = try #require(job["attempts"] as? [[String: Any]])
    #expect(attempts.map { $0["status"] as? Int } == [503, 429, 200])
    #expect(eventually { service.counts.retried == 2 })
  }

  @Test func `no longer than was said, nor where the receiver wants no more`() throws {
    let origin = try ScriptedOrigin { request in
      answer(request.target == "/gone" ? "410 Gone" : "500 Oops", "Content-Length: 0")
    }
    let service = try AsyncUnderTest()
    let policy = #""retry":{"max_attempts":3,"backoff":"fixed","initial":"10ms"}"#
    let id = try service.accept(url(origin), policy)
    #expect((try service.wait(id, "dead")["attempts"] as? [Any])?.count == 3)
    let gone = try service.accept(url(origin, "/gone"), policy)
    #expect((try service.wait(gone, "dead")["attempts"] as? [Any])?.count == 1)
    // On demand it begins anew.
    let replayed = try service.ask(head("POST /requests/\(id)/replay"))
    #expect(replayed.status == 200)
    #expect(try eventually { (try service.job(id)["attempts"] as? [Any])?.count == 6 })
    try service.wait(id, "dead")
  }

  @Test func `nothing sent is tried again while it lives`() throws {
    let free = try ScriptedOrigin(saying: "")
    let address = free.location
    guard case .host(_, port: let port) = address else { throw WireError.ended("a port") }
    let service = try AsyncUnderTest()
    free.stop()
    let id = try service.accept("http://127.0.0.1:\(port)/", #""request_ttl":60"#)
    #expect(try eventually { (try service.job(id)["attempts"] as? [Any])?.isEmpty == false })
    #expect(try service.job(id)["state"] as? String != "dead")
    let origin = try ScriptedOrigin(at: .ip(IPAddress(v4: 0x7F00_0001), port: port)) { _ in ok() }
    try service.wait(id, "delivered")
    #expect(origin.requests.count == 1)
  }

  @Test func `an answer that does not come in time is none`() throws {
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readRequest()
      try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
      _ = try connection.awaitEnd()
    }
    let service = try AsyncUnderTest()
    let job = try service.wait(try service.accept(url(origin), #""request_ttl":0.3"#), "dead")
    let attempt = try #require((job["attempts"] as? [[String: Any]])?.first)
    #expect((attempt["error"] as? String)?.contains("within 300 ms") == true)
    #expect((attempt["duration_ms"] as? Int) ?? 0 >= 300)
  }

  @Test(arguments: [
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "HTTP/1.1 2x0 OK\r\n\r\n", "SSH-2.0-x\r\n\r\n",
    "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "",
  ])
  func `an answer that is none is a failure`(_ text: String) throws {
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readRequest()
      try connection.send(text)
    }
    let service = try AsyncUnderTest()
    let job = try service.wait(try service.accept(url(origin)), "dead")
    #expect((job["attempts"] as? [[String: Any]])?.first?["error"] as? String != nil)
    #expect(job["response"] == nil)
  }

  @Test func `the results of jobs are told, durably, and tried again`() throws {
    let told = Waitable(0)
    let origin = try ScriptedOrigin { request in
      switch request.target {
      case "/works": return ok("result")
      case "/fails": return answer("500 Oops", "Content-Length: 0")
      default:
        let count = told.withLock {
          $0 += 1
          return $0
        }
        // The first attempt to tell fails.
        return count == 1 ? answer("503 Busy", "Content-Length: 0") : ok()
      }
    }
    let service = try AsyncUnderTest()
    let callbacks =
      #""callback_url":"\#(url(origin, "/done"))","failure_callback_url":"\#(url(origin, "/failed"))""#
    let works = try service.accept(url(origin, "/works"), callbacks)
    let fails = try service.accept(url(origin, "/fails"), callbacks)
    for (id, target, state) in [(works, "/done", "delivered"), (fails, "/failed", "dead")] {
      try #require(
        eventually { origin.requests.contains { $0.target == target && $0.text.contains(id) } }, "\(target)")
      let request = try #require(origin.requests.last { $0.target == target })
      #expect(request.method == "POST")
      #expect(request["Content-Type"] == "application/json")
      let result = try JSONSerialization.jsonObject(with: Data(request.text.utf8)) as? [String: Any]
      #expect(result?["id"] as? String == id)
      #expect(result?["state"] as? String == state)
    }
    #expect(eventually { service.counts.pending == 0 })
    #expect(eventually { told.value == 3 })
    #expect(try service.get("/requests").text.contains("\"result_of\":\"\(works)\""))
  }

  @Test func `jobs of one key are done one by one, in their order`() throws {
    let running = Waitable((now: 0, most: 0))
    let origin = try ScriptedOrigin { connection in
      while true {
        let request = try connection.readRequest()
        if request.target.hasPrefix("/ordered") {
          running.withLock {
            $0.now += 1
            $0.most = max($0.most, $0.now)
          }
          Thread.sleep(forTimeInterval: 0.01)
          running.withLock { $0.now -= 1 }
        }
        try connection.send(
          answer(request.target == "/ordered3" ? "500 Oops" : "200 OK", "Content-Length: 0"))
      }
    }
    let service = try AsyncUnderTest()
    var ids: [String] = []
    for index in 0..<8 {
      ids.append(
        try service.accept(
          url(origin, "/ordered\(index)"), #""ordering_key":"k","retry":{"max_attempts":2,"initial":"30ms"}"#)
      )
    }
    try service.wait(ids[7], "delivered")
    try service.wait(ids[3], "dead")
    let text = origin.journal.value.text()
    let order = (0..<8).compactMap { text.range(of: "GET /ordered\($0) ")?.lowerBound }
    #expect(order.count == 8)
    #expect(order == order.sorted())
    #expect(running.value.most == 1)
  }

  @Test func `what is for later is not begun, and can be taken back`() throws {
    let origin = try ScriptedOrigin(saying: "ok")
    let service = try AsyncUnderTest()
    let begin = ContinuousClock.now
    let soon = try service.accept(url(origin, "/soon"), #""delay":"400ms""#)
    let never = try service.accept(url(origin, "/never"), #""delay":1"#)
    let cancelled = try service.ask(head("DELETE /requests/\(never)"))
    #expect(cancelled.status == 200)
    #expect(try AsyncUnderTest.members(cancelled)["state"] as? String == "cancelled")
    #expect(try service.ask(head("DELETE /requests/\(never)")).status == 409)
    try service.wait(soon, "delivered")
    #expect(begin.duration(to: .now) >= .milliseconds(390))
    #expect(try service.ask(head("DELETE /requests/\(soon)")).status == 409)
    Thread.sleep(forTimeInterval: 1.2)
    #expect(origin.requests.map(\.target) == ["/soon"])
    #expect(eventually { service.counts.pending == 0 })
    #expect(try service.ask(head("POST /requests/\(never)/replay")).status == 200)
    try service.wait(never, "delivered")
  }

  @Test func `what was taken back is made at once when it is replayed before its time`() throws {
    let origin = try ScriptedOrigin(saying: "ok")
    let service = try AsyncUnderTest()
    let ids = try (0..<3).map {
      try service.accept(url(origin), #""delay":3600,"ordering_key":"\#($0 == 0 ? "a" : "b")""#)
    }
    for id in ids { #expect(try service.ask(head("DELETE /requests/\(id)")).status == 200) }
    for id in ids.reversed() { #expect(try service.ask(head("POST /requests/\(id)/replay")).status == 200) }
    for id in ids { try service.wait(id, "delivered") }
    #expect(origin.requests.count == 3)
    #expect(eventually { service.counts.pending == 0 })
  }

  @Test func `a replay has all of its time again`() throws {
    let free = try ScriptedOrigin(saying: "")
    guard case .host(_, port: let port) = free.location else { throw WireError.ended("a port") }
    free.stop()
    let service = try AsyncUnderTest()
    let id = try service.accept("http://127.0.0.1:\(port)/", #""request_ttl":0.5"#)
    let first = (try service.wait(id, "dead")["attempts"] as? [Any])?.count ?? 0
    Thread.sleep(forTimeInterval: 0.6)
    #expect(try service.ask(head("POST /requests/\(id)/replay")).status == 200)
    #expect(try eventually { (try service.job(id)["attempts"] as? [Any])?.count ?? 0 > first })
    let again = (try service.wait(id, "dead")["attempts"] as? [Any])?.count ?? 0
    #expect(again >= first + 2)
  }

  @Test func `many jobs for one name look it up together`() throws {
    let origin = try ScriptedOrigin(saying: "ok")
    let service = try AsyncUnderTest(names: ["one.test": ["127.0.0.1"]])
    let job = "{\"external_url\":\"http://one.test:\(port(origin))/\"}"
    let batch = "[" + Array(repeating: job, count: 30).joined(separator: ",") + "]"
    #expect(try service.post(batch, to: "/createRequests").status == 202)
    #expect(eventually { service.counts.delivered == 30 })
    #expect(service.lookUps.value.count < 10)
  }

  @Test func `what is under way is not taken back`() throws {
    let gate = Gate()
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readRequest()
      try gate.wait()
      try connection.send(ok())
    }
    let service = try AsyncUnderTest()
    let id = try service.accept(url(origin))
    try service.wait(id, "delivering")
    #expect(try service.ask(head("DELETE /requests/\(id)")).status == 409)
    gate.open()
    try service.wait(id, "delivered")
  }

  @Test func `requests are signed`() throws {
    let origin = try ScriptedOrigin(saying: "ok")
    let signature = try #require(
      Signature(secrets: ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "0123456789abcdef"]))
    let service = try AsyncUnderTest { $0.signature = signature }
    let id = try service.accept(url(origin), #""rest_method":"POST","request_body":"signed""#)
    try service.wait(id, "delivered")
    let request = try origin.request()
    #expect(request["webhook-id"] == id)
    let seconds = try #require(Int64(request["webhook-timestamp"] ?? ""))
    #expect(abs(seconds - Moment.now() / 1000) < 60)
    #expect(
      request["webhook-signature"] == signature.text(id: id, seconds: seconds, body: Array("signed".utf8)))
    // Whoever asks does not say what it is signed with.
    for name in ["webhook-id", "Webhook-Timestamp", "WEBHOOK-SIGNATURE"] {
      let told = try service.post(
        "{\"external_url\":\"\(url(origin))\",\"request_headers\":{\"\(name)\":\"x\"}}")
      #expect(told.status == 422)
      #expect(told.text.contains("request_headers.\(name)"))
    }
  }

  @Test func `all that was accepted goes on in the next process`() throws {
    let origin = try ScriptedOrigin(saying: "ok")
    let first = try AsyncUnderTest()
    let later = try (0..<10).map { try first.accept(url(origin, "/\($0)"), #""delay":"300ms""#) }
    let finished = try first.accept(url(origin, "/finished"))
    try first.wait(finished, "delivered")
    try first.end(cut: true)
    let second = try AsyncUnderTest(directory: first.directory)
    for id in later { try second.wait(id, "delivered") }
    #expect(try second.job(finished)["state"] as? String == "delivered")
    #expect(Set(origin.requests.map(\.target)).count == 11)
    #expect(origin.requests.count == 11)
    try second.end()
  }

  @Test func `a drain waits for what is under way, and begins nothing`() throws {
    let gate = Gate()
    let origin = try ScriptedOrigin { connection in
      while true {
        _ = try connection.readRequest()
        try gate.wait()
        try connection.send(ok())
      }
    }
    let service = try AsyncUnderTest { $0.concurrency = 1 }
    let (first, second) = (try service.accept(url(origin, "/1")), try service.accept(url(origin, "/2")))
    try service.wait(first, "delivering")
    let ended = Waitable(false)
    Thread.detachNewThread {
      try? service.end()
      ended.withLock { $0 = true }
    }
    Thread.sleep(forTimeInterval: 0.2)
    #expect(!ended.value)
    gate.open()
    try ended.wait("the end") { $0 }
    let next = try AsyncUnderTest(directory: service.directory)
    #expect(try next.job(first)["state"] as? String == "delivered")
    try next.wait(second, "delivered")
    try next.end()
  }

  // MARK: Where it may go

  @Test(arguments: [
    ["10.0.0.1"], ["169.254.169.254"], ["93.184.216.34", "127.0.0.2"], ["::ffff:10.1.1.1"],
    ["64:ff9b::7f00:1"],
    ["fd00::1"], ["2002:7f00:1::"], ["0.0.0.0"], ["224.0.0.1"],
  ])
  func `a name that resolves to what is closed is not called`(_ addresses: [String]) throws {
    let service = try AsyncUnderTest(names: ["evil.test": addresses]) { $0.destinations.allowedNetworks = [] }
    let job = try service.wait(
      try service.accept("http://evil.test/", #""retry":{"max_attempts":9}"#), "dead")
    let attempts = try #require(job["attempts"] as? [[String: Any]])
    #expect(attempts.count == 1)
    #expect((attempts[0]["error"] as? String)?.contains("not allowed") == true)
  }

  @Test func `a name that changes between attempts is looked at again`() throws {
    let origin = try ScriptedOrigin { _ in answer("503 Busy", "Content-Length: 0", "Connection: close") }
    let service = try AsyncUnderTest(names: ["rebind.test": ["127.0.0.1"]])
    let id = try service.accept(
      "http://rebind.test:\(port(origin))/",
      #""retry":{"initial":"300ms","backoff":"fixed","max_attempts":20}"#)
    try #require(eventually { origin.requests.count > 0 })
    service.names.withLock { $0["rebind.test"] = ["10.0.0.1"] }
    let job = try service.wait(id, "dead")
    #expect(((job["attempts"] as? [[String: Any]])?.last?["error"] as? String)?.contains("10.0.0.1") == true)
  }

  @Test func `all addresses of a name are tried`() throws {
    let origin = try ScriptedOrigin(saying: "ok")
    // Nobody listens on the first two.
    let service = try AsyncUnderTest(names: ["many.test": ["127.0.0.77", "127.0.0.78", "127.0.0.1"]])
    let id = try service.accept("http://many.test:\(port(origin))/")
    #expect((try service.wait(id, "delivered")["attempts"] as? [Any])?.count == 1)
    #expect(service.lookUps.value == ["many.test"])
  }

  // MARK: TLS

  @Test func `https goes out verified`() throws {
    let origin = try ScriptedOrigin { answer("200 OK", "Content-Length: \($0.body.count)", body: $0.text) }
    let behind = try ProxyUnderTest(origin) {
      $0.tlsListen = [loopback]
      $0.tls = TestCertificates.server("a")
    }
    guard case .ip(_, let port) = behind.addresses[1] else { throw WireError.ended("an address") }
    let names = ["a.test": ["127.0.0.1"], "other.test": ["127.0.0.1"]]
    let service = try AsyncUnderTest(names: names) { $0.authorities = TestCertificates.path("ca.pem") }
    for _ in 0..<2 {
      let id = try service.accept(
        "https://a.test:\(port)/", #""rest_method":"POST","request_body":"over TLS""#)
      let job = try service.wait(id, "delivered")
      #expect((job["response"] as? [String: Any])?["body"] as? String == "over TLS")
    }
    let wrong = try service.accept("https://other.test:\(port)/", #""request_ttl":1"#)
    let job = try service.wait(wrong, "dead")
    #expect(
      ((job["attempts"] as? [[String: Any]])?.last?["error"] as? String)?.contains("certificate") == true)
    let strict = try AsyncUnderTest(names: names)
    let refused = try strict.wait(try strict.accept("https://a.test:\(port)/", #""request_ttl":1"#), "dead")
    #expect(
      ((refused["attempts"] as? [[String: Any]])?.last?["error"] as? String)?.contains("certificate") == true)
  }
}
