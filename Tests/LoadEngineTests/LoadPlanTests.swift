import Testing

@testable import LoadEngine

@Suite("The plan of a load test") struct LoadPlanTests {
  @Test(arguments: [
    ("http://app/", "app", 80, "app", "/"), ("http://app:3000", "app", 3000, "app:3000", "/"),
    ("app:3000/a/b?c=d#e", "app", 3000, "app:3000", "/a/b?c=d"), ("HTTP://app?x", "app", 80, "app", "/?x"),
    ("http://127.0.0.1:80/", "127.0.0.1", 80, "127.0.0.1", "/"),
    ("http://[::1]:81/", "::1", 81, "[::1]:81", "/"),
    ("http://[::1]", "::1", 80, "[::1]", "/"),
  ]) func `takes a URL apart`(text: String, host: String, port: UInt16, authority: String, target: String)
    throws
  {
    let url = try LoadURL(text)
    #expect(url.host == host)
    #expect(url.port == port)
    #expect(url.authority == authority)
    #expect(url.target == target)
  }

  @Test(arguments: [
    "ftp://app/", "http://", "http:///x", "http://user:secret@app/", "http://app:0/",
    "http://app:65536/", "http://app:/", "http://app:8x/", "http://[::1/", "http://[app]/", "http://[::1]x/",
    "http://app/a b", "http://app/é", "http://a b/", "", "http://app/\r\nX: y",
  ]) func `refuses what is no URL`(text: String) {
    #expect(throws: LoadURL.Problem.self) { try LoadURL(text) }
  }

  @Test func `spreads targets evenly by weight`() throws {
    let url = try LoadURL("http://app/")
    var plan = LoadPlan(targets: [3, 1, 2].map { LoadTarget(url, weight: $0) })
    #expect(plan.cycle == [0, 2, 0, 1, 2, 0])
    plan.targets = [LoadTarget(url)]
    #expect(plan.cycle == [0])
  }

  @Test func `writes the request that was asked for`() throws {
    let url = try LoadURL("http://app:81/x")
    let plain = String(decoding: LoadTarget(url).head, as: UTF8.self)
    #expect(plain == "GET /x HTTP/1.1\r\nHost: app:81\r\nUser-Agent: sluice-loadtest\r\nAccept: */*\r\n\r\n")
    let full = LoadTarget(
      url, method: "POST", host: "other", fields: ["user-agent: me", "Accept: text/html", "X: y"],
      body: Array("hello".utf8), keepsAlive: false)
    #expect(
      String(decoding: full.head, as: UTF8.self)
        == "POST /x HTTP/1.1\r\nHost: other\r\nConnection: close\r\nContent-Length: 5\r\nuser-agent: me\r\n"
        + "Accept: text/html\r\nX: y\r\n\r\n")
    #expect(
      String(decoding: LoadTarget(url, method: "PUT").head, as: UTF8.self).contains("Content-Length: 0\r\n"))
  }

  @Test func `deals requests out to the threads in turn`() {
    var first = Schedule(from: 1_000_000_000, rate: 1000, thread: 0, of: 2)
    var second = Schedule(from: 1_000_000_000, rate: 1000, thread: 1, of: 2)
    #expect(first.due == 1_000_000_000)
    #expect(second.due == 1_001_000_000)
    first.advance()
    second.advance()
    #expect(first.due == 1_002_000_000)
    #expect(second.due == 1_003_000_000)
  }

  @Test func `does not drift`() {
    var schedule = Schedule(from: 0, rate: 3, thread: 0, of: 1)
    for _ in 0..<3_000_000 { schedule.advance() }
    #expect(schedule.due == 1_000_000_000_000_000)
  }
}
