import Base
import TestSupport
import Testing

@testable import TLS

/// A server's and a client's session that talk to each other in memory.
private final class Pair {
  let client: TLSSession
  let server: TLSSession
  private let pipes = (TLSPipe(), TLSPipe())
  private(set) var atClient: [UInt8] = []
  private(set) var atServer: [UInt8] = []
  /// What may become of bytes on their way, by who sent them.
  var meddle: (_ fromClient: Bool, [UInt8]) -> [UInt8] = { $1 }

  init(
    _ settings: TLSServerSettings, _ name: String = "a.test", resuming: TLSResumption? = nil,
    server: TLSServer? = nil, client: TLSClient? = nil
  ) throws {
    self.client = TLSSession(try client ?? TestCertificates.client(name), resuming: resuming, pipes.0)
    self.server = TLSSession(try server ?? TLSServer(settings), pipes.1)
  }

  var serverHasOutput: Bool { pipes.1.hasOutput }

  /// Carries bytes to and fro until there are none.
  func talk() {
    client.start()
    carry()
  }

  /// With something from the server, behind which its ticket comes.
  func talkAndAnswer() {
    talk()
    _ = server.write(Array("hello".utf8).span)
    carry()
  }

  func carry() {
    for _ in 0..<50 {
      var moved = false
      if pipes.0.hasOutput {
        let bytes = meddle(true, pipes.0.takeOutput { bytes in bytes.indices.map { bytes[$0] } })
        server.receive(bytes.span, established: { true }) { part in
          for index in part.indices { atServer.append(part[index]) }
          return true
        }
        moved = true
      }
      if pipes.1.hasOutput {
        let bytes = meddle(false, pipes.1.takeOutput { bytes in bytes.indices.map { bytes[$0] } })
        client.receive(bytes.span, established: { true }) { part in
          for index in part.indices { atClient.append(part[index]) }
          return true
        }
        moved = true
      }
      if !moved { return }
    }
  }
}

@Suite("TLS sessions") struct SessionTests {
  @Test func `bytes arrive as they were, both ways, and the end is told`() throws {
    let pair = try Pair(TestCertificates.server("a"))
    pair.talk()
    #expect(pair.client.isEstablished && pair.server.isEstablished)
    #expect(pair.client.version == "TLSv1.3")
    #expect(pair.server.serverName == "a.test")
    let bytes = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    let wrote = pair.client.write(bytes.span) && pair.server.write(Array("hello".utf8).span)
    #expect(wrote)
    pair.carry()
    #expect(pair.atServer == bytes)
    #expect(pair.atClient == Array("hello".utf8))
    pair.server.close()
    pair.carry()
    #expect(pair.client.hasEnded && pair.client.failure == nil)
    let wroteOn = pair.server.write(bytes.span)
    #expect(!wroteOn)
  }

  @Test func `a session is taken up again, each ticket once, and keys that were changed still open it`()
    throws
  {
    let server = try TLSServer(TestCertificates.server("a"))
    let resumption = TLSResumption()
    for round in 0..<5 {
      let pair = try Pair(TLSServerSettings(), resuming: resumption, server: server)
      pair.talkAndAnswer()
      #expect(pair.server.isEstablished)
      #expect(pair.atClient == Array("hello".utf8))
      #expect(pair.server.wasResumed == (round > 0 && round < 4), "round \(round)")
      if round < 2 { server.rotateTickets() }
      // Three changes later the key is forgotten.
      if round == 3 { for _ in 0..<3 { server.rotateTickets() } }
      try server.replace(TestCertificates.server("a"))
    }
  }

  @Test(arguments: [false, true])
  func `a ticket comes with what is written first, and not on its own`(_ writes: Bool) throws {
    let server = try TLSServer(TestCertificates.server("a"))
    let resumption = TLSResumption()
    let first = try Pair(TLSServerSettings(), resuming: resumption, server: server)
    if writes { first.talkAndAnswer() } else { first.talk() }
    #expect(first.client.isEstablished)
    let second = try Pair(TLSServerSettings(), resuming: resumption, server: server)
    second.talk()
    #expect(second.server.isEstablished)
    #expect(second.server.wasResumed == writes)
  }

  @Test func `nothing is written for nothing, and the ticket waits`() throws {
    let server = try TLSServer(TestCertificates.server("a"))
    let resumption = TLSResumption()
    let first = try Pair(TLSServerSettings(), resuming: resumption, server: server)
    first.talk()
    let wrote = first.server.write(Array<UInt8>().span)
    #expect(wrote && !first.serverHasOutput)
    _ = first.server.write(Array("hello".utf8).span)
    first.carry()
    let second = try Pair(TLSServerSettings(), resuming: resumption, server: server)
    second.talk()
    #expect(second.server.wasResumed)
  }

  @Test func `a name's session does not open another name`() throws {
    let server = try TLSServer(TestCertificates.server("a", "star"))
    let resumption = TLSResumption()
    let first = try Pair(TLSServerSettings(), "a.test", resuming: resumption, server: server)
    first.talkAndAnswer()
    #expect(first.server.isEstablished)
    let again = try Pair(TLSServerSettings(), "a.test", resuming: resumption, server: server)
    again.talkAndAnswer()
    #expect(again.server.wasResumed)
    let second = try Pair(TLSServerSettings(), "x.b.test", resuming: resumption, server: server)
    second.talk()
    #expect(second.server.isEstablished && !second.server.wasResumed)
    #expect(second.server.serves("b.test") && second.server.serves("y.b.test"))
    #expect(!second.server.serves("a.test"))
    #expect(first.server.serves("www.a.test") && !first.server.serves("b.test"))
  }

  @Test(arguments: [
    ("a", "b.test", "hostname mismatch"), ("star", "x.y.b.test", "hostname mismatch"),
    ("a", "192.0.2.1", "IP address mismatch"),
  ])
  func `a certificate for another name is refused`(_ certificate: String, _ name: String, _ why: String)
    throws
  {
    let pair = try Pair(TestCertificates.server(certificate), name)
    pair.talk()
    #expect(!pair.client.isEstablished)
    #expect(pair.client.failure?.description == "certificate: \(why)")
    #expect(pair.server.failure != nil)
  }

  @Test(arguments: ["a.test", "www.a.test", "127.0.0.1"])
  func `a certificate for the name or address is taken`(_ name: String) throws {
    let pair = try Pair(TestCertificates.server("a"), name)
    pair.talk()
    #expect(pair.client.isEstablished)
  }

  @Test func `whom nobody vouches for is refused, unless nobody asks`() throws {
    let system = try TLSClient(name: "a.test", isAddress: false, verifies: true, authorities: nil)
    let pair = try Pair(TestCertificates.server("a"), client: system)
    pair.talk()
    #expect(pair.client.failure?.description.hasPrefix("certificate: ") == true)
    let trusting = try TLSClient(name: "else.test", isAddress: false, verifies: false, authorities: nil)
    let other = try Pair(TestCertificates.server("a"), client: trusting)
    other.talk()
    #expect(other.client.isEstablished)
  }

  @Test func `what is wrong with a certificate is told with its file`() {
    func problem(_ certificate: String, _ key: String, password: String? = nil) -> String {
      var settings = TLSServerSettings()
      settings.pairs = [
        TLSServerSettings.Pair(
          certificate: TestCertificates.path(certificate), key: TestCertificates.path(key))
      ]
      settings.keyPassword = password
      do throws(TLSError) {
        _ = try TLSServer(settings)
        return ""
      } catch {
        return error.description.split(separator: "/").last.map(String.init) ?? ""
      }
    }
    #expect(problem("a.pem", "star.key") == "a.pem" || problem("a.pem", "star.key").hasPrefix("a.pem"))
    #expect(problem("expired.pem", "expired.key") == "expired.pem: has expired")
    #expect(problem("none.pem", "a.key").hasPrefix("none.pem: "))
    #expect(problem("a.key", "a.key") == "a.key: holds no certificate in PEM form")
    #expect(problem("a.pem", "a.pem").hasPrefix("a.pem: holds no private key"))
    #expect(problem("a.pem", "a-encrypted.key").hasPrefix("a-encrypted.key: holds no private key"))
    #expect(problem("a.pem", "a-encrypted.key", password: "wrong").hasPrefix("a-encrypted.key: holds no"))
    #expect(problem("a.pem", "a-encrypted.key", password: "secret").isEmpty)
    #expect(problem("a-rsa.pem", "a-rsa.key").isEmpty)
  }

  @Test func `a bad reading leaves the good one in force`() throws {
    let server = try TLSServer(TestCertificates.server("a"))
    #expect(throws: TLSError.self) { try server.replace(TestCertificates.server("a", "expired")) }
    let pair = try Pair(TLSServerSettings(), server: server)
    pair.talk()
    #expect(pair.client.isEstablished)
    #expect(server.certificates.allSatisfy { $0.secondsLeft > 30 * 365 * 86_400 })
  }

  @Test func `a client without a certificate is let in where it may, and not where it must`() throws {
    for kind in TLSServerSettings.ClientCertificates.allCases {
      var settings = TestCertificates.server("a")
      settings.clientAuthorities = TestCertificates.path("ca.pem")
      settings.clientCertificates = kind
      let pair = try Pair(settings)
      pair.talk()
      #expect(pair.server.isEstablished == (kind == .optional))
      #expect(pair.server.clientSubject == nil)
    }
  }

  /// Nothing that comes over the wire is a trap, a hang, or plaintext that was not sent.
  @Test(arguments: 0..<24 as Range<UInt64>)
  func `records that were changed on their way end the connection`(_ seed: UInt64) throws {
    let settings = TestCertificates.server("a", "a-rsa", "star")
    let server = try TLSServer(settings)
    let client = try TestCertificates.client("a.test")
    var random = SeededGenerator(seed: seed)
    for _ in 0..<12 {
      let pair = try Pair(settings, server: server, client: client)
      var left = Int.random(in: 0..<4, using: &random)
      var wasChanged = false
      pair.meddle = { _, bytes in
        left -= 1
        guard left < 0, !bytes.isEmpty else { return bytes }
        var bytes = bytes
        switch Int.random(in: 0..<4, using: &random) {
        case 0:
          bytes[Int.random(in: bytes.indices, using: &random)] ^= UInt8.random(in: 1 ... .max, using: &random)
        case 1: bytes.removeLast(Int.random(in: 1...bytes.count, using: &random))
        case 2:
          bytes.insert(
            contentsOf: random.bytes(Int.random(in: 1..<40, using: &random)),
            at: Int.random(in: 0...bytes.count, using: &random))
        default: bytes = random.bytes(Int.random(in: 1..<600, using: &random))
        }
        wasChanged = true
        left = 100
        return bytes
      }
      pair.talk()
      if pair.client.write(Array("request".utf8).span) { pair.carry() }
      if pair.server.write(Array("answer".utf8).span) { pair.carry() }
      #expect(wasChanged || pair.atServer == Array("request".utf8))
      #expect(pair.atServer.isEmpty || pair.atServer == Array("request".utf8))
      #expect(pair.atClient.isEmpty || pair.atClient == Array("answer".utf8))
    }
  }
}

@Suite("Half-closed TLS sessions") struct HalfCloseTests {
  @Test func `one side's end does not end the other`() throws {
    let pair = try Pair(TestCertificates.server("a"))
    pair.talk()
    pair.server.close()
    pair.carry()
    #expect(pair.client.hasEnded)
    let wrote = pair.client.write(Array("still here".utf8).span)
    pair.carry()
    #expect(wrote && pair.atServer == Array("still here".utf8))
  }
}
