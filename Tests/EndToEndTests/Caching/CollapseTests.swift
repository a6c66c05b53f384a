import Base
import Cache
import Configuration
import Dispatch
import Proxy
import TestSupport
import Testing

@Suite("Many requests for one answer", .timeLimit(.minutes(10))) struct CollapseTests {
  private func cached(
    _ origin: ScriptedOrigin, workers: Int = 2, configure: (inout Settings) -> Void = { _ in }
  ) throws
    -> ProxyUnderTest
  {
    try ProxyUnderTest(origin, workers: workers) {
      $0.proxy.cache.isEnabled = true
      configure(&$0)
    }
  }

  private let cacheable = "Cache-Control: max-age=60"

  @Test func `a thousand clients make one request and have its first piece when it exists`() throws {
    let gate = Gate()
    let origin = try ScriptedOrigin { [cacheable] connection in
      while true {
        _ = try connection.readRequest()
        try connection.send(answer("200 OK", cacheable, "Transfer-Encoding: chunked") + chunk("first"))
        try gate.wait()
        try connection.send(chunk("second") + "0\r\n\r\n")
      }
    }
    let proxy = try cached(origin)
    let clients = try (0..<1000).map { _ in try proxy.connect() }
    for client in clients { try client.send(head()) }
    for client in clients { _ = try client.read(until: "first\r\n") }
    gate.open()
    for client in clients { _ = try client.read(until: "0\r\n\r\n") }
    #expect(origin.journal.value.text().ranges(of: "GET /x").count == 1)
    #expect(origin.connectionCount == 1)
    let late = try proxy.exchange(head())
    #expect(late.text == "firstsecond")
    #expect(late["Content-Length"] == "11")
  }

  @Test func `nobody waits once an answer is not for sharing`() throws {
    let gate = Gate()
    let origin = try ScriptedOrigin { connection in
      _ = try connection.readRequest()
      if connection.index == 0 { try gate.wait() }
      try connection.send(
        answer(
          "200 OK", "Content-Length: 1", "Connection: close", "Cache-Control: no-store",
          body: "\(connection.index % 10)"))
    }
    let proxy = try cached(origin, workers: 1)
    let clients = try (0..<20).map { _ in try proxy.connect() }
    for client in clients { try client.send(head()) }
    #expect(try clients[19].staysSilent(seconds: 0.3))
    #expect(origin.connectionCount == 1)
    gate.open()
    for client in clients { #expect(try client.readResponse().status == 200) }
    #expect(origin.connectionCount == 20)
  }

  @Test func `when the first client leaves, another asks`() throws {
    let origin = try ScriptedOrigin { [cacheable] connection in
      _ = try connection.readRequest()
      if connection.index == 0 {
        _ = try connection.awaitEnd()
        return
      }
      try connection.send(answer("200 OK", "Content-Length: 5", cacheable, body: "hello"))
      _ = try connection.awaitEnd()
    }
    let proxy = try cached(origin, workers: 1)
    let first = try proxy.connect()
    try first.send(head())
    try origin.journal.wait("the first request") { $0.text().contains("\r\n\r\n") }
    let others = try (0..<10).map { _ in try proxy.connect() }
    for other in others { try other.send(head()) }
    #expect(try others[0].staysSilent(seconds: 0.2))
    first.close()
    for other in others { #expect(try other.readResponse().text == "hello") }
    #expect(origin.connectionCount == 2)
  }

  @Test func `when the first client leaves amid the body, the others have it all`() throws {
    let gate = Gate()
    let origin = try ScriptedOrigin { [cacheable] connection in
      _ = try connection.readRequest()
      try connection.send(answer("200 OK", "Content-Length: 10", cacheable, body: "hello"))
      try gate.wait()
      try connection.send("world")
      _ = try connection.awaitEnd()
    }
    let proxy = try cached(origin)
    let first = try proxy.connect()
    try first.send(head())
    _ = try first.read(until: "hello")
    let second = try proxy.connect()
    try second.send(head())
    _ = try second.read(until: "hello")
    first.close()
    gate.open()
    _ = try second.read(until: "world")
    #expect(try proxy.exchange(head()).text == "helloworld")
    #expect(origin.connectionCount == 1)
  }

  @Test func `a body that is cut is a cut for all and is not stored`() throws {
    let gate = Gate()
    let origin = try ScriptedOrigin { [cacheable] connection in
      _ = try connection.readRequest()
      if connection.index > 0 {
        try connection.send(answer("200 OK", "Content-Length: 3", cacheable, body: "new"))
        _ = try connection.awaitEnd()
        return
      }
      try connection.send(answer("200 OK", "Content-Length: 10", cacheable, body: "hello"))
      try gate.wait()
    }
    let proxy = try cached(origin)
    let clients = try (0..<5).map { _ in try proxy.connect() }
    for client in clients {
      try client.send(head())
      _ = try client.read(until: "hello")
    }
    gate.open()
    for client in clients { #expect(try client.readToEnd().bytes.isEmpty) }
    #expect(try proxy.exchange(head()).text == "new")
  }

  @Test func `a client that does not read holds nobody up`() throws {
    let size = 900_000
    let origin = try ScriptedOrigin { [cacheable] _ in
      answer("200 OK", "Content-Length: \(size)", cacheable, body: String(repeating: "x", count: size))
    }
    let proxy = try cached(origin, workers: 1)
    let lazy = try proxy.connect(bufferBytes: 4096)
    try lazy.send(head())
    #expect(try proxy.exchange(head()).body.count == size)
    #expect(try lazy.readResponse().body.count == size)
    #expect(origin.requests.count == 1)
    // From memory, as slowly.
    let slow = try proxy.connect(bufferBytes: 4096)
    try slow.send(head())
    #expect(try proxy.exchange(head()).body.count == size)
    #expect(try slow.readResponse().body.count == size)
    #expect(origin.requests.count == 1)
  }

  @Test func `what turns out too large is passed on at the pace of its readers and not stored`() throws {
    let part = String(repeating: "y", count: 100_000)
    let origin = try ScriptedOrigin { [cacheable] connection in
      while true {
        _ = try connection.readRequest()
        try connection.send(answer("200 OK", cacheable, "Transfer-Encoding: chunked"))
        for _ in 0..<50 { try connection.send(chunk(part)) }
        try connection.send("0\r\n\r\n")
      }
    }
    let proxy = try cached(origin)
    let clients = try [4096, nil, nil].map { try proxy.connect(bufferBytes: $0) }
    let sizes = Waitable<[Int]>([])
    DispatchQueue.concurrentPerform(iterations: clients.count) { index in
      // What went wrong is a size that is missing below.
      guard let response = try? clients[index].exchange(head()) else { return }
      sizes.withLock { $0.append(response.body.count) }
    }
    #expect(sizes.value == [5_000_000, 5_000_000, 5_000_000])
    let before = origin.journal.value.text().count
    #expect(try proxy.exchange(head()).body.count == 5_000_000)
    #expect(origin.connectionCount > 1 || origin.journal.value.text().count > before)
  }

  @Test func `a reader of what is too large that leaves is not waited for`() throws {
    let part = String(repeating: "z", count: 100_000)
    let gate = Gate()
    let origin = try ScriptedOrigin { [cacheable] connection in
      _ = try connection.readRequest()
      try connection.send(answer("200 OK", cacheable, "Transfer-Encoding: chunked") + chunk("first"))
      try gate.wait()
      for _ in 0..<100 { try connection.send(chunk(part)) }
      try connection.send("0\r\n\r\n")
    }
    let proxy = try cached(origin)
    let lazy = try proxy.connect(bufferBytes: 4096)
    try lazy.send(head())
    _ = try lazy.read(until: "first\r\n")
    let eager = try proxy.connect()
    try eager.send(head())
    _ = try eager.read(until: "first\r\n")
    gate.open()
    // One holds up both until it goes.
    _ = try eager.read(exactly: 1_000_000)
    _ = try Waitable(false).waited(seconds: 0.3)
    lazy.close()
    _ = try eager.read(until: "\r\n0\r\n\r\n")
  }

  @Test func `who waits too long for another's answer asks itself`() throws {
    let origin = try ScriptedOrigin { [cacheable] connection in
      _ = try connection.readRequest()
      if connection.index > 0 {
        try connection.send(answer("200 OK", "Content-Length: 4", cacheable, body: "fast"))
      }
      _ = try connection.awaitEnd()
    }
    let proxy = try cached(origin, workers: 1)
    let slow = try proxy.connect()
    try slow.send(head())
    try origin.journal.wait("the first request") { $0.text().contains("\r\n\r\n") }
    #expect(try proxy.exchange(head()).text == "fast")
  }

  @Test func `HTTP 1.0 has a chunked answer until the end of the connection`() throws {
    let origin = try ScriptedOrigin { [cacheable] _ in
      answer("200 OK", cacheable, "Transfer-Encoding: chunked") + chunk("hello") + "0\r\n\r\n"
    }
    let proxy = try cached(origin)
    let client = try proxy.connect()
    try client.send("GET /x HTTP/1.0\r\nHost: a\r\n\r\n")
    #expect(String(decoding: try client.readToEnd().bytes, as: UTF8.self).hasSuffix("\r\n\r\nhello"))
    #expect(try proxy.exchange(head())["Content-Length"] == "5")
  }

  @Test func `1xx answers pass and are not stored`() throws {
    let origin = try ScriptedOrigin { [cacheable] _ in
      answer("103 Early Hints", "Link: </x>") + answer("200 OK", "Content-Length: 2", cacheable, body: "ok")
    }
    let proxy = try cached(origin)
    let client = try proxy.connect()
    try client.send(head())
    _ = try client.read(until: "Link: </x>\r\n")
    _ = try client.read(until: "ok")
    let stored = try proxy.exchange(head())
    #expect(stored.status == 200 && !stored.has("Link"))
  }

  @Test func `a purge on the admin listener removes what it names`() throws {
    let origin = try ScriptedOrigin { [cacheable] _ in
      answer("200 OK", "Content-Length: 2", cacheable, body: "ok")
    }
    let proxy = try cached(origin) { $0.adminListen = loopback }
    for path in ["/a/1", "/a/2", "/b"] { _ = try proxy.exchange(head("GET \(path)")) }
    func purge(_ path: String) throws -> String {
      let client = try WireClient(try #require(proxy.admin))
      defer { client.close() }
      return try client.exchange("PURGE \(path) HTTP/1.1\r\nHost: A\r\n\r\n").text
    }
    #expect(try purge("/a/*") == "{\"purged\":2}\n")
    #expect(try purge("/nothing") == "{\"purged\":0}\n")
    for path in ["/a/1", "/a/2", "/b"] { _ = try proxy.exchange(head("GET \(path)")) }
    #expect(origin.requests.count == 5)
    #expect(try proxy.ask("/metrics").text.contains("sluice_cache_requests_total{result=\"hit\"} 1\n"))
    #expect(try proxy.exchange(head("PURGE /b")).status == 200)
    #expect(origin.requests.count == 6)
    // Whatever the spelling: keys have one.
    _ = try proxy.exchange(head("GET /x/../%61%2f"))
    #expect(try purge("/./a%2F") == "{\"purged\":1}\n")
  }
}
