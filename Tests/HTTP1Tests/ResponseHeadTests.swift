import Base
import HTTP1
import Testing

@Suite("RFC 9112 §4 response heads") struct ResponseHeadTests {
  private static func parse(_ text: String, answering method: HTTP1.Method = .get) -> ResponseHead? {
    let bytes = Array(text.utf8)
    var table = FieldTable()
    guard
      case .complete(let head) = ResponseHead.parse(
        bytes.span, answering: method, into: &table, limits: Limits())
    else { return nil }
    return head
  }

  @Test(arguments: [
    ("HTTP/1.1 200 OK", 200, 13..<15), ("HTTP/1.1 404 Not Found", 404, 13..<22),
    ("HTTP/1.1 200 ", 200, 13..<13),
    ("HTTP/1.1 200", 200, 12..<12), ("HTTP/1.1 599 \té", 599, 13..<16), ("HTTP/1.1 999 x", 999, 13..<14),
  ])
  func `a status line gives status and phrase`(line: String, status: Int, reason: Range<Int>) throws {
    let head = try #require(ResponseHeadTests.parse("\(line)\r\n\r\n"))
    #expect(head.status == status)
    #expect(head.reasonRange == reason)
    #expect(head.end == line.utf8.count + 4)
  }

  @Test(
    arguments: [
      ("HTTP/1.1  200 OK", .malformedStatusLine), ("HTTP/1.1 20 OK", .malformedStatusLine),
      ("HTTP/1.1 2000 OK", .malformedStatusLine), ("HTTP/1.1 099 OK", .malformedStatusLine),
      ("HTTP/1.1 2x0 OK", .malformedStatusLine), ("http/1.1 200 OK", .malformedStatusLine),
      ("ICY 200 OK", .malformedStatusLine), ("HTTP/2.0 200 OK", .unsupportedVersion),
      ("HTTP/1.1 200 a\u{1}", .malformedStatusLine), ("HTTP/1.1 200 a\rb", .bareCarriageReturn),
      ("HTTP/1.1 200 a\nX: 1", .bareLineFeed), ("\r\nHTTP/1.1 200 OK", .malformedStatusLine),
    ] as [(String, HTTP1Error)])
  func `a bad status line is refused with its reason`(line: String, error: HTTP1Error) {
    #expect(Verdict.ofResponse(Array("\(line)\r\n\r\n".utf8)) == .failed(error))
  }

  @Test(
    arguments: [
      ("", .untilClose), ("Content-Length: 0\r\n", .none), ("Content-Length: 12\r\n", .length(12)),
      ("Transfer-Encoding: chunked\r\n", .chunked),
    ] as [(String, BodyFraming)])
  func `a body is framed by its fields, else by the end of the connection`(
    fields: String, framing: BodyFraming
  ) throws {
    #expect(try #require(ResponseHeadTests.parse("HTTP/1.1 200 OK\r\n\(fields)\r\n")).framing == framing)
  }

  @Test(
    arguments: [
      ("200", .head), ("204", .get), ("304", .get), ("100", .post), ("103", .get), ("101", .get),
    ] as [(String, HTTP1.Method)])
  func `some answers have no body whatever their fields say`(status: String, method: HTTP1.Method) throws {
    for fields in ["", "Content-Length: 12\r\n", "Transfer-Encoding: chunked\r\n"] {
      let head = ResponseHeadTests.parse("HTTP/1.1 \(status) x\r\n\(fields)\r\n", answering: method)
      #expect(try #require(head).framing == .none)
    }
  }

  @Test(
    arguments: [
      ("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", .lengthAndTransferEncoding),
      ("Content-Length: 1\r\nContent-Length: 1\r\n", .duplicateContentLength),
      ("Content-Length: -1\r\n", .malformedContentLength),
      ("Transfer-Encoding: gzip\r\n", .unsupportedTransferEncoding), ("X: 1\r\n y\r\n", .lineFolding),
    ] as [(String, HTTP1Error)])
  func `ambiguous framing is refused, with and without a body`(fields: String, error: HTTP1Error) {
    let bytes = Array("HTTP/1.1 200 OK\r\n\(fields)\r\n".utf8)
    #expect(Verdict.ofResponse(bytes) == .failed(error))
    #expect(Verdict.ofResponse(bytes, answering: .head) == .failed(error))
  }

  @Test(arguments: [
    ("1.1", "Content-Length: 1\r\n", true), ("1.1", "Content-Length: 1\r\nConnection: close\r\n", false),
    ("1.1", "", false), ("1.0", "Content-Length: 1\r\n", false),
    ("1.0", "Content-Length: 1\r\nConnection: keep-alive\r\n", true),
    ("1.1", "Content-Length: 1\r\nConnection: close, keep-alive\r\n", false),
  ])
  func `the origin's connection is kept as version and fields say`(
    version: String, fields: String, isKept: Bool
  ) throws {
    #expect(
      try #require(ResponseHeadTests.parse("HTTP/\(version) 200 OK\r\n\(fields)\r\n")).isPersistent == isKept)
  }

  @Test func `a head of 1xx is interim but for 101`() throws {
    for (status, isInterim) in [
      (100, true), (102, true), (103, true), (199, true), (101, false), (200, false),
    ] {
      let head = try #require(ResponseHeadTests.parse("HTTP/1.1 \(status) x\r\nContent-Length: 0\r\n\r\n"))
      #expect(head.isInterim == isInterim)
    }
  }
}
