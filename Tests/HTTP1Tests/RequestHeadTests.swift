import Base
import HTTP1
import Testing

/// A request head with its parts as text.
struct ParsedRequest {
  let head: RequestHead
  private let bytes: [UInt8]
  let fields: [(name: String, value: String)]

  /// `nil` when `text` does not begin with an acceptable and complete head.
  init?(_ text: String) {
    let bytes = Array(text.utf8)
    self.bytes = bytes
    var table = FieldTable()
    guard case .complete(let head) = RequestHead.parse(bytes.span, into: &table, limits: Limits()) else {
      return nil
    }
    self.head = head
    var fields: [(name: String, value: String)] = []
    for index in 0..<table.count {
      let name = String(decoding: bytes[table[index].nameRange], as: UTF8.self)
      let value = String(decoding: bytes[table[index].valueRange], as: UTF8.self)
      fields.append((name, value))
    }
    self.fields = fields
  }

  /// A GET over HTTP/1.1 with `Host: a` and these field lines, each with its CRLF.
  init?(fields: String) { self.init("GET / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n") }

  func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
}

@Suite("RFC 9112 §3 request heads") struct RequestHeadTests {
  @Test func `the parts of a head lie where they were sent`() throws {
    let text = "PoST /a%20b?c=d&e HTTP/1.1\r\nHost: example.test:8080\r\nX-One:\t 1 \t\r\nX-Two:\r\n\r\nrest"
    let request = try #require(ParsedRequest(text))
    let head = request.head
    #expect(head.method == .other)
    #expect(request.text(head.methodRange) == "PoST")
    #expect(request.text(head.targetRange) == "/a%20b?c=d&e")
    #expect(request.text(head.pathRange) == "/a%20b?c=d&e")
    #expect(head.authorityRange.map(request.text) == "example.test:8080")
    #expect(request.text(head.fieldsStart..<head.end).hasPrefix("Host: "))
    #expect(request.text(0..<head.end).hasSuffix("\r\n\r\n"))
    #expect(request.fields.map(\.name) == ["Host", "X-One", "X-Two"])
    #expect(request.fields.map(\.value) == ["example.test:8080", "1", ""])
    #expect(head.targetForm == .origin)
  }

  @Test(
    arguments: [
      ("GET", .get), ("HEAD", .head), ("POST", .post), ("PUT", .put), ("DELETE", .delete), ("TRACE", .trace),
      ("OPTIONS", .options), ("PATCH", .patch), ("get", .other), ("GEt", .other), ("GETS", .other),
      ("M-SEARCH", .other),
    ] as [(String, HTTP1.Method)])
  func `methods are told apart by their exact case`(text: String, method: HTTP1.Method) throws {
    let request = try #require(ParsedRequest("\(text) / HTTP/1.1\r\nHost: a\r\n\r\n"))
    #expect(request.head.method == method)
  }

  @Test(arguments: [
    ("http://b.test/c?d", "b.test", "/c?d"), ("HTTP://b.test:81", "b.test:81", ""),
    ("http://[::1]:80?q", "[::1]:80", "?q"), ("http://b.test//c", "b.test", "//c"),
  ])
  func `the authority of an absolute target wins over Host`(target: String, authority: String, path: String)
    throws
  {
    let request = try #require(ParsedRequest("GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n"))
    #expect(request.head.targetForm == .absolute)
    #expect(request.head.authorityRange.map(request.text) == authority)
    #expect(request.text(request.head.pathRange) == path)
  }

  @Test func `an asterisk is for OPTIONS alone`() throws {
    let request = try #require(ParsedRequest("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"))
    #expect(request.head.targetForm == .asterisk)
    let other = Verdict.ofRequest(Array("GET * HTTP/1.1\r\nHost: a\r\n\r\n".utf8))
    #expect(other == .failed(.malformedTarget))
  }

  @Test func `a head of HTTP 1.0 needs no Host`() throws {
    let request = try #require(ParsedRequest("GET / HTTP/1.0\r\n\r\n"))
    #expect(request.head.isHTTP10)
    #expect(request.head.authorityRange == nil)
    #expect(!request.head.isPersistent)
  }

  @Test(arguments: [
    ("1.1", "", true), ("1.1", "close", false), ("1.1", "x, Close", false),
    ("1.1", "keep-alive, close", false),
    ("1.0", "keep-alive", true), ("1.0", "Keep-Alive", true), ("1.0", "x", false),
    ("1.0", "keep-alive,close", false),
    ("1.1", "closed", true), ("1.1", ",,close,", false),
  ])
  func `the connection persists as version and options say`(version: String, option: String, persists: Bool)
    throws
  {
    let request = try #require(
      ParsedRequest("GET / HTTP/\(version)\r\nHost: a\r\nConnection: \(option)\r\n\r\n"))
    #expect(request.head.isPersistent == persists)
  }

  @Test(
    arguments: [
      ("", .none), ("Content-Length: 0\r\n", .none), ("Content-Length: 007\r\n", .length(7)),
      ("Content-Length: 9223372036854775807\r\n", .length(.max)),
      ("Transfer-Encoding: Chunked\r\n", .chunked),
    ] as [(String, BodyFraming)])
  func `a body is framed by one field`(fields: String, framing: BodyFraming) throws {
    let request = try #require(ParsedRequest(fields: fields))
    #expect(request.head.framing == framing)
  }

  @Test(
    arguments: [
      ("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", .lengthAndTransferEncoding),
      ("Content-Length: 1\r\nContent-Length: 1\r\n", .duplicateContentLength),
      ("Content-Length: 1, 1\r\n", .malformedContentLength),
      ("Content-Length: +1\r\n", .malformedContentLength),
      ("Content-Length: \r\n", .malformedContentLength), ("Content-Length: 0x1\r\n", .malformedContentLength),
      ("Content-Length: 9223372036854775808\r\n", .malformedContentLength),
      ("Content-Length: 00000000000000000001\r\n", .malformedContentLength),
      ("Transfer-Encoding: gzip, chunked\r\n", .unsupportedTransferEncoding),
      ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", .unsupportedTransferEncoding),
      ("Transfer-Encoding: \r\n", .unsupportedTransferEncoding), ("Host: b\r\n", .duplicateHost),
      ("Expect: 200-ok\r\n", .unmetExpectation), ("X : 1\r\n", .malformedFieldName),
      ("X: 1\r\n 2\r\n", .lineFolding), ("X: \u{7F}\r\n", .malformedFieldValue), ("X: 1\n", .bareLineFeed),
      ("X: 1\r2\r\n", .bareCarriageReturn),
    ] as [(String, HTTP1Error)])
  func `what is ambiguous is refused with its reason`(fields: String, error: HTTP1Error) {
    let bytes = Array("POST / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n".utf8)
    #expect(Verdict.ofRequest(bytes) == .failed(error))
  }

  @Test(
    arguments: [
      ("GET / HTTP/2.0", .unsupportedVersion), ("GET / HTTP/1.2", .unsupportedVersion),
      ("GET / http/1.1", .malformedVersion), ("GET / HTTP/1.10", .malformedVersion),
      ("GET /", .malformedRequestLine),
      ("GET  / HTTP/1.1", .malformedTarget), ("GET /#a HTTP/1.1", .malformedTarget),
      ("GET a HTTP/1.1", .malformedTarget),
      ("CONNECT a:1 HTTP/1.1", .connectRefused), ("GET https://a/ HTTP/1.1", .misdirectedScheme),
      ("G@T / HTTP/1.1", .malformedRequestLine), ("GET http://u@b/ HTTP/1.1", .malformedTarget),
    ] as [(String, HTTP1Error)])
  func `a bad request line is refused with its reason`(line: String, error: HTTP1Error) {
    #expect(Verdict.ofRequest(Array("\(line)\r\nHost: a\r\n\r\n".utf8)) == .failed(error))
  }

  @Test func `a missing Host is refused in HTTP 1.1`() {
    #expect(Verdict.ofRequest(Array("GET / HTTP/1.1\r\n\r\n".utf8)) == .failed(.missingHost))
  }

  @Test(arguments: [
    ("", false, false), ("Expect: 100-continue\r\n", false, false),
    ("Expect: 100-Continue\r\nContent-Length: 1\r\n", true, false), ("TE: trailers\r\n", false, true),
    ("TE: gzip;q=0.5, Trailers\r\n", false, true), ("TE: gzip\r\n", false, false),
  ])
  func `the client's wishes are read`(fields: String, waits: Bool, trailers: Bool) throws {
    let request = try #require(ParsedRequest(fields: fields))
    #expect(request.head.expectsContinue == waits)
    #expect(request.head.acceptsTrailers == trailers)
  }

  @Test(arguments: [
    ("Connection: upgrade\r\nUpgrade: websocket\r\n", true),
    ("Connection: Upgrade, x\r\nUpgrade: a, b\r\n", true),
    ("Upgrade: websocket\r\n", false), ("Connection: upgrade\r\n", false),
    ("Connection: upgrade\r\nUpgrade: h2c\r\n", false), ("Connection: upgrade\r\nUpgrade: a, H2C\r\n", false),
    ("Connection: upgrade\r\nUpgrade: a\r\nContent-Length: 1\r\n", false),
  ])
  func `an upgrade is passed on when both fields ask and nothing speaks against it`(
    fields: String, wants: Bool
  ) throws {
    #expect(try #require(ParsedRequest(fields: fields)).head.wantsUpgrade == wants)
  }

  @Test func `one empty line before a request is passed over and not two`() throws {
    let request = try #require(ParsedRequest("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"))
    #expect(request.text(request.head.methodRange) == "GET")
    let twice = Verdict.ofRequest(Array("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8))
    #expect(twice == .failed(.malformedRequestLine))
  }
}
