import Base
import TestSupport
import Testing

@Suite("ByteScan") struct ByteScanTests {
  /// Most bytes harmless, so that a search has something to pass over.
  private static func sample(_ count: Int, _ generator: inout SeededGenerator) -> [UInt8] {
    (0..<count).map { _ in
      let byte = UInt8.random(in: 0...255, using: &generator)
      return Int.random(in: 0..<8, using: &generator) == 0 ? byte : byte | 0x40 & 0x7E
    }
  }

  private static func naiveControl(_ bytes: [UInt8], _ from: Int) -> Int {
    guard from < bytes.count else { return bytes.count }
    return bytes[from...].firstIndex { $0 < 0x20 || $0 == 0x7F } ?? bytes.count
  }

  @Test func `each byte value is a control exactly where the grammar says so`() {
    for value in UInt8.min...UInt8.max {
      for position in 0..<17 {
        var bytes = [UInt8](repeating: 0x61, count: 17)
        bytes[position] = value
        let isControl = value < 0x20 || value == 0x7F
        let found = ByteScan.firstControl(bytes.span, from: 0)
        #expect(found == (isControl ? position : 17))
      }
    }
  }

  @Test func `a search for controls agrees with the plain loop at every length and offset`() {
    var generator = SeededGenerator(seed: 11)
    for count in 0..<70 {
      let bytes = ByteScanTests.sample(count, &generator)
      for from in 0...count {
        let found = ByteScan.firstControl(bytes.span, from: from)
        #expect(found == ByteScanTests.naiveControl(bytes, from), "\(bytes) from \(from)")
      }
    }
  }

  @Test func `two neighbours of which one borrows from the other are told apart`() {
    // 0x1F borrows from what follows it in the word; 0x20 and 0x80 behind it must not come first.
    for one in [0x1F, 0x20, 0x7E, 0x7F, 0x80, 0x9F, 0xFF, 0x00] as [UInt8] {
      for two in [0x1F, 0x20, 0x7E, 0x7F, 0x80, 0x9F, 0xFF, 0x00] as [UInt8] {
        let bytes = [0x61, one, two, 0x61, two, one, 0x61, 0x61, two] as [UInt8]
        for from in 0...bytes.count {
          let found = ByteScan.firstControl(bytes.span, from: from)
          #expect(found == ByteScanTests.naiveControl(bytes, from))
        }
      }
    }
  }

  @Test func `a search outside a set agrees with the plain loop`() {
    var generator = SeededGenerator(seed: 12)
    for count in 0..<60 {
      let (low, high) = (generator.next() | generator.next(), generator.next() | generator.next())
      let bytes = (0..<count).map { _ in UInt8.random(in: 0...131, using: &generator) }
      for from in 0...count {
        let expected =
          bytes[from...].firstIndex { byte in
            byte >= 0x80 || (byte < 0x40 ? low >> UInt64(byte) : high >> UInt64(byte - 0x40)) & 1 == 0
          } ?? count
        let found = ByteScan.firstOutside(low: low, high: high, bytes.span, from: from)
        #expect(found == expected)
      }
    }
  }

  @Test func `a byte is found where it first stands at or after the offset`() {
    let bytes = Array("a\nbc\n\nd".utf8)
    let found = (0...bytes.count).map { ByteScan.first(0x0A, in: bytes.span, from: $0) }
    #expect(found == [1, 1, 4, 4, 4, 5, 7, 7])
    let beyond = ByteScan.first(0x0A, in: bytes.span, from: 90)
    #expect(beyond == bytes.count)
    let inNothing = ByteScan.first(0x0A, in: [UInt8]().span, from: 0)
    #expect(inNothing == 0)
  }

  @Test func `a word is the bytes folded, padded with spaces, wherever the span ends`() {
    var generator = SeededGenerator(seed: 13)
    for length in 0..<24 {
      let bytes = generator.bytes(length)
      for at in 0...length {
        for count in 0...min(8, length - at) {
          var expected: UInt64 = 0
          for index in 0..<8 {
            let byte: UInt8 = index < count ? bytes[at + index] | 0x20 : 0x20
            expected |= UInt64(byte) << UInt64(8 * index)
          }
          let word = ByteScan.foldedWord(bytes.span, at: at, count: count)
          #expect(word == expected)
        }
      }
    }
  }
}
