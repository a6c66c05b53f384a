/// Where a test cuts an input in two.
public enum SplitPoints {
  /// Inputs up to this size are cut everywhere.
  public static let everywhereBytesMax = 2000

  /// Every offset strictly inside `bytes`, ascending; for longer inputs the first and last 64 and
  /// `sampleCount` between them, drawn with `seed`.
  public static func of(_ bytes: [UInt8], seed: UInt64, sampleCount: Int = 60) -> [Int] {
    let count = bytes.count
    guard count > everywhereBytesMax else { return count > 1 ? Array(1..<count) : [] }
    var generator = SeededGenerator(seed: seed)
    var chosen: Set<Int> = []
    for offset in 1...64 {
      chosen.insert(offset)
      chosen.insert(count - offset)
    }
    for _ in 0..<sampleCount { chosen.insert(Int.random(in: 1..<count, using: &generator)) }
    return chosen.sorted()
  }
}
