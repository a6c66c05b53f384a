import Base
import Configuration
import Foundation
import Observe
import Proxy
import TestSupport
import Testing

@Suite("The access log", .timeLimit(.minutes(10))) struct AccessLogTests {
  /// Runs `body` against a proxy that logs to a file; returns the lines it left.
  private func lines(
    _ origin: ScriptedOrigin, format: LogSettings.Format = .text,
    configure: (inout Settings) -> Void = { _ in },
    _ body: (ProxyUnderTest) throws -> Void
  ) throws -> [String] {
    let path = temporaryPath("access.log")
    defer { try? FileManager.default.removeItem(atPath: path) }
    let proxy = try ProxyUnderTest(origin) { settings in
      settings.log.accessLog = .file(path: path)
      settings.log.format = format
      configure(&settings)
    }
    try body(proxy)
    proxy.drain()
    _ = try proxy.exitCode()
    let text = try String(contentsOfFile: path, encoding: .utf8)
    #expect(text.isEmpty || text.hasSuffix("\n"))
    return text.split(separator: "\n").map(String.init)
  }

  @Test func `has a line of the combined format for each request, then ours`() throws {
    let origin = try ScriptedOrigin(saying: "hello")
    let lines = try lines(origin) { proxy in
      _ = try proxy.exchange(head("GET /x?y=1", "Referer: http://r/", "User-Agent: test/1"))
      _ = try proxy.exchange(head("POST /y", "Content-Length: 0"))
    }
    try #require(lines.count == 2)
    let format =
      /127\.0\.0\.1 - - \[\d\d\/\w{3}\/\d{4}:\d\d:\d\d:\d\d \+0000\] "GET \/x\?y=1 HTTP\/1\.1" 200 5 "http:\/\/r\/" "test\/1" upstream=(\S+) total_ms=\d+\.\d{3} connect_ms=\d+\.\d{3} response_ms=\d+\.\d{3} tries=1 id=[0-9a-f]{32} reason=-/
    let match = try #require(lines[0].wholeMatch(of: format), "\(lines[0])")
    #expect(match.1 == "127.0.0.1:\(origin.port)")
    #expect(lines[1].contains("\"POST /y HTTP/1.1\" 200 5 \"-\" \"-\""))
    // On a connection that was there already nothing was connected.
    #expect(lines[1].contains(" connect_ms=- "))
  }

  @Test func `as JSON has an object for each request`() throws {
    let origin = try ScriptedOrigin(saying: "hello")
    let lines = try lines(origin, format: .json) { proxy in
      _ = try proxy.exchange(head("GET /x", "User-Agent: a\"b\\c\u{1F600}"))
    }
    let line = try #require(lines.first)
    let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
    #expect(object["request"] as? String == "GET /x HTTP/1.1")
    #expect(object["status"] as? Int == 200)
    #expect(object["bytes"] as? Int == 5)
    #expect(object["host"] as? String == "a")
    #expect(object["client"] as? String == "127.0.0.1")
    #expect((object["user_agent"] as? String)?.hasPrefix("a\"b\\c") == true)
    #expect(object["upstream"] as? String == "127.0.0.1:\(origin.port)")
  }

  @Test func `cannot be forged by what clients send`() throws {
    let origin = try ScriptedOrigin(saying: "")
    let lines = try lines(origin) { proxy in
      _ = try proxy.exchange(head("GET /\"x?\\", "User-Agent: \" reason=forged \u{9B}31m"))
    }
    #expect(lines.count == 1)
    #expect(lines[0].contains("\"GET /\\x22x?\\x5c HTTP/1.1\""))
    #expect(lines[0].contains("\"\\x22 reason=forged \\xc2\\x9b31m\""))
    #expect(lines[0].hasSuffix(" reason=-"))
  }

  @Test func `says why an exchange failed`() throws {
    let origin = try ScriptedOrigin { request in
      switch request.target {
      case "/malformed": "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"
      case "/short": answer("200 OK", "Content-Length: 9", body: "short")
      default: nil
      }
    }
    let lines = try lines(origin) { proxy in
      for target in ["/closed", "/malformed"] { _ = try proxy.exchange(head("GET \(target)")) }
      let client = try proxy.connect()
      try client.send("GET / HTTP/9.9\r\n\r\n")
      _ = try client.readToEnd()
    }
    try #require(lines.count == 3)
    #expect(lines[0].contains(" 502 ") && lines[0].hasSuffix(" reason=upstream_closed"))
    #expect(lines[1].contains(" 502 ") && lines[1].contains(" reason=response_malformed"))
    #expect(lines[2].contains(" 505 ") && lines[2].hasSuffix(" reason=version_unsupported"))
  }

  @Test func `counts the body bytes, the chunked coding left out`() throws {
    let origin = try ScriptedOrigin { request in
      request.target == "/large"
        ? ok(String(repeating: "x", count: 500_000))
        : answer("200 OK", "Transfer-Encoding: chunked") + chunk("hello ") + chunk("world") + "0\r\n\r\n"
    }
    let lines = try lines(origin) { proxy in
      _ = try proxy.exchange(head("GET /chunked"))
      _ = try proxy.exchange(head("GET /large"))
    }
    #expect(lines[0].contains("\" 200 11 "))
    #expect(lines[1].contains("\" 200 500000 "))
  }

  @Test func `counts the tries`() throws {
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readRequest()
      try connection.send(ok("first"))
      if connection.index == 0 { _ = try connection.readRequest() } else { try connection.awaitEnd() }
    }
    let lines = try lines(origin) { proxy in
      let client = try proxy.connect()
      for _ in 0..<2 { _ = try client.exchange(head()) }
    }
    #expect(lines[0].contains(" tries=1 "))
    #expect(lines[1].contains(" tries=2 "))
  }

  @Test func `logs a client that went away as 499`() throws {
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readRequest()
      try connection.awaitEnd()
    }
    let lines = try lines(origin) { proxy in
      let client = try proxy.connect()
      try client.send(head())
      try origin.wait("the request") { $0.byteCount > 0 }
      client.close()
      try origin.wait("the end") { $0.endedCount == 1 }
    }
    #expect(lines.count == 1)
    #expect(lines[0].contains("\" 499 0 ") && lines[0].hasSuffix(" reason=client_closed"))
  }
}
