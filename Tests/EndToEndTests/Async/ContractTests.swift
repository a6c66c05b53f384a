import Base
import Reactor
import Upstream
import Foundation
import TestSupport
import Testing

@testable import Delivery

/// The original's requests, and what callers of such services expect of the rest.
@Suite("Asynchronous requests: the contract", .timeLimit(.minutes(5))) struct AsyncContractTests {
  @Test func `a request of the original is acknowledged, made, and its result logged`() throws {
    let origin = try ScriptedOrigin { _ in
      answer("201 Created", "Content-Length: 4", "Set-Cookie: secret=1", "X-Made: yes", body: "made")
    }
    let service = try AsyncUnderTest()
    let response = try service.post(
      """
      {"external_url": "\(url(origin, "/hook?token=hush"))", "rest_method": "POST",
       "request_headers": {"X-Source": "original", "Authorization": "Bearer hush"},
       "request_body": {"b": 1, "a": 12345678901234567890}, "request_ttl": 10}
      """)
    #expect(response.status == 202)
    let id = try #require(try AsyncUnderTest.members(response)["id"] as? String)
    #expect(try AsyncUnderTest.members(response)["status"] as? String == "accepted")
    #expect(response["Location"] == "/requests/\(id)")
    let job = try service.wait(id, "delivered")
    let request = try origin.request()
    #expect(request.method == "POST")
    #expect(request.target == "/hook?token=hush")
    #expect(request.text == "{\"b\": 1, \"a\": 12345678901234567890}")
    #expect(request["X-Source"] == "original")
    #expect(request["Content-Type"] == "application/json")
    #expect(request["Idempotency-Key"] == id)
    #expect(request["Host"] == "127.0.0.1:\(port(origin))")
    let made = try #require(job["response"] as? [String: Any])
    #expect(made["status"] as? Int == 201)
    #expect(made["body"] as? String == "made")
    #expect((job["attempts"] as? [[String: Any]])?.first?["status"] as? Int == 201)
    try service.lines.text.wait("a line") { $0.contains(id) }
    let line = service.lines.text.value
    #expect(line.contains("state=delivered") && line.contains("status=201") && line.contains("body=made"))
    #expect(line.contains("X-Made: yes"))
    #expect(!line.contains("hush") && !line.contains("secret=1"))
  }

  @Test func `what fails is logged with its error, and kept as a dead letter`() throws {
    let origin = try ScriptedOrigin { _ in answer("500 Oops", "Content-Length: 0") }
    let service = try AsyncUnderTest()
    let id = try service.accept(url(origin))
    try service.wait(id, "dead")
    let closed = try ScriptedOrigin { $0.close() }
    let other = try service.accept(url(closed), #""request_ttl":1"#)
    let job = try service.wait(other, "dead")
    #expect((job["attempts"] as? [[String: Any]])?.last?["error"] as? String != nil)
    try service.lines.text.wait("a line") { $0.contains(other) && $0.contains("error=") }
    let dead = try service.get("/requests?state=dead").text
    #expect(dead.contains(id) && dead.contains(other))
    #expect(eventually { service.counts.dead == 2 })
  }

  @Test(
    arguments: [
      ("", "GET", nil, nil), (#""rest_method":"DELETE""#, "DELETE", nil, nil),
      (#""rest_method":"POST""#, "POST", "", nil),
      (#""rest_method":"POST","request_body":"as it is""#, "POST", "as it is", "text/plain; charset=utf-8"),
      (
        #""rest_method":"PUT","request_body_base64":"AP8=""#, "PUT", "\u{0}\u{FFFD}",
        "application/octet-stream"
      ),
    ] as [(String, String, String?, String?)])
  func `defaults and bodies`(_ members: String, _ method: String, _ body: String?, _ type: String?) throws {
    let origin = try ScriptedOrigin(saying: "ok")
    let service = try AsyncUnderTest()
    try service.wait(try service.accept(url(origin), members), "delivered")
    let request = try origin.request()
    #expect(request.method == method)
    #expect(request["Content-Length"] == body.map { _ in "\(request.body.count)" })
    #expect(request.text == body ?? "")
    #expect(request["Content-Type"] == type)
  }

  @Test func `what is no request is told as RFC 9457 has it, and leaves no row`() throws {
    let service = try AsyncUnderTest { $0.bodyBytesMax = 2000 }
    let json = ["Content-Type: application/json"]
    let good = #"{"external_url":"http://127.0.0.1:9999/"}"#
    func asked(_ line: String, _ fields: [String], _ body: String) throws -> WireResponse {
      let all = (["\(line) HTTP/1.1", "Host: a", "Content-Length: \(body.utf8.count)"] + fields).map {
        $0 + "\r\n"
      }
      return try service.ask(all.joined() + "\r\n" + body)
    }
    for (line, fields, body, status) in [
      ("POST /createRequest", json, "{", 400), ("POST /createRequest", json, "{}", 422),
      ("POST /createRequest", json, #"{"external_url":"http://10.0.0.1/"}"#, 422),
      ("POST /createRequest", ["Content-Type: text/plain"], good, 415),
      ("POST /createRequest", [], good, 415),
      ("POST /createRequest", ["Content-Type: application/x-www-form-urlencoded"], good, 415),
      ("POST /createRequest", json + ["Content-Encoding: gzip"], good, 415),
      ("POST /createRequest", json, String(repeating: " ", count: 2001), 413),
      ("POST /createRequest", json + ["Idempotency-Key: " + String(repeating: "k", count: 257)], good, 400),
      ("POST /createRequests", json, "[]", 400), ("POST /createRequests", json, "[\(good),{}]", 422),
      ("POST /else", json, good, 404), ("POST /requests", json, good, 405),
      ("GET /requests?state=x", [], "", 400),
      ("GET /requests/x", [], "", 404), ("GET /requests/01a21c59-dd8d-7000-9153-87693ca596e3", [], "", 404),
      ("DELETE /requests/01a21c59-dd8d-7000-9153-87693ca596e3", [], "", 404),
      ("POST /requests/01a21c59-dd8d-7000-9153-87693ca596e3/replay", [], "", 404),
    ] as [(String, [String], String, Int)] {
      let response = try asked(line, fields, body)
      #expect(response.status == status, "\(line) \(body)")
      #expect(response["Content-Type"] == "application/problem+json")
      let problem = try AsyncUnderTest.members(response)
      #expect(problem["status"] as? Int == status)
      #expect((problem["detail"] as? String)?.isEmpty == false)
      if status == 422 { #expect(problem["member"] != nil && problem["expected"] != nil) }
    }
    for method in ["GET", "PUT", "DELETE", "PATCH"] {
      let response = try asked("\(method) /createRequest", [], "")
      #expect(response.status == 405)
      #expect(response["Allow"] == "POST")
    }
    #expect(try AsyncUnderTest.members(try service.get("/requests"))["requests"] as? [String] == [])
    #expect(service.counts.accepted == 0)
  }

  @Test func `a token is asked for`() throws {
    let service = try AsyncUnderTest { $0.token = "correct horse" }
    let good = #"{"external_url":"http://127.0.0.1:9999/","delay":60}"#
    for field in [
      nil, "Authorization: Bearer wrong", "Authorization: Basic correct horse", "Authorization: Bearer",
    ] {
      let response = try service.ask(AsyncUnderTest.request(good, field.map { [$0] } ?? []))
      #expect(response.status == 401)
      #expect(response["WWW-Authenticate"] == "Bearer")
    }
    #expect(try service.get("/requests").status == 401)
    #expect(try service.post(good, "Authorization: bearer correct horse").status == 202)
  }

  @Test func `the same key is the same request`() throws {
    let service = try AsyncUnderTest()
    let body = #"{"external_url":"http://127.0.0.1:9999/","delay":60}"#
    let first = try service.post(body, "Idempotency-Key: abc")
    let again = try service.post(body, "Idempotency-Key: \"abc\"")
    #expect(first.status == 202 && again.status == 202)
    #expect(again.text == first.text)
    #expect(try service.post(body + " ", "Idempotency-Key: abc").status == 422)
    #expect(try service.post(body, "Idempotency-Key: abd").text != first.text)
    // Those that are under way together come to one as well.
    let (text, service2) = (AsyncUnderTest.request(body, ["Idempotency-Key: at once"]), service)
    let answers = Waitable(Set<String>())
    try inThreads(8) { _ in
      let told = try service2.ask(text).text
      answers.withLock { _ = $0.insert(told) }
    }
    #expect(answers.value.count == 1)
    #expect(service.counts.pending <= 3)
  }

  @Test func `batches are taken whole or not at all`() throws {
    let origin = try ScriptedOrigin(saying: "ok")
    let service = try AsyncUnderTest()
    let job = "{\"external_url\":\"\(url(origin))\"}"
    let response = try service.post("[\(job),\(job),\(job)]", to: "/createRequests")
    let ids = try #require(try AsyncUnderTest.members(response)["ids"] as? [String])
    #expect(ids.count == 3)
    for id in ids { try service.wait(id, "delivered") }
    let bad = try service.post("[\(job),{\"external_url\":\"http://10.0.0.1/\"}]", to: "/createRequests")
    #expect(bad.status == 422)
    #expect(try AsyncUnderTest.members(bad)["member"] as? String == "[1].external_url")
    #expect(eventually { service.counts.accepted == 3 })
    let lines = "\(job)\n\(job)\n"
    let text =
      "POST /createRequests HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-ndjson\r\nContent-Length: "
      + "\(lines.utf8.count)\r\n\r\n\(lines)"
    #expect(try service.ask(text).status == 202)
  }

  @Test func `bodies come in chunks, after 100, in one segment or byte by byte, and in a row`() throws {
    let service = try AsyncUnderTest()
    let body = #"{"external_url":"http://127.0.0.1:9999/","delay":60}"#
    let fields = "Host: a\r\nContent-Type: application/json\r\n"
    let client = try service.connect()
    let chunked = "POST /createRequest HTTP/1.1\r\n\(fields)Transfer-Encoding: chunked\r\n\r\n"
    #expect(
      try client.exchange(
        chunked + chunk(String(body.prefix(9))) + chunk(String(body.dropFirst(9))) + "0\r\n\r\n"
      )
      .status == 202)
    try client.send(
      "POST /createRequest HTTP/1.1\r\n\(fields)Expect: 100-continue\r\nContent-Length: \(body.utf8.count)\r\n\r\n"
    )
    #expect(try client.readAnyResponse().status == 100)
    #expect(try client.exchange(body).status == 202)
    for byte in AsyncUnderTest.request(body).utf8 { try client.send([byte]) }
    #expect(try client.readResponse().status == 202)
    try client.send(String(repeating: AsyncUnderTest.request(body), count: 20))
    for _ in 0..<20 { #expect(try client.readResponse().status == 202) }
    // Refused before its body comes: it is not waited for.
    try client.send(
      "POST /createRequest HTTP/1.1\r\n\(fields)Expect: 100-continue\r\nContent-Length: 99999999\r\n\r\n")
    #expect(try client.readResponse().status == 413)
    #expect(service.counts.accepted <= 23)
  }

  @Test(arguments: [
    "GET / HTTP/1.1\r\n\r\n", "\r\n\r\n\u{1}", "POST /createRequest HTTP/2.0\r\n\r\n",
    "POST /createRequest HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    "POST /createRequest HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
  ])
  func `what is no HTTP is refused and the connection closed`(_ text: String) throws {
    let service = try AsyncUnderTest()
    let client = try service.connect()
    try client.send(text)
    let text = String(decoding: try client.readToEnd().bytes, as: UTF8.self)
    #expect(text.hasPrefix("HTTP/1.1 4") || text.hasPrefix("HTTP/1.1 5"))
    #expect(try service.get("/requests").status == 200)
  }

  @Test func `no more than may wait, and nothing that is not stored is acknowledged`() throws {
    let service = try AsyncUnderTest { $0.pendingMax = 3 }
    let body = #"{"external_url":"http://127.0.0.1:9999/","delay":60}"#
    for _ in 0..<3 { #expect(try service.post(body).status == 202) }
    let refused = try service.post(body)
    #expect(refused.status == 503)
    #expect(refused["Retry-After"] != nil)
    #expect(eventually { service.counts.pending == 3 })
  }

  @Test func `what was accepted under a key is acknowledged again though there is no room`() throws {
    let service = try AsyncUnderTest { $0.pendingMax = 1 }
    let body = #"{"external_url":"http://127.0.0.1:9999/","delay":60}"#
    let first = try service.post(body, "Idempotency-Key: a")
    #expect(first.status == 202)
    #expect(try service.post(body, "Idempotency-Key: a").text == first.text)
    #expect(try service.post(body, "Idempotency-Key: b").status == 503)
    #expect(try service.post(body).status == 503)
  }

  @Test(arguments: ["POST /createRequest HTTP/1.1\r\nHo", ""])
  func `who is slow is told, and what still comes of it is no request`(_ begin: String) throws {
    let service = try AsyncUnderTest { $0.requestTimeout = .milliseconds(200) }
    let client = try service.connect()
    let body = #"{"external_url":"http://127.0.0.1:9999/","delay":60}"#
    let fields = "Host: a\r\nContent-Type: application/json\r\n"
    let slow = "POST /createRequest HTTP/1.1\r\n\(fields)Content-Length: 5000\r\n\r\n"
    try client.send(begin.isEmpty ? slow : begin)
    let response = try client.readResponse()
    #expect(response.status == 408)
    #expect(response["Connection"] == "close")
    try? client.send(AsyncUnderTest.request(body))
    #expect(try client.readToEnd().bytes.isEmpty)
    #expect(try AsyncUnderTest.members(try service.get("/requests"))["requests"] as? [String] == [])
  }

  @Test func `lists leave bodies and queries out`() throws {
    let origin = try ScriptedOrigin(saying: "a body that is not listed")
    let service = try AsyncUnderTest()
    let id = try service.accept(url(origin, "/hook?token=hush"))
    let job = try service.wait(id, "delivered")
    #expect((job["response"] as? [String: Any])?["body"] as? String == "a body that is not listed")
    #expect(job["url"] as? String == url(origin, "/hook?..."))
    let list = try service.get("/requests").text
    #expect(list.contains(id) && !list.contains("a body") && !list.contains("hush"))
  }

  @Test func `who asks much and reads nothing has one answer held for him`() throws {
    let origin = try ScriptedOrigin(saying: String(repeating: "x", count: 1 << 20))
    let service = try AsyncUnderTest()
    let id = try service.accept(url(origin))
    try service.wait(id, "delivered")
    let client = try WireClient(service.address, bufferBytes: 4096)
    try client.send(String(repeating: head("GET /requests/\(id)"), count: 30))
    // And whoever does read has them all, the last one whole though the connection closes behind it.
    for _ in 0..<30 { #expect(try client.readResponse().text.utf8.count > 1 << 20) }
    try client.send(head("GET /requests/\(id)", "Connection: close"))
    Thread.sleep(forTimeInterval: 2.5)
    #expect(try client.readResponse().text.utf8.count > 1 << 20)
  }

  @Test func `jobs are listed page by page`() throws {
    let service = try AsyncUnderTest()
    let ids = try (0..<25).map { _ in try service.accept("http://127.0.0.1:9999/", #""delay":60"#) }
    var (found, path): ([String], String?) = ([], "/requests?state=pending&limit=10")
    while let next = path {
      let page = try AsyncUnderTest.members(try service.get(next))
      found += (page["requests"] as? [[String: Any]] ?? []).compactMap { $0["id"] as? String }
      path = page["next"] as? String
    }
    #expect(found == ids.reversed())
  }
}
