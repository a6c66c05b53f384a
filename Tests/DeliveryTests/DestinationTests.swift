import Base
import Reactor
import Testing

@testable import Delivery

@Suite("Destinations") struct DestinationTests {
  @Test(arguments: [
    ("http://example.com", "http://example.com/", "example.com"),
    ("HTTPS://Example.COM.:443/a?b#c", "https://example.com/a?b", "example.com"),
    ("http://example.com:8080?x=1", "http://example.com:8080/?x=1", "example.com:8080"),
    ("http://[2001:DB8::1]:81/", "http://[2001:db8::1]:81/", "[2001:db8::1]:81"),
    ("https://a_b-c.d:/x y", "https://a_b-c.d/x%20y", "a_b-c.d"),
    ("http://1.2.3.4/é", "http://1.2.3.4/%C3%A9", "1.2.3.4"),
    ("http://example.com/a%2Fb?q=<>", "http://example.com/a%2Fb?q=%3C%3E", "example.com"),
    // A mark that combines with what is before it hides nothing.
    ("http://example.com/a#\u{301}b", "http://example.com/a", "example.com"),
    ("http://example.com?\u{301}", "http://example.com/?%CC%81", "example.com"),
  ])
  func `are taken apart`(_ given: String, _ text: String, _ authority: String) throws {
    let destination = try Destination(given)
    #expect(destination.text == text)
    #expect(destination.authority == authority)
    #expect(try Destination(text) == destination)
  }

  @Test(arguments: [
    "", "/x", "example.com", "ftp://example.com/", "file:///etc/passwd", "javascript:alert(1)",
    "http:/example.com",
    "http:example.com", "http://", "http:///x", "http://user@example.com/", "http://user:pw@example.com/",
    "http://example.com\\@evil.test/", "http://evil.test\\.example.com/", "http://example.com/\r\nX: y",
    "http://exa mple.com/", "http://example.com:0/", "http://example.com:65536/", "http://example.com:8a/",
    "http://example.com:-1/", "http://[::1/", "http://[::1]x/", "http://[127.0.0.1]/",
    "http://[fe80::1%25eth0]/",
    "http://ex%61mple.com/", "http://exämple.com/", "http://\u{212A}.com/", "http://a../", "http://./",
    "http://a:123456/", "http://a..b/", "http://.a/", "http://127.1/",
    "http://2130706433/",
    "http://0177.0.0.1/", "http://0x7f.0.0.1/", "http://0x7f000001/", "http://127.0.0.1.1/", "http://1.2.3/",
    "http://1.2.3.256/", "http://127.0.0.0x1/", "http://\u{ff11}27.0.0.1/", "http://example.com\u{0}.test/",
    "gopher://127.0.0.1:6379/_x", "http://a,b/", "http://a;b/",
    "http://" + String(repeating: "a", count: 64) + "/",
    "http://a/" + String(repeating: "x", count: 9000),
    // Longer than the bound only when it is encoded: it could not be read from the store again.
    "http://a/" + String(repeating: "é", count: 2000), "http://a/" + String(repeating: " ", count: 4000),
    "http:\u{301}//example.com/", "http://example.com\\\u{301}/", "http://a@\u{301}b/", "http://a:8\u{301}/",
  ])
  func `what is no destination is told`(_ text: String) {
    #expect(throws: Destination.Malformed.self) { try Destination(text) }
  }

  // MARK: The guard

  /// Literal addresses, refused before anything is stored.
  @Test(arguments: [
    "http://127.0.0.1/", "http://127.255.255.254/", "http://0.0.0.0/", "http://0.1.2.3/", "http://10.0.0.1/",
    "http://10.255.255.255/", "http://100.64.0.1/", "http://169.254.0.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://172.16.0.1/", "http://172.31.255.255/", "http://192.0.0.1/", "http://192.0.2.1/",
    "http://192.88.99.1/",
    "http://192.168.1.1/", "http://198.18.0.1/", "http://198.51.100.7/", "http://203.0.113.9/",
    "http://224.0.0.1/",
    "http://239.255.255.250/", "http://240.0.0.1/", "http://255.255.255.255/", "http://100.100.100.200/",
    "http://168.63.129.16/", "http://[::]/", "http://[::1]/", "http://[0:0:0:0:0:0:0:1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/", "http://[::ffff:a9fe:a9fe]/", "http://[::127.0.0.1]/", "http://[::7f00:1]/",
    "http://[64:ff9b::7f00:1]/", "http://[64:ff9b::10.0.0.1]/", "http://[64:ff9b::a9fe:a9fe]/",
    "http://[::ffff:0:127.0.0.1]/", "http://[::ffff:0:808:808]/",
    "http://[64:ff9b:1::1]/", "http://[2002:7f00:1::]/", "http://[2002:a00:1::1]/",
    "http://[2002:c0a8:101::]/",
    "http://[2001::1]/", "http://[2001:0:0:0:0:0:80ff:fffe]/", "http://[100::1]/", "http://[2001:db8::1]/",
    "http://[3fff::1]/", "http://[5f00::1]/", "http://[fc00::1]/", "http://[fd12:3456::1]/",
    "http://[fd00:ec2::254]/",
    "http://[fe80::1]/", "http://[fec0::1]/", "http://[ff02::1]/", "http://[ff0e::1]/", "http://localhost/",
    "http://LOCALHOST./", "http://x.localhost:8080/", "http://metadata.google.internal/",
    "http://8.8.8.8:22/",
    "http://8.8.8.8:6379/", "http://example.com:25/", "https://example.com:11211/", "http://8.8.8.8:5432/",
  ])
  func `what is not public is refused at once`(_ text: String) throws {
    #expect(DestinationGuard().refusal(try Destination(text)) != nil)
  }

  @Test(arguments: [
    "http://8.8.8.8/", "http://1.1.1.1:8080/", "https://[2606:4700::1111]/", "http://example.com/",
    "http://[64:ff9b::808:808]/", "http://[2002:808:808::1]/", "http://172.32.0.1/", "http://100.128.0.1/",
    "http://192.0.1.1/", "http://example.com:65535/", "http://localhost.example.com/",
  ])
  func `what is public is taken`(_ text: String) throws {
    #expect(DestinationGuard().refusal(try Destination(text)) == nil)
  }

  private func refusal(
    _ host: String, _ address: String, _ port: UInt16 = 80,
    _ change: (inout DestinationGuard) -> Void = { _ in }
  )
    throws -> String?
  {
    var destinations = DestinationGuard()
    change(&destinations)
    return destinations.refusal(host, try #require(IPAddress(address)), port)
  }

  @Test func `what is allowed is allowed, and no more`() throws {
    let network = try #require(CIDR("10.0.0.0/8"))
    #expect(try refusal("a", "10.1.2.3") { $0.allowedNetworks = [network] } == nil)
    #expect(try refusal("a", "11.1.2.3") { $0.allowedNetworks = [network] } == nil)
    #expect(try refusal("a", "192.168.1.1") { $0.allowedNetworks = [network] } != nil)
    #expect(try refusal("a", "64:ff9b::a01:203") { $0.allowedNetworks = [network] } != nil)
    #expect(try refusal("a.test", "192.168.1.1") { $0.allowedHosts = ["a.test"] } == nil)
    #expect(try refusal("b.a.test", "192.168.1.1") { $0.allowedHosts = ["a.test"] } != nil)
    #expect(try refusal("b.a.test", "192.168.1.1") { $0.allowedHosts = [".a.test"] } == nil)
    #expect(try refusal("ba.test", "192.168.1.1") { $0.allowedHosts = [".a.test"] } != nil)
  }

  @Test func `metadata services stay closed unless named exactly`() throws {
    let (wide, exact) = (try #require(CIDR("169.254.0.0/16")), try #require(CIDR("169.254.169.254")))
    #expect(try refusal("a", "169.254.1.1") { $0.allowedNetworks = [wide] } == nil)
    #expect(try refusal("a", "169.254.169.254") { $0.allowedNetworks = [wide] } != nil)
    #expect(try refusal("a.b", "169.254.169.254") { $0.allowedHosts = [".b"] } != nil)
    #expect(try refusal("a", "64:ff9b::a9fe:a9fe") { $0.allowedNetworks = [wide] } != nil)
    #expect(try refusal("a", "169.254.169.254") { $0.allowedNetworks = [exact] } == nil)
    // Whoever has the name of a partner must not gain the secrets of this machine.
    #expect(try refusal("a.b", "169.254.169.254") { $0.allowedHosts = ["a.b"] } != nil)
    #expect(try refusal("metadata", "169.254.169.254") { $0.allowedHosts = ["metadata"] } == nil)
  }

  @Test func `our own listeners are no destination unless named`() throws {
    let loopback = try #require(CIDR("127.0.0.0/8"))
    let any = SocketAddress.ip(IPAddress(v4: 0), port: 8080)
    let own = SocketAddress.ip(try #require(IPAddress("127.0.0.1")), port: 8080)
    #expect(
      try refusal("a", "127.0.0.1", 8080) { ($0.allowedNetworks, $0.ownListeners) = ([loopback], [any]) }
        != nil)
    #expect(
      try refusal("a", "127.0.0.2", 8080) { ($0.allowedNetworks, $0.ownListeners) = ([loopback], [any]) }
        != nil)
    #expect(
      try refusal("a", "127.0.0.1", 8081) { ($0.allowedNetworks, $0.ownListeners) = ([loopback], [any]) }
        == nil)
    #expect(
      try refusal("a", "127.0.0.1", 8080) {
        ($0.allowedNetworks, $0.ownListeners, $0.allowedEndpoints) = ([loopback], [any], [own])
      } == nil)
  }

  @Test func `ports as they are told`() throws {
    #expect(try refusal("a", "8.8.8.8", 443) { $0.ports = .only([80...80]) } != nil)
    #expect(try refusal("a", "8.8.8.8", 80) { $0.ports = .only([80...80]) } == nil)
    #expect(try refusal("a", "8.8.8.8", 22) { $0.ports = .only([1...1000]) } == nil)
  }
}
