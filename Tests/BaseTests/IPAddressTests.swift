import Base
import TestSupport
import Testing

@Suite("IPAddress") struct IPAddressTests {
  @Test(arguments: ["0.0.0.0", "127.0.0.1", "10.20.30.40", "255.255.255.255", "1.0.100.9"])
  func `an IPv4 address is read and printed as it was written`(text: String) throws {
    let address = try #require(IPAddress(text))
    #expect(address.isV4)
    #expect(address.description == text)
  }

  @Test(arguments: [
    ("::", "::"), ("::1", "::1"), ("1::", "1::"), ("2001:db8::1", "2001:db8::1"),
    ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"), ("2001:0db8:0001::", "2001:db8:1::"),
    ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"), ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"),
    ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"),
    ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"), ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
    ("fe80::1:0:0", "fe80::1:0:0"), ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"),
  ])
  func `an IPv6 address is printed in the form of RFC 5952`(text: String, canonical: String) throws {
    let address = try #require(IPAddress(text))
    #expect(!address.isV4)
    #expect(address.description == canonical)
  }

  @Test(arguments: ["::ffff:10.0.0.1", "::FFFF:a00:1", "0:0:0:0:0:ffff:0a00:0001", "0::ffff:10.0.0.1"])
  func `an IPv4-mapped address is the IPv4 address`(text: String) throws {
    let address = try #require(IPAddress(text))
    #expect(address == IPAddress(v4: 0x0A00_0001))
    #expect(address.description == "10.0.0.1")
  }

  @Test(arguments: [
    "", ".", "1", "1.2.3", "1.2.3.4.5", "256.0.0.1", "1.2.3.1000", "01.2.3.4", "1.2.3.00", "1..2.3", "1.2.3.",
    ".1.2.3", "+1.2.3.4", "-1.2.3.4", "1.2.3.4 ", " 1.2.3.4", "0x1.2.3.4", "1.2.3.a", "١.٢.٣.٤",
    ":", ":::", "1:", ":1", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "12345::", "::g", "::1%lo",
    "[::1]",
    "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "1:2:3:4::5:6:7:8", "1.2.3.4::", "::1.2.3", "::1.2.3.4.5",
    "::01.2.3.4", "1:2:3:4:5:6:7:1.2.3.4", "::1.2.3.4:5", "::+1", "::1 ", "localhost", "1,2,3,4",
  ])
  func `what is no address is refused`(text: String) {
    #expect(IPAddress(text) == nil)
  }

  @Test func `any address is read back from its own text`() {
    var generator = SeededGenerator(seed: 21)
    for _ in 0..<2000 {
      // Many zero groups, so that runs of them are met everywhere.
      var words: [UInt64] = [0, 0]
      for group in 0..<8 where Bool.random(using: &generator) {
        words[group / 4] |= (generator.next() & 0xFFFF) << UInt64(16 * (group % 4))
      }
      let address = IPAddress(high: words[0], low: words[1])
      #expect(IPAddress(address.description) == address, "\(address)")
    }
  }
}

@Suite("CIDR") struct CIDRTests {
  @Test(arguments: [
    ("10.0.0.0/8", "10.0.0.0/8"), ("10.1.2.3", "10.1.2.3/32"), ("0.0.0.0/0", "0.0.0.0/0"),
    ("192.168.1.128/25", "192.168.1.128/25"), ("::/0", "::/0"), ("2001:db8::/32", "2001:db8::/32"),
    ("2001:db8::1", "2001:db8::1/128"), ("fe80::/64", "fe80::/64"),
    ("fe80:0:0:0:8000::/65", "fe80::8000:0:0:0/65"),
  ])
  func `a range is read and printed`(text: String, printed: String) throws {
    #expect(try #require(CIDR(text)).description == printed)
  }

  @Test(arguments: [
    "", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8/8", "10.0.0.0/a",
    "10.0.0.1/8", "10.128.0.0/8", "::/129", "2001:db8::1/64", "2001:db8::/31x", "fe80::/8", "10.0.0.0/ 8",
    "a/8",
    "10.0.0.0/99999999999999999999",
  ])
  func `what is no range is refused`(text: String) {
    #expect(CIDR(text) == nil)
  }

  @Test(arguments: [
    ("10.0.0.0/8", "10.255.255.255", "11.0.0.0"), ("10.0.0.0/8", "::ffff:10.0.0.1", "9.255.255.255"),
    ("192.168.1.128/25", "192.168.1.128", "192.168.1.127"), ("1.2.3.4", "1.2.3.4", "1.2.3.5"),
    ("0.0.0.0/0", "255.1.2.3", "::1"), ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
    ("fe80::/64", "fe80::ffff:0:0:1", "fe80:0:0:1::"), ("fe80::8000:0:0:0/65", "fe80::8000:0:0:1", "fe80::1"),
    ("::1", "::1", "::2"), ("8000::/1", "ffff::", "7fff::"),
  ])
  func `a range holds what lies in it and not its neighbour`(text: String, inside: String, outside: String)
    throws
  {
    let range = try #require(CIDR(text))
    #expect(range.contains(try #require(IPAddress(inside))))
    #expect(!range.contains(try #require(IPAddress(outside))))
  }

  @Test func `the range of every IPv6 address holds IPv4 ones by their mapped form`() throws {
    #expect(try #require(CIDR("::/0")).contains(IPAddress(v4: 0x0102_0304)))
  }
}
