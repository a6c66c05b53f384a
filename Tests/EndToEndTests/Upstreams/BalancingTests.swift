import Base
import Configuration
import Proxy
import TestSupport
import Testing
import Upstream

@Suite("Ways to balance", .timeLimit(.minutes(10))) struct BalancingEndToEndTests {
  private func proxy(_ origins: [ScriptedOrigin], _ balance: Balance, secret: String = "") throws
    -> ProxyUnderTest
  {
    var settings = ProxyUnderTest.settings(origins.map(\.location))
    settings.upstream.balance = balance
    settings.upstream.stickySecret = secret
    return try ProxyUnderTest(settings)
  }

  private func origins(_ count: Int = 5) throws -> [ScriptedOrigin] {
    try (0..<count).map { try ScriptedOrigin(saying: "\($0)") }
  }

  @Test func `one path leads to one endpoint, many paths to all`() throws {
    let origins = try origins()
    let proxy = try proxy(origins, .hashURI)
    let client = try proxy.connect()
    var seen: Set<String> = []
    for path in 0..<40 {
      let answers = Set(try (0..<3).map { _ in try client.exchange(head("GET /\(path)?q")).text })
      #expect(answers.count == 1)
      seen.formUnion(answers)
    }
    #expect(seen.count == 5)
  }

  @Test func `one value of a field leads to one endpoint, none goes in turn`() throws {
    let origins = try origins()
    let proxy = try proxy(origins, .hashField("X-User"))
    let client = try proxy.connect()
    for user in 0..<10 {
      let answers = Set(try (0..<3).map { _ in try client.exchange(head("GET /x", "x-user: \(user)")).text })
      #expect(answers.count == 1)
    }
    #expect(Set(try (0..<5).map { _ in try client.exchange(head()).text }).count == 5)
  }

  @Test func `one client leads to one endpoint, by the address its proxy gives`() throws {
    let origins = try origins()
    let plain = try proxy(origins, .hashIP)
    #expect(Set(try (0..<6).map { _ in try plain.exchange(head()).text }).count == 1)
    // Nobody may choose an endpoint by a claim.
    #expect(
      Set(try (0..<20).map { try plain.exchange(head("GET /x", "X-Forwarded-For: 10.0.0.\($0)")).text }).count
        == 1)
    let trusting = try ProxyUnderTest(ProxyUnderTest.settings(origins.map(\.location))) {
      $0.upstream.balance = .hashIP
      $0.proxy.trustedProxies = [CIDR("127.0.0.0/8")!]
    }
    #expect(
      Set(try (0..<40).map { try trusting.exchange(head("GET /x", "X-Forwarded-For: 10.0.0.\($0)")).text })
        .count > 3)
  }

  @Test func `a key whose endpoint is gone falls over to another and stays there`() throws {
    let origins = try origins(3)
    let proxy = try proxy(origins, .hashURI)
    let client = try proxy.connect()
    let first = try client.exchange(head("GET /key")).text
    origins[Int(first) ?? 0].stop()
    // The request that finds out goes on to any; soon the list is made anew without the one that is gone.
    var others: [String] = []
    let deadline = ContinuousClock.now.advanced(by: .seconds(10))
    while Set(others.suffix(8)).count != 1 || others.count < 8, ContinuousClock.now < deadline {
      others.append(try client.exchange(head("GET /key")).text)
    }
    #expect(Set(others.suffix(8)).count == 1)
    #expect(!others.contains(first))
  }

  @Test func `a cookie leads back to its endpoint`() throws {
    let origins = try origins()
    let proxy = try proxy(origins, .sticky(cookie: "route"))
    let client = try proxy.connect()
    let first = try client.exchange(head())
    let cookie = try #require(first["Set-Cookie"])
    #expect(cookie.hasPrefix("route="))
    #expect(cookie.hasSuffix("; Path=/; HttpOnly; SameSite=Lax"))
    let pair = cookie.prefix { $0 != ";" }
    for _ in 0..<6 {
      let response = try client.exchange(head("GET /x", "Cookie: a=b; \(pair); c=d"))
      #expect(response.text == first.text)
      #expect(!response.has("Set-Cookie"))
    }
  }

  @Test(arguments: ["", "a secret of more than sixteen"]) func `a cookie outlives a restart`(secret: String)
    throws
  {
    let origins = try origins()
    let before = try proxy(origins, .sticky(cookie: "route"), secret: secret)
    let first = try before.exchange(head())
    let pair = try #require(first["Set-Cookie"]).prefix { $0 != ";" }
    let after = try proxy(origins, .sticky(cookie: "route"), secret: secret)
    for _ in 0..<5 { #expect(try after.exchange(head("GET /x", "Cookie: \(pair)")).text == first.text) }
  }

  @Test func `a cookie that nobody signed leads nowhere`() throws {
    let origins = try origins()
    let proxy = try proxy(origins, .sticky(cookie: "route"), secret: "a secret of more than sixteen")
    for value in ["", "0", "127.0.0.1:\(origins[2].port)", String(repeating: "a", count: 24)] {
      let client = try proxy.connect()
      let answers = try (0..<5).map { _ in try client.exchange(head("GET /x", "Cookie: route=\(value)")) }
      #expect(Set(answers.map(\.text)).count == 5)
      #expect(answers.allSatisfy { $0.has("Set-Cookie") })
    }
  }

  @Test func `a cookie whose endpoint is gone gets another`() throws {
    let origins = try origins(2)
    let proxy = try proxy(origins, .sticky(cookie: "route"))
    let first = try proxy.exchange(head())
    let pair = try #require(first["Set-Cookie"]).prefix { $0 != ";" }
    origins[Int(first.text) ?? 0].stop()
    // The first finds out, with a retry; from then on the new cookie is given.
    #expect(try proxy.exchange(head("GET /x", "Cookie: \(pair)")).text != first.text)
    var last = try proxy.exchange(head("GET /x", "Cookie: \(pair)"))
    let deadline = ContinuousClock.now.advanced(by: .seconds(10))
    while !last.has("Set-Cookie"), ContinuousClock.now < deadline {
      last = try proxy.exchange(head("GET /x", "Cookie: \(pair)"))
    }
    #expect(last.has("Set-Cookie"))
    #expect(last.text != first.text)
  }

  @Test func `the endpoint with the fewest requests under way is next`() throws {
    let gate = Gate()
    let busy = try ScriptedOrigin { connection in
      _ = try connection.readRequest()
      try gate.wait()
      try connection.send(ok("busy"))
    }
    let free = try ScriptedOrigin(saying: "free")
    let proxy = try proxy([busy, free], .leastRequests)
    // Among equals it is the first one's turn.
    let waiting = try proxy.connect()
    try waiting.send(head())
    try busy.wait("a request") { $0.byteCount > 0 }
    for _ in 0..<10 { #expect(try proxy.exchange(head()).text == "free") }
    gate.open()
    #expect(try waiting.readResponse().text == "busy")
  }

  @Test func `the slower of two is avoided`() throws {
    let slow = try ScriptedOrigin { connection in
      while true {
        _ = try connection.readRequest()
        _ = try connection.staysSilent(seconds: 0.1)
        try connection.send(ok("slow"))
      }
    }
    let fast = try ["a", "b"].map { try ScriptedOrigin(saying: $0) }
    let proxy = try proxy([slow] + fast, .twoChoices)
    let client = try proxy.connect()
    let answers = try (0..<60).map { _ in try client.exchange(head()).text }
    // Met once or twice, until it is known.
    #expect(answers.count { $0 == "slow" } <= 4)
  }
}
