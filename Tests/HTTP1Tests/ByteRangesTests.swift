import Base
import HTTP1
import TestSupport
import Testing

@Suite("RFC 9110 §14.2 Range") struct ByteRangesTests {
  private static func parse(
    _ value: [UInt8], length: Int, between before: [UInt8] = [], and after: [UInt8] = []
  ) -> ByteRanges {
    let bytes = before + value + after
    return ByteRanges.parse(bytes.span, before.count..<(before.count + value.count), length: length)
  }

  private static func parse(_ value: String, length: Int) -> ByteRanges {
    parse(Array(value.utf8), length: length)
  }

  @Test(arguments: [
    ("bytes=0-499", [0..<500]), ("bytes=500-999", [500..<1000]), ("bytes=-500", [9500..<10000]),
    ("bytes=9500-", [9500..<10000]), ("bytes=0-0,-1", [0..<1, 9999..<10000]), ("bytes=0-", [0..<10000]),
    ("bytes=500-600,601-999", [500..<601, 601..<1000]), ("bytes=0-9999", [0..<10000]),
    ("bytes=9999-9999", [9999..<10000]), ("bytes=9999-", [9999..<10000]), ("bytes=-1", [9999..<10000]),
  ])
  func `a range is what it asks for of ten thousand bytes`(value: String, expected: [Range<Int>]) {
    #expect(ByteRangesTests.parse(value, length: 10000) == .ranges(expected))
  }

  @Test(arguments: [
    ("bytes=90-200", 90..<100), ("bytes=0-100", 0..<100), ("bytes=-100", 0..<100), ("bytes=-101", 0..<100),
    ("bytes=99-18446744073709551616", 99..<100), ("bytes=-99999999999999999999999999", 0..<100),
    ("bytes=0-999999999999999999", 0..<100), ("bytes=0-9223372036854775807", 0..<100),
    ("bytes=0000000000000000000000001-02", 1..<3),
  ])
  func `a range that goes on beyond the end stops there`(value: String, expected: Range<Int>) {
    #expect(ByteRangesTests.parse(value, length: 100) == .ranges([expected]))
  }

  @Test(arguments: ["bytes", "Bytes", "BYTES", "bYtEs"])
  func `the case of the unit is nothing to it`(unit: String) {
    #expect(ByteRangesTests.parse("\(unit)=1-2", length: 100) == .ranges([1..<3]))
  }

  @Test(arguments: [
    "bytes=1-2,4-5", "bytes=1-2, 4-5", "bytes= 1-2\t,\t 4-5 ", "bytes=,1-2,,4-5,", "bytes=, ,1-2 , ,\t4-5, ,",
  ])
  func `white space around elements and empty elements are passed over`(value: String) {
    #expect(ByteRangesTests.parse(value, length: 100) == .ranges([1..<3, 4..<6]))
  }

  @Test func `ranges keep the order in which they are asked for`() {
    let expected = [50..<60, 0..<10, 90..<100]
    #expect(ByteRangesTests.parse("bytes=50-59,0-9,-10", length: 100) == .ranges(expected))
  }

  @Test(arguments: [
    ("bytes=100-", 100), ("bytes=100-200", 100), ("bytes=-0", 100), ("bytes=-00", 100),
    ("bytes=100-,200-300,-0", 100), ("bytes=999999999999999999-", 100), ("bytes=18446744073709551616-", 100),
    ("bytes=99999999999999999999-99999999999999999999", 100), ("bytes=0-", 0), ("bytes=0-0", 0),
    ("bytes=-1", 0),
  ])
  func `what lies wholly beyond the end cannot be served`(value: String, length: Int) {
    #expect(ByteRangesTests.parse(value, length: length) == .unsatisfiable)
  }

  @Test func `what cannot be served is left out where something can`() {
    #expect(ByteRangesTests.parse("bytes=100-,1-2,-0,300-400", length: 100) == .ranges([1..<3]))
  }

  @Test(arguments: [
    "", "b", "bytes", "bytes=", "bytes= ", "bytes=,", "bytes=, ,", "=0-1", "0-1", "bytes0-1", "bytes:0-1",
    "bytes =0-1", " bytes=0-1", "items=0-1", "byte=0-1", "bytess=0-1", "x-bytes=0-1", "bytes==0-1",
    "bytes=-", "bytes=--", "bytes=--1", "bytes=0", "bytes=0--1", "bytes=0-1-", "bytes=0-1-2", "bytes=a-b",
    "bytes=0-b", "bytes=a-1", "bytes=0-1x", "bytes=0x0-1", "bytes=+0-1", "bytes=0-+1", "bytes=1.0-2",
    "bytes=0 -1", "bytes=0- 1", "bytes=- 1", "bytes=0 1", "bytes=0-1;2-3", "bytes=0-1 2-3", "bytes=\"0-1\"",
    "bytes=*", "bytes=0-1/100", "bytes=0\u{0}-1", "bytes=0\u{2010}1",
  ])
  func `what is malformed is ignored`(value: String) {
    #expect(ByteRangesTests.parse(value, length: 100) == .ignored)
  }

  @Test(arguments: [
    "bytes=2-1", "bytes=0-1,2-1", "bytes=2-1,0-1", "bytes=0-1,x", "bytes=0-1,-", "bytes=200-199",
    "bytes=0-1,200-199",
  ])
  func `one malformed range has the whole field ignored`(value: String) {
    #expect(ByteRangesTests.parse(value, length: 100) == .ignored)
  }

  @Test func `sixteen ranges are served and seventeen ignored`() {
    let elements = (0..<17).map { "\($0 * 10)-\($0 * 10)" }
    let sixteen = "bytes=" + elements.dropLast().joined(separator: ",")
    let expected = (0..<16).map { ($0 * 10)..<($0 * 10 + 1) }
    #expect(ByteRangesTests.parse(sixteen, length: 1000) == .ranges(expected))
    #expect(ByteRangesTests.parse("bytes=" + elements.joined(separator: ","), length: 1000) == .ignored)
    // Those that cannot be served count as well.
    #expect(ByteRangesTests.parse(sixteen + ",1000-", length: 1000) == .ignored)
    let beyond = Array(repeating: "1000-", count: 17).joined(separator: ",")
    #expect(ByteRangesTests.parse("bytes=" + beyond, length: 1000) == .ignored)
  }

  @Test(arguments: [
    "bytes=0-,0-", "bytes=0-,-1", "bytes=0-59,40-99", "bytes=0-49,50-99,0-0", "bytes=-100,-1",
  ])
  func `ranges that overlap to more than the whole are ignored`(value: String) {
    #expect(ByteRangesTests.parse(value, length: 100) == .ignored)
  }

  @Test func `ranges that add up to the whole are served`() {
    #expect(ByteRangesTests.parse("bytes=0-49,50-99", length: 100) == .ranges([0..<50, 50..<100]))
    #expect(ByteRangesTests.parse("bytes=0-9,5-14", length: 100) == .ranges([0..<10, 5..<15]))
  }

  @Test func `only the bytes of the value are read`() {
    let value = Array("bytes=1-2".utf8)
    let around = ByteRangesTests.parse(
      value, length: 1000, between: Array("bytes=3-4".utf8), and: Array("99,7-8".utf8))
    #expect(around == .ranges([1..<3]))
    let cut = ByteRangesTests.parse(Array("bytes=".utf8), length: 1000, and: Array("1-2".utf8))
    #expect(cut == .ignored)
  }

  @Test func `random ranges are served as the RFC has it`() {
    var generator = SeededGenerator(seed: 43)
    for _ in 0..<5000 {
      let length = Int.random(in: 0...40, using: &generator)
      var elements: [String] = []
      var found: [Range<Int>] = []
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        let first = Int.random(in: 0...50, using: &generator)
        let last = Int.random(in: first...60, using: &generator)
        let asked: (String, [Int])
        switch Int.random(in: 0...2, using: &generator) {
        case 0: asked = ("\(first)-\(last)", (0..<length).filter { (first...last).contains($0) })
        case 1: asked = ("\(first)-", (0..<length).filter { $0 >= first })
        default: asked = ("-\(first)", (0..<length).filter { length - $0 <= first })
        }
        elements.append(asked.0)
        if let low = asked.1.first, let high = asked.1.last { found.append(low..<(high + 1)) }
      }
      let total = found.reduce(0) { $0 + $1.count }
      let expected: ByteRanges =
        found.isEmpty ? .unsatisfiable : total > length ? .ignored : .ranges(found)
      let value = "bytes=" + elements.joined(separator: ",")
      #expect(ByteRangesTests.parse(value, length: length) == expected, "\(value) of \(length)")
    }
  }

  @Test func `any bytes are read without a trap and every range lies within the whole`() {
    var generator = SeededGenerator(seed: 44)
    let alphabet = Array("0123456789-,= \t".utf8)
    for _ in 0..<20000 {
      let tail = (0..<Int.random(in: 0...40, using: &generator)).map { _ in
        alphabet[Int.random(in: 0..<alphabet.count, using: &generator)]
      }
      let length = Int.random(in: 0...1000, using: &generator)
      guard case .ranges(let ranges) = ByteRangesTests.parse(Array("bytes=".utf8) + tail, length: length)
      else { continue }
      let isWithin = ranges.allSatisfy { !$0.isEmpty && $0.lowerBound >= 0 && $0.upperBound <= length }
      #expect(isWithin && !ranges.isEmpty)
    }
  }
}
