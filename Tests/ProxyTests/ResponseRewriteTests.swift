import HTTP1
import Testing

@testable import Proxy

@Suite("The head a client gets") struct ResponseRewriteTests {
  private typealias Told = ResponseRewrite.Connection
  private let date = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"

  @Test func `is the origin's with ours behind it`() throws {
    let head = try rewritten(
      response: "HTTP/1.1 200 Fine\r\nContent-Length: 2\r\nX-A:  b\r\n\r\n", Told(encoding: .identity))
    #expect(head == "HTTP/1.1 200 Fine\r\nContent-Length: 2\r\nX-A:  b\r\n\(date)Via: 1.1 sluice\r\n\r\n")
  }

  @Test func `keeps the origin's date`() throws {
    let head = try rewritten(response: "HTTP/1.1 204 X\r\nDate: today\r\n\r\n", Told(encoding: .none))
    #expect(head == "HTTP/1.1 204 X\r\nDate: today\r\nVia: 1.1 sluice\r\n\r\n")
  }

  @Test func `loses hop-by-hop fields at every place`() throws {
    let head = try rewritten(
      response: "HTTP/1.1 200 OK\r\nConnection: x-a, close\r\nX-A: 1\r\nX-B: 2\r\nKeep-Alive: 3\r\n"
        + "Content-Length: 0\r\nUpgrade: h2\r\n\r\n", Told(encoding: .none))
    #expect(head == "HTTP/1.1 200 OK\r\nX-B: 2\r\nContent-Length: 0\r\n\(date)Via: 1.1 sluice\r\n\r\n")
  }

  @Test func `says how the connection goes on where that must be said`() throws {
    let text = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    #expect(
      try rewritten(response: text, Told(encoding: .none, closes: true)).contains("\r\nConnection: close\r\n")
    )
    #expect(
      try rewritten(response: text, Told(encoding: .none, saysKeepAlive: true)).contains(
        "\r\nConnection: keep-alive\r\n"))
    #expect(try !rewritten(response: text, Told(encoding: .none)).contains("\r\nConnection:"))
  }

  @Test func `says chunked where we code the body, once`() throws {
    let added = try rewritten(
      response: "HTTP/1.1 200 OK\r\nX-A: b\r\n\r\n", Told(encoding: .chunked, addsChunked: true))
    #expect(added.contains("\r\nTransfer-Encoding: chunked\r\n"))
    let kept = try rewritten(
      response: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Told(encoding: .chunked))
    #expect(kept.components(of: "chunked") == 1)
  }

  @Test func `says nothing of a coding to HTTP/1.0`() throws {
    let text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    #expect(try !rewritten(response: text, Told(encoding: .identity, isHTTP10: true)).contains("chunked"))
    #expect(
      try !rewritten(response: text, Told(encoding: .none, isHTTP10: true), answering: .head).contains(
        "chunked"))
  }

  @Test func `of HTTP/1.0 becomes HTTP/1.1`() throws {
    let head = try rewritten(response: "HTTP/1.0 404 Not  here\r\nX-A: b\r\n\r\n", Told(encoding: .chunked))
    #expect(head == "HTTP/1.1 404 Not  here\r\nX-A: b\r\n\(date)Via: 1.0 sluice\r\n\r\n")
  }

  @Test(arguments: ["HTTP/1.1 200\r\n", "HTTP/1.1 200 \r\n"])
  func `without a reason has the space that the grammar wants`(_ line: String) throws {
    let head = try rewritten(response: line + "Content-Length: 0\r\n\r\n", Told(encoding: .none))
    #expect(head.hasPrefix("HTTP/1.1 200 \r\nContent-Length: 0\r\n"))
  }

  @Test(arguments: [100, 103, 199]) func `of an interim answer gets no date, no length and no set field`(
    _ status: Int
  ) throws {
    var settings = plainSettings
    settings.responseFields = [FieldSetting(name: "X-Set", value: "1")]
    let head = try rewritten(
      response: "HTTP/1.1 \(status) X\r\nLink: l\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
      Told(encoding: .none), settings)
    #expect(head == "HTTP/1.1 \(status) X\r\nLink: l\r\nVia: 1.1 sluice\r\n\r\n")
  }

  @Test func `of a switch keeps Upgrade with its connection option`() throws {
    let head = try rewritten(
      response: "HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-A: b\r\n\r\n",
      Told(encoding: .none, isUpgrade: true))
    #expect(
      head
        == "HTTP/1.1 101 Switching\r\nX-A: b\r\nUpgrade: websocket\r\nConnection: upgrade\r\nVia: 1.1 sluice\r\n\r\n"
    )
  }

  @Test func `has set fields last and not what they replace`() throws {
    var settings = plainSettings
    settings.responseFields = [
      FieldSetting(name: "Server", value: ""), FieldSetting(name: "Date", value: "never"),
      FieldSetting(name: "X-A", value: "ours"),
    ]
    let head = try rewritten(
      response: "HTTP/1.1 200 OK\r\nserver: s\r\nX-a: b\r\nX-A: c\r\nX-B: d\r\nContent-Length: 0\r\n\r\n",
      Told(encoding: .none), settings)
    #expect(
      head
        == "HTTP/1.1 200 OK\r\nX-B: d\r\nContent-Length: 0\r\nVia: 1.1 sluice\r\nDate: never\r\nX-A: ours\r\n\r\n"
    )
  }
}

extension String {
  /// How often `part` occurs.
  fileprivate func components(of part: String) -> Int { ranges(of: part).count }
}
