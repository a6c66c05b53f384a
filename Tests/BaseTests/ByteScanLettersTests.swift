import Base
import TestSupport
import Testing

@Suite("ByteScan over names") struct ByteScanLettersTests {
  @Test func `a run of letters and hyphens ends where it does, or within eight bytes of the end`() {
    var generator = SeededGenerator(seed: 14)
    let letters = Array("-abyzABYZ".utf8)
    for value in UInt8.min...UInt8.max {
      for count in 0..<26 {
        var bytes = (0..<count).map { _ in letters.randomElement(using: &generator)! }
        if count > 0 { bytes[Int.random(in: 0..<count, using: &generator)] = value }
        let from = Int.random(in: 0...count, using: &generator)
        let found = ByteScan.skipLettersAndHyphens(bytes.span, from: from)
        let other = bytes[from...].firstIndex { $0 != 0x2D && !(0x61...0x7A).contains($0 | 0x20) } ?? count
        let isBeforeTail = found < other && found + 8 > count
        #expect(found == other || isBeforeTail, "\(bytes) from \(from): \(found), not \(other)")
      }
    }
  }
}
