import TestSupport
import Testing

@Suite("Pipelining", .timeLimit(.minutes(10))) struct PipeliningTests {
  @Test func `answers pipelined requests in their order`() throws {
    let origin = try ScriptedOrigin { ok($0.target) }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    try client.send((0..<50).map { head("GET /\($0)") }.joined())
    for number in 0..<50 { #expect(try client.readResponse().text == "/\(number)") }
  }

  @Test func `answers a mix with bodies in its order`() throws {
    let origin = try ScriptedOrigin { ok("\($0.method) \($0.target) \($0.text)") }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    try client.send(PipeliningTests.mix)
    for expected in PipeliningTests.mixAnswers { #expect(try client.readResponse().text == expected) }
  }

  @Test func `answers the same mix sent byte by byte`() throws {
    let origin = try ScriptedOrigin { ok("\($0.method) \($0.target) \($0.text)") }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    for byte in PipeliningTests.mix.utf8 { try client.send([byte]) }
    for expected in PipeliningTests.mixAnswers { #expect(try client.readResponse().text == expected) }
  }

  @Test func `answers in order over several origins of different speed`() throws {
    let gate = Gate()
    let slow = try ScriptedOrigin { connection in
      while true {
        let request = try connection.readRequest()
        try gate.wait()
        try connection.send(ok(request.target))
      }
    }
    let fast = try ScriptedOrigin { ok($0.target) }
    let proxy = try ProxyUnderTest(slow, fast)
    let client = try proxy.connect()
    try client.send((0..<6).map { head("GET /\($0)") }.joined())
    try slow.wait("the first request") { $0.byteCount > 0 }
    gate.open()
    for number in 0..<6 { #expect(try client.readResponse().text == "/\(number)") }
  }

  @Test func `does not send on the second request before the first is answered`() throws {
    let gate = Gate()
    let origin = try ScriptedOrigin { connection in
      while true {
        let request = try connection.readRequest()
        if request.target == "/1" { try gate.wait() }
        try connection.send(ok(request.target))
      }
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    try client.send(head("GET /1") + head("GET /2"))
    try origin.wait("the first request") { $0.byteCount > 0 }
    #expect(try client.staysSilent(seconds: 0.1))
    #expect(origin.connectionCount == 1)
    #expect(!origin.text().contains("/2"))
    gate.open()
    #expect(try client.readResponse().text == "/1")
    #expect(try client.readResponse().text == "/2")
  }

  @Test func `a large pipelined backlog is held back at the client and all answered`() throws {
    let origin = try ScriptedOrigin { ok($0.target) }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    let count = 600
    let filling = String(repeating: "f", count: 1000)
    let requests = Array((0..<count).map { head("GET /\($0)", "X-Filling: \(filling)") }.joined().utf8)
    var sent = 0
    var answered = 0
    while answered < count {
      sent += sent < requests.count ? try client.sendNow(requests[sent...]) : 0
      #expect(try client.readResponse().text == "/\(answered)")
      answered += 1
    }
  }

  private static let mix =
    head("GET /1") + head("POST /2", "Content-Length: 5") + "hello"
    + head("PUT /3", "Transfer-Encoding: chunked")
    + chunk("wor") + chunk("ld") + "0\r\n\r\n" + head("POST /4", "Content-Length: 0") + head("DELETE /5")
    + head("POST /6", "Transfer-Encoding: chunked") + "0\r\nX-Sum: 1\r\n\r\n" + head("GET /7")
  private static let mixAnswers = [
    "GET /1 ", "POST /2 hello", "PUT /3 world", "POST /4 ", "DELETE /5 ", "POST /6 ", "GET /7 ",
  ]
}
