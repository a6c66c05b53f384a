/// A fixed piece of work, by which all others are measured: what a machine needs for an operation, divided
/// by what it needs for this, is about the same on all machines of a kind, and on one machine whatever its
/// clock rate is just now.
///
/// It does by simple means what the measured code does too: looks for the ends of names and lines, hashes,
/// writes down what it found, copies. None of it is code of the proxy, which may become faster or slower.
final class Calibration: Benchmark {
  let name = "calibration"
  private let text: [UInt8]
  private var copy: [UInt8]
  private var ends: [Int]
  private static let lineCount = 24

  init() {
    // Lines of many lengths, the same on every machine. The generator is xorshift (Marsaglia, 2003).
    var state: UInt64 = 0x9E37_79B9_7F4A_7C15
    func next(_ bound: UInt64) -> Int {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return Int(state % bound)
    }
    var text: [UInt8] = []
    for _ in 0..<Calibration.lineCount {
      for _ in 0...(3 + next(14)) { text.append(UInt8(ascii: "a") + UInt8(next(26))) }
      text += Array(": ".utf8)
      for _ in 0...(4 + next(60)) { text.append(UInt8(ascii: "!") + UInt8(next(90))) }
      text += Array("\r\n".utf8)
    }
    self.text = text
    copy = Array(repeating: 0, count: text.count)
    ends = Array(repeating: 0, count: 2 * Calibration.lineCount)
  }

  func check() throws(CheckFailure) {
    _ = run(1)
    try CheckFailure.require(copy == text, "the copy differs")
    try CheckFailure.require(ends.last == text.count, "\(ends.last ?? 0) of \(text.count) bytes were read")
  }

  func run(_ steps: Int) -> Int {
    let text = text
    var sum = 0
    for _ in 0..<steps { sum &+= Calibration.step(text.span, &copy, &ends) & 0xFFFF }
    return sum
  }

  /// Never inlined, so that the loop around it cannot change it.
  @inline(never) private static func step(
    _ text: Span<UInt8>, _ copyBytes: inout [UInt8], _ lineEnds: inout [Int]
  ) -> Int {
    var copy = copyBytes.mutableSpan
    var ends = lineEnds.mutableSpan
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    var at = 0
    var line = 0
    while at < text.count {
      var name: UInt64 = 0
      while text[at] &- 0x61 < 26 {
        name = (name ^ UInt64(text[at])) &* 0x100_0000_01B3
        copy[at] = text[at]
        at += 1
      }
      ends[line] = at
      while text[at] != 0x0A {
        copy[at] = text[at]
        at += 1
      }
      copy[at] = 0x0A
      at += 1
      ends[line + 1] = at
      line += 2
      // The next line waits for this: a part of all parsing is waiting.
      hash = (hash ^ name) &* 0x100_0000_01B3
    }
    return Int(truncatingIfNeeded: hash >> 17)
  }
}
