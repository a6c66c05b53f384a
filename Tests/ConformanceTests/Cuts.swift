import TestSupport

/// A parser that gave another verdict than the test is about.
struct UnexpectedVerdict: Error {}

/// The ways in which a table's input is cut into pieces.
enum Cuts {
  /// In two at every split point; for short inputs also in single bytes; and in several pieces at random.
  static func all(_ bytes: [UInt8]) -> [[Int]] {
    var cuts = SplitPoints.of(bytes, seed: UInt64(bytes.count)).map { [$0] }
    guard bytes.count > 2 else { return cuts }
    if bytes.count <= SplitPoints.everywhereBytesMax { cuts.append(Array(1..<bytes.count)) }
    var generator = SeededGenerator(seed: UInt64(bytes.count))
    for pieces in [3, 4, 6, 9] {
      let chosen = Set((1..<pieces).map { _ in Int.random(in: 1..<bytes.count, using: &generator) })
      cuts.append(chosen.sorted())
    }
    return cuts
  }
}
