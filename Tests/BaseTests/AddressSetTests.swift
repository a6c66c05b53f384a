import Base
import TestSupport
import Testing

@Suite("AddressSet") struct AddressSetTests {
  @Test func `agrees with a look at each range, nested and side by side`() {
    var random = SeededGenerator(seed: 5)
    for _ in 0..<50 {
      let cidrs = (0..<Int.random(in: 0..<40, using: &random)).compactMap { _ -> CIDR? in
        let bits = Int.random(in: 8...32, using: &random)
        let base = UInt32.random(in: 0..<0x0400_0000, using: &random) & (UInt32.max << UInt32(32 - bits))
        return CIDR("\(IPAddress(v4: base))/\(bits)")
      }
      let set = AddressSet(cidrs)
      #expect(set.isEmpty == cidrs.isEmpty)
      for _ in 0..<300 {
        var address = IPAddress(v4: UInt32.random(in: 0..<0x0600_0000, using: &random))
        // The edges of the ranges are where mistakes would be.
        if let cidr = cidrs.randomElement(using: &random), Bool.random(using: &random) {
          let step = UInt64.random(in: 0...2, using: &random)
          address = IPAddress(high: cidr.base.high, low: cidr.base.low &+ step &- 1)
        }
        #expect(set.contains(address) == cidrs.contains { $0.contains(address) })
      }
    }
  }

  @Test func `holds what its ranges hold, IPv6 and IPv4 in either form`() {
    let set = AddressSet(["10.0.0.0/8", "2001:db8::/32", "::/128", "192.0.2.1"].map { CIDR($0)! })
    for text in ["10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3", "2001:db8:ffff::1", "::", "192.0.2.1"] {
      #expect(set.contains(IPAddress(text)!))
    }
    for text in [
      "9.255.255.255", "11.0.0.0", "2001:db9::", "::1", "192.0.2.0", "192.0.2.2", "2001:db7:ffff::",
    ] {
      #expect(!set.contains(IPAddress(text)!))
    }
    let all = AddressSet(["0.0.0.0/0", "::/0"].map { CIDR($0)! })
    #expect(all.contains(IPAddress("255.255.255.255")!) && all.contains(IPAddress("ffff::")!))
  }
}

@Suite("Addresses in bytes") struct AddressBytesTests {
  @Test(arguments: [
    "192.0.2.1", "0.0.0.0", "255.255.255.255", "1.2.3.4", "::1", "2001:db8::7", "::ffff:10.0.0.1", "1.2.3",
    "1.2.3.4.5", "01.2.3.4", "256.1.1.1", "1..2.3", "1.2.3.", ".1.2.3", "1.2.3.4 ", "00.0.0.0", "", "1",
    "a.b.c.d",
    "1.2.3.x", "1234.1.1.1", "99999999999.1.1.1",
  ])
  func `read as text does`(_ text: String) {
    let bytes = Array("x\(text)y".utf8)
    #expect(IPAddress(bytes.span, 1..<(1 + text.utf8.count)) == IPAddress(text))
  }
}

@Suite("The PROXY protocol") struct ProxyHeaderTests {
  /// Nothing is read beyond the header, nothing is decided before it is whole, and no bytes are a trap.
  @Test(arguments: 0..<32 as Range<UInt64>)
  func `mutated headers are taken, awaited or refused`(_ seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let texts: [[UInt8]] = [
      Array("PROXY TCP4 192.0.2.7 198.51.100.1 4711 80\r\n".utf8),
      Array("PROXY TCP6 2001:db8::7 2001:db8::1 4711 80\r\n".utf8), Array("PROXY UNKNOWN\r\n".utf8),
      [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A, 0x21, 0x11, 0, 12]
        + [192, 0, 2, 7, 198, 51, 100, 1, 1, 2, 3, 4],
    ]
    for _ in 0..<500 {
      var bytes = texts.randomElement(using: &random)! + Array("GET / HTTP/1.1\r\n".utf8)
      for _ in 0..<Int.random(in: 0..<4, using: &random) {
        bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(in: .min ... .max, using: &random)
      }
      let whole = ProxyHeader.parse(bytes.span)
      for cut in bytes.indices {
        let part = ProxyHeader.parse(bytes.span.extracting(0..<cut))
        switch (part, whole) {
        case (.complete(let count, _), _):
          #expect(part == whole && count <= cut)
        case (.incomplete, .complete(let count, _)): #expect(cut < count)
        case (.malformed, _): #expect(whole == .malformed)
        default: break
        }
      }
    }
  }
}
