import Base
import HTTP1
import TestSupport
import Testing

@testable import Proxy

@Suite("Answers of our own") struct LocalReplyTests {
  private func reply(
    _ status: Int, closes: Bool = false, saysKeepAlive: Bool = false, isHead: Bool = false
  ) throws -> WireResponse {
    var date = ByteBuffer()
    date.append("Sun, 06 Nov 1994 08:49:37 GMT")
    var out = ByteBuffer()
    LocalReply.write(
      status: status, detail: "the reason", date: date, closes: closes, saysKeepAlive: saysKeepAlive,
      isHead: isHead, to: &out)
    let bytes = out.array()
    let (response, count) = try #require(
      try WireResponse.parse(bytes[...], answering: isHead ? "HEAD" : "GET", isEnd: false))
    #expect(count == bytes.count, "the length that is told is the length")
    return response
  }

  @Test(arguments: [200, 400, 405, 408, 413, 414, 417, 421, 431, 502, 503, 504, 505])
  func `are whole responses that say what and why`(_ status: Int) throws {
    let response = try reply(status)
    #expect(response.status == status)
    #expect(response.text == "\(status) \(response.reason): the reason\n")
    #expect(response.reason != "Error")
    #expect(response["Date"] == "Sun, 06 Nov 1994 08:49:37 GMT")
    #expect(response["Cache-Control"] == "no-store")
    #expect(response.has("Allow") == (status == 405))
    #expect(!response.has("Connection"))
  }

  @Test func `say how the connection goes on`() throws {
    #expect(try reply(502, closes: true)["Connection"] == "close")
    #expect(try reply(502, saysKeepAlive: true)["Connection"] == "keep-alive")
    #expect(try reply(502, closes: true, saysKeepAlive: true).all("Connection") == ["close"])
  }

  @Test func `tell HEAD their length and leave the body out`() throws {
    let (whole, headOnly) = (try reply(502), try reply(502, isHead: true))
    #expect(headOnly["Content-Length"] == "\(whole.body.count)")
    #expect(headOnly.body.isEmpty)
  }
}

@Suite("Trailers that may pass") struct TrailerRulesTests {
  private func passed(_ text: String) throws -> String {
    let bytes = Array((text + "\r\n").utf8)
    var table = FieldTable()
    #expect(table.parseTrailers(bytes.span, limits: Limits()) == nil)
    var out = ByteBuffer()
    TrailerRules.append(bytes.span, table, to: &out)
    return out.text()
  }

  @Test func `are those that say nothing of framing, routing, or who asks`() throws {
    #expect(
      try passed("X-Sum: 1\r\nServer-Timing: a\r\nETag: x\r\n")
        == "X-Sum: 1\r\nServer-Timing: a\r\nETag: x\r\n")
  }

  @Test(arguments: [
    "Host", "Connection", "Content-Length", "Transfer-Encoding", "TE", "Trailer", "Upgrade", "Expect",
    "Keep-Alive",
    "Proxy-Connection", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "Forwarded", "X-Real-IP",
    "Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie", "Max-Forwards", "Cache-Control", "Age",
    "Date",
    "Location", "Content-Encoding", "Content-Type", "Content-Range", "HTTP2-Settings", "Via",
  ])
  func `are not those that do`(_ name: String) throws {
    #expect(
      try passed("X-A: 1\r\n\(name): x\r\n\(name.uppercased()): y\r\nX-B: 2\r\n") == "X-A: 1\r\nX-B: 2\r\n")
  }
}

@Suite("The date as text") struct DateClockTests {
  @Test func `is made at the first look and has both forms`() {
    var clock = DateClock()
    clock.refresh(Instant(milliseconds: 5))
    #expect(clock.date.text().wholeMatch(of: /\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT/) != nil)
    #expect(clock.logTime.text().wholeMatch(of: /\d\d\/\w{3}\/\d{4}:\d\d:\d\d:\d\d \+0000/) != nil)
  }
}
