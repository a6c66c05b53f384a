import TestSupport
import Testing

@Suite("Hop-by-hop fields", .timeLimit(.minutes(10))) struct HopByHopTests {
  @Test func `are removed from requests, those that Connection names as well`() throws {
    let origin = try ScriptedOrigin(saying: "")
    let proxy = try ProxyUnderTest(origin)
    _ = try proxy.exchange(
      head(
        "GET /x", "Connection: X-One, keep-alive", "X-One: 1", "connection: x-two", "X-Two: 2",
        "Keep-Alive: timeout=5", "Proxy-Connection: keep-alive", "TE: gzip", "Upgrade: websocket",
        "X-Three: 3"))
    let request = try origin.request()
    for name in ["Connection", "X-One", "X-Two", "Keep-Alive", "Proxy-Connection", "TE", "Upgrade"] {
      #expect(!request.has(name), "\(name)")
    }
    #expect(request["X-Three"] == "3")
  }

  @Test func `are removed from answers, those that Connection names as well`() throws {
    let origin = try ScriptedOrigin { _ in
      answer(
        "200 OK", "Connection: X-One, keep-alive", "X-One: 1", "Keep-Alive: timeout=5", "Upgrade: h2",
        "Proxy-Connection: x", "X-Three: 3", "Content-Length: 0")
    }
    let proxy = try ProxyUnderTest(origin)
    let response = try proxy.exchange(head())
    for name in ["Connection", "X-One", "Keep-Alive", "Upgrade", "Proxy-Connection"] {
      #expect(!response.has(name), "\(name)")
    }
    #expect(response["X-Three"] == "3")
  }

  @Test func `Connection cannot remove what frames, routes or names the client`() throws {
    let origin = try ScriptedOrigin { ok($0.text) }
    let proxy = try ProxyUnderTest(origin)
    let response = try proxy.exchange(
      head(
        "POST /x", "Connection: content-length, host, x-forwarded-for, x-forwarded-proto, via, te, close",
        "Content-Length: 5", "X-Forwarded-For: 9.9.9.9") + "hello")
    #expect(response.text == "hello")
    let request = try origin.request()
    #expect(request["Content-Length"] == "5")
    #expect(request["Host"] == "a")
    #expect(request.all("X-Forwarded-For") == ["127.0.0.1"])
    #expect(request["X-Forwarded-Proto"] == "http")
    #expect(request["Via"] == "1.1 sluice-test")
  }

  @Test func `Connection cannot remove the transfer coding`() throws {
    let origin = try ScriptedOrigin { ok($0.text) }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    for _ in 0..<2 {
      let response = try client.exchange(
        head("POST /x", "Connection: transfer-encoding", "Transfer-Encoding: chunked") + chunk("hi")
          + "0\r\n\r\n")
      #expect(response.text == "hi")
    }
    #expect(origin.requests.allSatisfy { $0.isChunked })
  }

  @Test func `Connection of an answer cannot remove its framing or its date`() throws {
    let origin = try ScriptedOrigin { _ in
      answer(
        "200 OK", "Connection: content-length, date, transfer-encoding",
        "Date: Sun, 06 Nov 1994 08:49:37 GMT",
        "Content-Length: 2", body: "ok")
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    for _ in 0..<2 {
      let response = try client.exchange(head())
      #expect(response.text == "ok")
      #expect(response.all("Date") == ["Sun, 06 Nov 1994 08:49:37 GMT"])
    }
  }

  @Test func `TE goes on as trailers alone, with its connection option`() throws {
    let origin = try ScriptedOrigin(saying: "")
    let proxy = try ProxyUnderTest(origin)
    _ = try proxy.exchange(head("GET /", "Connection: TE", "TE: gzip;q=0.5, trailers"))
    let request = try origin.request()
    #expect(request.all("TE") == ["trailers"])
    #expect(request["Connection"] == "TE")
  }
}
