import Configuration
import TestSupport
import Testing
import Upstream

@Suite("Round robin", .timeLimit(.minutes(10))) struct RoundRobinTests {
  @Test func `goes to the origins in turn on one connection`() throws {
    let origins = try ["a", "b", "c"].map { try ScriptedOrigin(saying: $0) }
    let proxy = try ProxyUnderTest(origins[0], origins[1], origins[2])
    let client = try proxy.connect()
    let answers = try (0..<9).map { _ in try client.exchange(head()).text }
    #expect(answers == ["a", "b", "c", "a", "b", "c", "a", "b", "c"])
  }

  @Test func `goes to the origins in turn over new connections`() throws {
    let origins = try ["a", "b"].map { try ScriptedOrigin(saying: $0) }
    let proxy = try ProxyUnderTest(origins[0], origins[1])
    let answers = try (0..<6).map { _ in try proxy.exchange(head()).text }
    #expect(answers == ["a", "b", "a", "b", "a", "b"])
  }

  @Test func `is exact over two workers`() throws {
    let origins = try ["a", "b", "c"].map { try ScriptedOrigin(saying: $0) }
    let proxy = try ProxyUnderTest(origins[0], origins[1], origins[2], workers: 2)
    // Connections are spread over the workers by the kernel; requests on all of them alternate.
    let clients = try (0..<12).map { _ in try proxy.connect() }
    var answers: [String] = []
    for _ in 0..<5 { for client in clients { answers.append(try client.exchange(head()).text) } }
    let expected = (0..<60).map { ["a", "b", "c"][$0 % 3] }
    #expect(answers == expected)
    proxy.drain()
    #expect(try proxy.exitCode() == 0)
  }

  @Test func `gives each origin its share by weight`() throws {
    let origins = try ["a", "b"].map { try ScriptedOrigin(saying: $0) }
    let proxy = try ProxyUnderTest(origins[0], origins[1]) { settings in
      settings.upstream.origins = [
        OriginSettings(origins[0].location, weight: 3), OriginSettings(origins[1].location, weight: 1),
      ]
    }
    let client = try proxy.connect()
    let answers = try (0..<8).map { _ in try client.exchange(head()).text }
    #expect(answers.prefix(4).count { $0 == "a" } == 3)
    #expect(answers.suffix(4).count { $0 == "a" } == 3)
  }
}
