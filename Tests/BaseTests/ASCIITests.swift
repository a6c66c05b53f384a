import Base
import Testing

@Suite("ASCII") struct ASCIITests {
  @Test func `only the 26 upper-case letters change when lowered`() {
    for byte in UInt8.min...UInt8.max {
      let isUpper = (0x41...0x5A).contains(byte)
      #expect(ASCII.lowercased(byte) == (isUpper ? byte + 0x20 : byte))
    }
  }

  @Test func `digits are the ten digits`() {
    for byte in UInt8.min...UInt8.max { #expect(ASCII.isDigit(byte) == (0x30...0x39).contains(byte)) }
  }

  @Test func `hexadecimal digits have their value and nothing else has one`() {
    for byte in UInt8.min...UInt8.max {
      let scalar = Character(Unicode.Scalar(byte))
      let expected = byte < 0x80 ? scalar.hexDigitValue.map { UInt8($0) } : nil
      #expect(ASCII.hexValue(byte) == expected, "\(byte)")
    }
  }

  private static func equals(_ text: String, _ from: Int, _ to: Int, _ literal: StaticString) -> Bool {
    ASCII.equals(Array(text.utf8).span, from, to, ignoringCase: literal)
  }

  private static func equals(
    _ left: [UInt8], _ leftRange: Range<Int>, _ right: [UInt8], _ rightRange: Range<Int>
  ) -> Bool {
    ASCII.equals(left.span, leftRange, right.span, rightRange)
  }

  @Test func `a run equals a literal whatever its case`() {
    let text = "xKeep-ALIVEx"
    #expect(ASCIITests.equals(text, 1, 11, "keep-alive"))
    #expect(!ASCIITests.equals(text, 1, 10, "keep-alive"))
    #expect(!ASCIITests.equals(text, 1, 12, "keep-alive"))
    #expect(!ASCIITests.equals(text, 0, 10, "keep-alive"))
    #expect(ASCIITests.equals(text, 4, 4, ""))
  }

  @Test func `what differs in bit five alone is equal for letters only`() {
    // "\r" and "-", "@" and "`", "[" and "{", "^" and "~" differ in the bit that folds letters.
    for (one, two) in [(0x0D, 0x2D), (0x40, 0x60), (0x5B, 0x7B), (0x5E, 0x7E)] as [(UInt8, UInt8)] {
      #expect(!ASCIITests.equals([one], 0..<1, [two], 0..<1))
    }
    #expect(!ASCIITests.equals("\r", 0, 1, "-"))
    #expect(ASCIITests.equals([0x41], 0..<1, [0x61], 0..<1))
  }

  @Test func `two runs in different places are compared by their letters`() {
    let left = Array("..Accept".utf8)
    let right = Array("aCCEPT".utf8)
    #expect(ASCIITests.equals(left, 2..<8, right, 0..<6))
    #expect(!ASCIITests.equals(left, 2..<8, right, 0..<5))
    #expect(!ASCIITests.equals(left, 1..<7, right, 0..<6))
    #expect(ASCIITests.equals(left, 3..<3, right, 0..<0))
  }
}
