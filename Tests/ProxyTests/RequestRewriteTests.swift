import Testing

@testable import Proxy

@Suite("The head an origin gets") struct RequestRewriteTests {
  private let ours =
    "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a\r\nVia: 1.1 sluice-test\r\n\r\n"

  @Test func `is the client's with ours behind it`() throws {
    let head = try rewritten(request: "GET /x?y HTTP/1.1\r\nhost: a\r\nX-A:  b \r\n\r\n").head
    #expect(head == "GET /x?y HTTP/1.1\r\nhost: a\r\nX-A:  b \r\n" + ours)
  }

  @Test func `leaves out an empty line before the request line`() throws {
    let head = try rewritten(request: "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n").head
    #expect(head == "GET / HTTP/1.1\r\nHost: a\r\n" + ours)
  }

  @Test func `loses hop-by-hop fields at every place`() throws {
    let head = try rewritten(
      request:
        "GET / HTTP/1.1\r\nKeep-Alive: 1\r\nHost: a\r\nTE: gzip\r\nX-A: b\r\nConnection: x-c\r\nX-C: d\r\n\r\n"
    ).head
    #expect(head == "GET / HTTP/1.1\r\nHost: a\r\nX-A: b\r\n" + ours)
  }

  @Test(arguments: [("OPTIONS", "10", "9"), ("TRACE", "1", "0"), ("GET", "10", "10"), ("OPTIONS", "x", "x")])
  func `counts the hops of OPTIONS and TRACE`(_ method: String, _ before: String, _ after: String) throws {
    let head = try rewritten(request: "\(method) / HTTP/1.1\r\nMax-Forwards: \(before)\r\nHost: a\r\n\r\n")
      .head
    #expect(head == "\(method) / HTTP/1.1\r\nMax-Forwards: \(after)\r\nHost: a\r\n" + ours)
  }

  @Test(arguments: [
    ("Transfer-Encoding:\tcHuNkEd\t", "Transfer-Encoding: chunked"),
    ("transfer-encoding:chunked", "transfer-encoding: chunked"),
    ("Content-Length:\t005\t", "Content-Length: 5"), ("Content-Length: 000", "Content-Length: 0"),
    ("Content-Length: 7", "Content-Length: 7"),
  ])
  func `frames in one spelling, whatever the client's was`(_ line: String, _ expected: String) throws {
    let head = try rewritten(request: "POST / HTTP/1.1\r\nHost: a\r\n\(line)\r\nX-A: b\r\n\r\n").head
    #expect(head == "POST / HTTP/1.1\r\nHost: a\r\n\(expected)\r\nX-A: b\r\n" + ours)
  }

  @Test func `keeps what Connection may not name`() throws {
    let head = try rewritten(
      request:
        "POST / HTTP/1.1\r\nHost: a\r\nConnection: host, content-length, x-b\r\nContent-Length: 3\r\nX-B: c\r\n\r\n"
    ).head
    #expect(head == "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n" + ours)
  }

  @Test(arguments: [
    ("GET http://b/p?q HTTP/1.1", "GET /p?q HTTP/1.1"), ("GET http://b HTTP/1.1", "GET / HTTP/1.1"),
    ("GET http://b?q HTTP/1.1", "GET /?q HTTP/1.1"), ("OPTIONS http://b HTTP/1.1", "OPTIONS * HTTP/1.1"),
    ("OPTIONS http://b/ HTTP/1.1", "OPTIONS / HTTP/1.1"),
  ])
  func `has the path of an absolute target and its authority as Host`(_ line: String, _ expected: String)
    throws
  {
    let head = try rewritten(request: "\(line)\r\nX-A: 1\r\nHost: a\r\nX-B: 2\r\n\r\n").head
    #expect(head.hasPrefix("\(expected)\r\nX-A: 1\r\nHost: b\r\nX-B: 2\r\n"))
    #expect(head.contains("\r\nX-Forwarded-Host: b\r\n"))
  }

  @Test func `speaks HTTP/1.1 for an HTTP/1.0 client and gives it a Host`() throws {
    let (head, hostRange) = try rewritten(request: "GET / HTTP/1.0\r\nX-A: b\r\n\r\n")
    #expect(
      head == "GET / HTTP/1.1\r\nX-A: b\r\nHost: origin:81\r\nX-Forwarded-For: 192.0.2.7\r\n"
        + "X-Forwarded-Proto: http\r\nVia: 1.0 sluice-test\r\n\r\n")
    #expect(Array(head.utf8)[hostRange].elementsEqual("origin:81".utf8))
  }

  @Test func `has the origin's name where Host stood, and says where`() throws {
    var settings = plainSettings
    settings.hostPolicy = .upstream
    let (head, hostRange) = try rewritten(request: "GET / HTTP/1.1\r\nHost: a\r\nX-A: b\r\n\r\n", settings)
    #expect(head.hasPrefix("GET / HTTP/1.1\r\nHost: origin:81\r\nX-A: b\r\n"))
    #expect(Array(head.utf8)[hostRange].elementsEqual("origin:81".utf8))
  }

  @Test func `has a fixed name, which is nobody's to replace`() throws {
    var settings = plainSettings
    settings.hostPolicy = .fixed("app")
    let (head, hostRange) = try rewritten(request: "GET / HTTP/1.1\r\nHost: a\r\n\r\n", settings)
    #expect(head.hasPrefix("GET / HTTP/1.1\r\nHost: app\r\n"))
    #expect(hostRange.isEmpty)
  }

  @Test func `overwrites what a stranger says of the client`() throws {
    let head = try rewritten(
      request: "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.1.1.1\r\nx-forwarded-proto: https\r\n\r\n"
    ).head
    #expect(head == "GET / HTTP/1.1\r\nHost: a\r\n" + ours)
  }

  @Test func `appends to what a trusted peer says of the client`() throws {
    let head = try rewritten(
      request:
        "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 2.2.2.2, 3.3.3.3\r\n"
        + "X-Forwarded-Host: shop\r\nX-Forwarded-Proto: https\r\n\r\n", isTrusted: true
    ).head
    #expect(
      head == "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.1.1.1, 2.2.2.2, 3.3.3.3, 192.0.2.7\r\n"
        + "X-Forwarded-Proto: https\r\nX-Forwarded-Host: shop\r\nVia: 1.1 sluice-test\r\n\r\n")
  }

  @Test(arguments: [("2001:db8::1", "2001:db8::1"), ("::ffff:10.0.0.1", "10.0.0.1"), (nil, "unix:")])
  func `names the client by its address`(_ peer: String?, _ expected: String) throws {
    let head = try rewritten(request: "GET / HTTP/1.1\r\nHost: a\r\n\r\n", peer: peer).head
    #expect(head.contains("\r\nX-Forwarded-For: \(expected)\r\n"))
  }

  @Test func `carries an upgrade with its connection option`() throws {
    let head = try rewritten(
      request:
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: x/1\r\n\r\n"
    ).head
    #expect(
      head.hasSuffix(
        "Via: 1.1 sluice-test\r\nUpgrade: websocket\r\nUpgrade: x/1\r\nConnection: upgrade\r\n\r\n"))
  }

  @Test func `carries trailers and an upgrade with both connection options`() throws {
    let head = try rewritten(
      request:
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, TE\r\nUpgrade: websocket\r\nTE: trailers\r\n\r\n"
    ).head
    #expect(head.hasSuffix("Upgrade: websocket\r\nTE: trailers\r\nConnection: upgrade, TE\r\n\r\n"))
  }

  @Test func `has set fields last and not what they replace`() throws {
    var settings = plainSettings
    settings.requestFields = [
      FieldSetting(name: "X-Set", value: "1"), FieldSetting(name: "X-Gone", value: ""),
      FieldSetting(name: "Via", value: "1.1 us"), FieldSetting(name: "X-Forwarded-Proto", value: ""),
    ]
    let head = try rewritten(
      request: "GET / HTTP/1.1\r\nx-set: 0\r\nHost: a\r\nX-GONE: 2\r\nVia: 1.1 them\r\n\r\n", settings
    ).head
    #expect(
      head == "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Host: a\r\nX-Set: 1\r\n"
        + "Via: 1.1 us\r\n\r\n")
  }
}
