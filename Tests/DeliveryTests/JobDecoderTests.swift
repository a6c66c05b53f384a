import Base
import Testing

@testable import Delivery

@Suite("What is posted") struct JobDecoderTests {
  private let decoder = JobDecoder(destinations: DestinationGuard())

  private func job(_ members: String) throws -> JobRequest {
    try decoder.request(
      Array("{\"external_url\":\"http://example.com/\"\(members.isEmpty ? "" : ",")\(members)}".utf8))
  }

  @Test func `what is not said has its default`() throws {
    let request = try job("")
    #expect(request.spec.method == "GET")
    #expect(request.spec.timeToLive == .seconds(165))
    #expect(request.spec.body == nil)
    #expect(request.spec.retry == nil)
    #expect(request.notBefore == nil)
    #expect(try job("\"rest_method\":null,\"request_body\":null,\"request_ttl\":null") == request)
  }

  @Test func `all that there is`() throws {
    let request = try job(
      #"""
      "rest_method":"patch","request_headers":{"X-A":"b","X-Number":5,"X-Many":["c","d"],"Host":"Example.com"},
      "request_body":{"z":1, "a":1.10},"request_ttl":2.5,
      "retry":{"max_attempts":7,"backoff":"fixed","initial":"250ms","max":"1h","on":["5xx","429"]},
      "delay":"5m","callback_url":"https://example.com/done","failure_callback_url":"https://example.com/failed",
      "ordering_key":"k"
      """#)
    let spec = request.spec
    #expect(spec.method == "PATCH")
    #expect(
      spec.fields == [
        JobField("X-A", "b"), JobField("X-Number", "5"), JobField("X-Many", "c"), JobField("X-Many", "d"),
        JobField("Content-Type", "application/json"),
      ])
    #expect(spec.body == Array(#"{"z":1, "a":1.10}"#.utf8))
    #expect(spec.timeToLive == .milliseconds(2500))
    #expect(spec.retry?.attemptsMax == 7)
    #expect(spec.retry?.backoff == .fixed)
    #expect(spec.retry?.initial == .milliseconds(250))
    #expect(spec.retry?.conditions == [.serverError, .tooManyRequests])
    #expect(spec.callback?.text == "https://example.com/done")
    #expect(spec.failureCallback?.text == "https://example.com/failed")
    #expect(spec.orderingKey == "k")
    let wait = try #require(request.notBefore) - Moment.now()
    #expect((299_000...300_000).contains(wait))
  }

  @Test(
    arguments: [
      (#""request_body":"a\nb""#, "a\nb", "text/plain; charset=utf-8"),
      (#""request_body":"""#, "", "text/plain; charset=utf-8"),
      (#""request_body":[1, 2]"#, "[1, 2]", "application/json"),
      (#""request_body":false"#, "false", "application/json"),
      (#""request_body_base64":"AAEC""#, "\u{0}\u{1}\u{2}", "application/octet-stream"),
      (
        #""request_body":"x=1","request_headers":{"content-type":"application/x-www-form-urlencoded"}"#,
        "x=1", nil
      ),
    ] as [(String, String, String?)])
  func `bodies`(_ members: String, _ body: String, _ type: String?) throws {
    let spec = try job(members).spec
    #expect(spec.body == Array(body.utf8))
    #expect(spec.fields.first { $0.name == "Content-Type" }?.value == type)
  }

  @Test(arguments: [
    (#""rest_method":5"#, "rest_method"), (#""rest_method":"G T""#, "rest_method"),
    (#""rest_method":"""#, "rest_method"),
    (#""rest_method":"CONNECT""#, "rest_method"), (#""rest_method":"TRACE""#, "rest_method"),
    (#""request_headers":[]"#, "request_headers"), (#""request_headers":{"a b":"c"}"#, "request_headers.a b"),
    (#""request_headers":{"":"c"}"#, "request_headers."),
    (#""request_headers":{"a":{}}"#, "request_headers.a"),
    (#""request_headers":{"a":"b\r\nc: d"}"#, "request_headers.a"),
    (#""request_headers":{"a":"b\u0000"}"#, "request_headers.a"),
    (#""request_headers":{"Connection":"close"}"#, "request_headers.Connection"),
    (#""request_headers":{"Keep-Alive":"5"}"#, "request_headers.Keep-Alive"),
    (#""request_headers":{"TE":"trailers"}"#, "request_headers.TE"),
    (#""request_headers":{"transfer-encoding":"chunked"}"#, "request_headers.transfer-encoding"),
    (#""request_headers":{"Content-Length":"5"}"#, "request_headers.Content-Length"),
    (#""request_headers":{"Upgrade":"h2c"}"#, "request_headers.Upgrade"),
    (#""request_headers":{"Host":"internal.test"}"#, "request_headers.Host"),
    (#""request_headers":{"Expect":"100-continue"}"#, "request_headers.Expect"),
    (#""request_body_base64":"A""#, "request_body_base64"),
    (#""request_body_base64":5"#, "request_body_base64"),
    (#""request_body":1,"request_body_base64":"AA==""#, "request_body_base64"),
    (#""request_ttl":0"#, "request_ttl"), (#""request_ttl":-5"#, "request_ttl"),
    (#""request_ttl":"x""#, "request_ttl"),
    (#""request_ttl":1e300"#, "request_ttl"), (#""request_ttl":[]"#, "request_ttl"),
    (#""retry":5"#, "retry"), (#""retry":{"max_attempts":0}"#, "retry.max_attempts"),
    (#""retry":{"max_attempts":1.5}"#, "retry.max_attempts"), (#""retry":{"backoff":"x"}"#, "retry.backoff"),
    (#""retry":{"initial":"1y"}"#, "retry.initial"), (#""retry":{"on":["4xx"]}"#, "retry.on"),
    (#""retry":{"on":"5xx"}"#, "retry.on"), (#""retry":{"other":1}"#, "retry.other"),
    (#""retry":{"max_attempts":1,"max_attempts":2}"#, "retry.max_attempts"),
    (#""extra":null,"extra":null"#, "extra"),
    (#""delay":-1"#, "delay"), (#""delay":1e9"#, "delay"), (#""not_before":"tomorrow""#, "not_before"),
    (#""delay":1,"not_before":1"#, "not_before"), (#""not_before":1e18"#, "not_before"),
    (#""callback_url":"x""#, "callback_url"), (#""callback_url":"http://10.0.0.1/""#, "callback_url"),
    (#""failure_callback_url":"http://[::1]/""#, "failure_callback_url"),
    (#""ordering_key":"""#, "ordering_key"),
    (#""external_url":"http://example.com/""#, "external_url"), (#""extra":1"#, "extra"),
  ])
  func `what is wrong is named`(_ members: String, _ member: String) throws {
    let problem = #expect(throws: Problem.self) { try job(members) }
    #expect(problem?.status == 422)
    #expect(problem?.member == member)
    #expect(problem?.expected?.isEmpty == false)
  }

  @Test(arguments: [
    ("{}", 422), ("[]", 422), ("5", 422), ("", 400), ("{", 400), (#"{"external_url":5}"#, 422),
    (#"{"external_url":"ftp://example.com"}"#, 422), ("{\"external_url\":\"http://example.com/\"} x", 400),
  ])
  func `what is no request`(_ text: String, _ status: Int) throws {
    let problem = #expect(throws: Problem.self) { try decoder.request(Array(text.utf8)) }
    #expect(problem?.status == status)
  }

  @Test func `a flood of members is refused as quickly as it is read`() throws {
    let names = (0..<100_000).map { "\"m\($0)\":0" }
    for (last, member) in [("", "m0"), (",\"m7\":0", "m7")] {
      let begin = ContinuousClock.now
      let problem = #expect(throws: Problem.self) { try job(names.joined(separator: ",") + last) }
      #expect(problem?.member == member)
      // Compared with one another they would take minutes.
      #expect(ContinuousClock.now - begin < .seconds(20))
    }
  }

  @Test func `batches, all or none`() throws {
    let good = #"{"external_url":"http://example.com/"}"#
    #expect(try decoder.batch(Array("[\(good),\(good)]".utf8)).count == 2)
    #expect(try decoder.batch(Array("\(good)\n\n \(good)\r\n".utf8)).count == 2)
    for (text, member) in [
      ("[\(good),5]", "[1]"), ("[\(good),{}]", "[1].external_url"), ("\(good)\n{\n", "[1]"),
      ("[]", nil), ("", nil), ("[\(good)", nil),
    ] as [(String, String?)] {
      let problem = #expect(throws: Problem.self) { try decoder.batch(Array(text.utf8)) }
      #expect(problem?.member == member)
    }
    let many = "[" + Array(repeating: good, count: 1001).joined(separator: ",") + "]"
    #expect(#expect(throws: Problem.self) { try decoder.batch(Array(many.utf8)) }?.status == 413)
  }
}
