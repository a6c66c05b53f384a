import Configuration
import Proxy
import TestSupport
import Testing

@Suite("Fields on their way", .timeLimit(.minutes(10))) struct FieldPreservationTests {
  private static let lines = [
    "x-lower: 1", "X-UPPER:2", "X-Twice:   a ", "X-Empty:", "X-Twice: b", "Accept: */*", "X-Tab:\ta\tb",
    "Cookie: a=1; b=\"2\"", "x-twice: c", "X-Long: \(String(repeating: "l", count: 5000))",
  ]

  @Test func `of a request keep order, case, spaces and duplicates byte for byte`() throws {
    let origin = try ScriptedOrigin(saying: "")
    let proxy = try ProxyUnderTest(origin)
    let block = FieldPreservationTests.lines.map { $0 + "\r\n" }.joined()
    _ = try proxy.exchange("GET /x?y=%20#".dropLast() + " HTTP/1.1\r\nHost: a\r\n\(block)\r\n")
    #expect(try origin.request().head.hasPrefix("GET /x?y=%20 HTTP/1.1\r\nHost: a\r\n\(block)"))
  }

  @Test func `of an answer keep order, case, spaces and duplicates byte for byte`() throws {
    let cookies = ["Set-Cookie: a=1; Path=/", "set-cookie: b=2", "Set-Cookie: a=3, x"]
    let block = (FieldPreservationTests.lines + cookies).map { $0 + "\r\n" }.joined()
    let origin = try ScriptedOrigin { _ in "HTTP/1.1 200 Quite  fine\r\n\(block)Content-Length: 0\r\n\r\n" }
    let proxy = try ProxyUnderTest(origin)
    let response = try proxy.exchange(head())
    #expect(response.head.hasPrefix("HTTP/1.1 200 Quite  fine\r\n\(block)Content-Length: 0\r\n"))
    #expect(response.all("Set-Cookie") == ["a=1; Path=/", "b=2", "a=3, x"])
  }

  @Test func `of a request keep their order around what is removed`() throws {
    let origin = try ScriptedOrigin(saying: "")
    let proxy = try ProxyUnderTest(origin)
    _ = try proxy.exchange(
      "GET /x HTTP/1.1\r\nKeep-Alive: 1\r\nX-A: 1\r\nConnection: x-b\r\nX-B: 2\r\nX-C: 3\r\nHost: a\r\nX-D: 4\r\n"
        + "TE: gzip\r\n\r\n")
    #expect(
      try origin.request().head.hasPrefix("GET /x HTTP/1.1\r\nX-A: 1\r\nX-C: 3\r\nHost: a\r\nX-D: 4\r\n"))
  }

  @Test func `bytes above ASCII pass unchanged`() throws {
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readRequest()
      try connection.send(
        Array("HTTP/1.1 200 OK\r\nX-A: ".utf8) + [0xE9, 0xFF] + Array("\r\nContent-Length: 0\r\n\r\n".utf8))
      try connection.awaitEnd()
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    try client.send(
      Array("GET / HTTP/1.1\r\nHost: a\r\nX-B: ".utf8) + [0xC3, 0xA9, 0x80] + Array("\r\n\r\n".utf8))
    #expect(try client.readResponse()["X-A"] == "\u{E9}\u{FF}")
    #expect(origin.journal.value.bytes().firstRange(of: [0x20, 0xC3, 0xA9, 0x80, 0x0D]) != nil)
  }

  @Test func `SLUICE_SET_REQUEST_FIELDS sets and removes over whatever was there`() throws {
    let origin = try ScriptedOrigin(saying: "")
    let proxy = try ProxyUnderTest(origin) { settings in
      settings.proxy.requestFields = [
        FieldSetting(name: "X-Set", value: "ours"), FieldSetting(name: "X-Gone", value: ""),
        FieldSetting(name: "X-New", value: "new"),
      ]
    }
    _ = try proxy.exchange(
      head("GET /", "x-set: theirs", "X-Kept: 1", "X-SET: again", "X-Gone: 2", "x-gone: 3"))
    let request = try origin.request()
    #expect(request.all("X-Set") == ["ours"])
    #expect(request.all("X-New") == ["new"])
    #expect(!request.has("X-Gone"))
    #expect(request["X-Kept"] == "1")
  }

  @Test func `SLUICE_SET_RESPONSE_FIELDS sets and removes over whatever was there`() throws {
    let origin = try ScriptedOrigin { _ in
      answer("103 Early Hints", "Server: inner")
        + answer("200 OK", "Server: inner", "X-Powered-By: old", "X-Kept: 1", "Content-Length: 0")
    }
    let proxy = try ProxyUnderTest(origin) { settings in
      settings.proxy.responseFields = [
        FieldSetting(name: "Server", value: ""), FieldSetting(name: "X-Powered-By", value: "sluice"),
      ]
    }
    let response = try proxy.exchange(head())
    #expect(!response.has("Server"))
    #expect(response.all("X-Powered-By") == ["sluice"])
    #expect(response["X-Kept"] == "1")
  }

  @Test(arguments: ["X-Forwarded-Proto", "X-Forwarded-For", "X-Forwarded-Host", "Via"])
  func `a field that Sluice writes itself can be set`(_ name: String) throws {
    let origin = try ScriptedOrigin(saying: "")
    let proxy = try ProxyUnderTest(origin) { settings in
      settings.proxy.requestFields = [FieldSetting(name: name, value: "ours")]
    }
    _ = try proxy.exchange(head())
    #expect(try origin.request().all(name) == ["ours"])
  }

  @Test(arguments: ["Date", "Via"])
  func `a field of the answer that Sluice writes itself can be set`(_ name: String) throws {
    let origin = try ScriptedOrigin(saying: "")
    let proxy = try ProxyUnderTest(origin) { settings in
      settings.proxy.responseFields = [FieldSetting(name: name, value: "ours")]
    }
    #expect(try proxy.exchange(head()).all(name) == ["ours"])
  }
}
