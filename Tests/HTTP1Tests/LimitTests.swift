import Base
import HTTP1
import Testing

@Suite("Limits at their borders") struct LimitTests {
  private static func verdict(_ text: String, limits: Limits = Limits()) -> Verdict {
    Verdict.ofRequest(Array(text.utf8), limits: limits)
  }

  /// A request whose first line, its CRLF included, has that many bytes.
  private static func request(lineBytes: Int) -> String {
    let around = "GET / HTTP/1.1\r\n".utf8.count
    return "GET /\(String(repeating: "a", count: lineBytes - around)) HTTP/1.1\r\nHost: a\r\n\r\n"
  }

  /// A request whose head has that many bytes.
  private static func request(headBytes: Int, host: String = "Host: a\r\n") -> String {
    let start = "GET / HTTP/1.1\r\n\(host)X-Pad: "
    return start + String(repeating: "a", count: headBytes - start.utf8.count - 4) + "\r\n\r\n"
  }

  @Test func `a request line of 16 KiB is the longest`() {
    #expect(LimitTests.verdict(LimitTests.request(lineBytes: 16384)).isComplete)
    #expect(LimitTests.verdict(LimitTests.request(lineBytes: 16385)) == .failed(.targetTooLong))
  }

  @Test func `a request line without an end is refused once it is too long`() {
    let start = "GET /"
    let longest = start + String(repeating: "a", count: 16384 - start.utf8.count)
    #expect(LimitTests.verdict(longest) == .incomplete)
    #expect(LimitTests.verdict(longest + "a") == .failed(.targetTooLong))
    #expect(LimitTests.verdict(String(repeating: "A", count: 16384)) == .incomplete)
    #expect(LimitTests.verdict(String(repeating: "A", count: 16385)) == .failed(.targetTooLong))
  }

  @Test func `a method too long for the line is refused alike before and after its end`() {
    let method = String(repeating: "A", count: 16385)
    #expect(LimitTests.verdict(method) == LimitTests.verdict(method + " / HTTP/1.1\r\nHost: a\r\n\r\n"))
  }

  @Test func `the empty line before a request does not count against its line`() {
    #expect(LimitTests.verdict("\r\n" + LimitTests.request(lineBytes: 16384)).isComplete)
    #expect(LimitTests.verdict("\r\n" + LimitTests.request(lineBytes: 16385)) == .failed(.targetTooLong))
  }

  @Test func `a head of 32 KiB is the largest`() {
    #expect(LimitTests.verdict(LimitTests.request(headBytes: 32768)) == .complete(32768))
    #expect(LimitTests.verdict(LimitTests.request(headBytes: 32769)) == .failed(.headTooLarge))
  }

  @Test func `a head without an end is refused with the first byte beyond 32 KiB`() {
    let long = Array(LimitTests.request(headBytes: 40000).utf8)
    #expect(Verdict.ofRequest(Array(long[..<32768])) == .incomplete)
    #expect(Verdict.ofRequest(Array(long[..<32769])) == .failed(.headTooLarge))
  }

  @Test func `a fault beyond the limit does not change the verdict`() {
    let large = LimitTests.request(headBytes: 33000).dropLast(2)
    #expect(LimitTests.verdict(large + " folded: no\r\n\r\n") == .failed(.headTooLarge))
    #expect(LimitTests.verdict(LimitTests.request(headBytes: 33000, host: "")) == .failed(.headTooLarge))
  }

  @Test func `what follows a head does not count against it`() {
    let bytes = LimitTests.request(headBytes: 32768) + String(repeating: "b", count: 50000)
    #expect(LimitTests.verdict(bytes) == .complete(32768))
  }

  @Test func `a smaller limit for the head also bounds the request line`() {
    let limits = Limits(headBytesMax: 1000)
    #expect(limits.requestLineBytesMax == 1000)
    #expect(LimitTests.verdict(LimitTests.request(headBytes: 1000), limits: limits).isComplete)
    #expect(LimitTests.verdict(LimitTests.request(headBytes: 1001), limits: limits) == .failed(.headTooLarge))
    #expect(
      LimitTests.verdict(LimitTests.request(lineBytes: 1001), limits: limits) == .failed(.targetTooLong))
  }

  @Test(arguments: [1, 3, 100])
  func `as many fields as the limit says are taken`(limit: Int) {
    let limits = Limits(fieldCountMax: limit)
    for count in [limit, limit + 1] {
      let fields = "Host: a\r\n" + String(repeating: "X: 1\r\n", count: count - 1)
      let verdict = LimitTests.verdict("GET / HTTP/1.1\r\n\(fields)\r\n", limits: limits)
      if count == limit { #expect(verdict.isComplete) } else { #expect(verdict == .failed(.tooManyFields)) }
    }
  }

  @Test func `a hundred fields are the default`() { #expect(Limits().fieldCountMax == 100) }

  @Test func `a response head of 32 KiB is the largest`() {
    let start = "HTTP/1.1 200 OK\r\nX-Pad: "
    for count in [32768, 32769] {
      let head = start + String(repeating: "a", count: count - start.utf8.count - 4) + "\r\n\r\n"
      let verdict = Verdict.ofResponse(Array(head.utf8))
      #expect(verdict == (count == 32768 ? .complete(32768) : .failed(.headTooLarge)))
    }
  }

  @Test func `a trailer section is bounded in bytes and in fields`() {
    let section = Array((String(repeating: "X: 1\r\n", count: 100) + "\r\n").utf8)
    for (bytes, error) in [
      (section, nil), (Array("X: 1\r\n".utf8) + section, HTTP1Error.trailersTooLarge),
    ] {
      var table = FieldTable()
      let found = table.parseTrailers(bytes.span, limits: Limits())
      #expect(found == error)
    }
    for (limit, isGood) in [(section.count, true), (section.count - 1, false)] {
      let result = Decoded(Array("0\r\n".utf8) + section, trailerBytesMax: limit)
      #expect(result.error == (isGood ? nil : .trailersTooLarge))
      #expect((result.end != nil) == isGood)
    }
  }

  @Test func `a chunk extension of 256 bytes is the longest`() {
    for (count, isGood) in [(256, true), (257, false)] {
      let coding = "1;\(String(repeating: "e", count: count - 1))\r\nx\r\n0\r\n\r\n"
      let result = Decoded(Array(coding.utf8))
      #expect(result.error == (isGood ? nil : .chunkExtensionTooLong))
      #expect(result.body == (isGood ? Array("x".utf8) : []))
    }
  }

  @Test func `the extensions of a body are 16 KiB in all at most`() {
    let chunk = "1;\(String(repeating: "e", count: 255))\r\nx\r\n"
    let full = String(repeating: chunk, count: 64)
    let good = Decoded(Array((full + "1\r\ny\r\n0\r\n\r\n").utf8))
    #expect(good.error == nil)
    #expect(good.body.count == 65)
    let bad = Decoded(Array((full + "1;e\r\ny\r\n0\r\n\r\n").utf8))
    #expect(bad.error == .chunkExtensionTooLong)
    #expect(bad.body.count == 64)
  }
}
