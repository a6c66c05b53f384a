import Base
import Configuration
import Proxy
import TestSupport
import Testing

@Suite("SLUICE_MAX_CONNECTIONS", .timeLimit(.minutes(10))) struct ConnectionLimitTests {
  @Test func `at the limit an idle connection makes room`() throws {
    let origin = try ScriptedOrigin(saying: "x")
    let proxy = try ProxyUnderTest(origin) { $0.proxy.connectionsMax = 3 }
    var clients: [WireClient] = []
    for _ in 0..<5 {
      let client = try proxy.connect()
      #expect(try client.exchange(head()).text == "x")
      clients.append(client)
    }
    // Two of the first three had to go; the newest are served still.
    #expect(try clients[..<3].count { try !$0.staysSilent(seconds: 0.1) } == 2)
    #expect(try clients[4].exchange(head()).text == "x")
  }

  @Test func `where none is idle new connections wait in the backlog and are served later`() throws {
    let gate = Gate()
    let origin = try ScriptedOrigin { connection in
      while true {
        let request: WireRequest
        do { request = try connection.readRequest() } catch WireError.ended { return }
        if request.target == "/slow" { try gate.wait() }
        try connection.send(ok(request.target))
      }
    }
    let proxy = try ProxyUnderTest(origin) { $0.proxy.connectionsMax = 2 }
    let busy = try (0..<2).map { _ in try proxy.connect() }
    for client in busy { try client.send(head("GET /slow")) }
    try origin.wait("both requests") { $0.connectionCount == 2 && $0.text(0) != "" && $0.text(1) != "" }
    let waiting = try (0..<5).map { _ in try proxy.connect() }
    for client in waiting { try client.send(head("GET /later", "Connection: close")) }
    #expect(try waiting[0].staysSilent(seconds: 0.3))
    gate.open()
    for client in busy { #expect(try client.readResponse().text == "/slow") }
    for client in waiting { #expect(try client.readResponse().text == "/later") }
    proxy.drain()
    #expect(try proxy.exitCode() == 0)
  }

  @Test func `a connection that closes makes room`() throws {
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readRequest()
      try connection.awaitEnd()
    }
    let proxy = try ProxyUnderTest(origin) { $0.proxy.connectionsMax = 1 }
    for number in 1...5 {
      let client = try proxy.connect()
      try client.send(head())
      try origin.wait("request \(number)") { $0.connectionCount == number && $0.text(number - 1) != "" }
      client.close()
    }
  }

  @Test func `the limit holds over two workers`() throws {
    let origin = try ScriptedOrigin(saying: "x")
    let proxy = try ProxyUnderTest(origin, workers: 2) { $0.proxy.connectionsMax = 4 }
    for _ in 0..<20 {
      let client = try proxy.connect()
      #expect(try client.exchange(head("GET /", "Connection: close")).text == "x")
      _ = try client.readToEnd()
    }
  }
}
