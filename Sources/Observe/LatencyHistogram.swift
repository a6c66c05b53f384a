/// How long something took, counted in buckets that a dashboard can add up.
public struct LatencyHistogram: Sendable {
  /// Upper bounds in seconds; one more bucket holds what is above them all.
  public static let bounds: [Double] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
  ]
  private static let microseconds: InlineArray<15, UInt64> = [
    500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000,
    10_000_000, 30_000_000,
  ]

  private var counts = InlineArray<16, UInt64>(repeating: 0)
  public private(set) var count: UInt64 = 0
  public private(set) var sumMicroseconds: UInt64 = 0

  public init() {}

  public mutating func add(microseconds: UInt64) {
    var index = 0
    while index < 15, microseconds > LatencyHistogram.microseconds[index] { index += 1 }
    counts[index] += 1
    count += 1
    sumMicroseconds &+= microseconds
  }

  public mutating func add(_ other: LatencyHistogram) {
    for index in counts.indices { counts[index] += other.counts[index] }
    count += other.count
    sumMicroseconds &+= other.sumMicroseconds
  }

  /// How many took no longer than each of `bounds`, and all of them last.
  public var cumulative: [UInt64] {
    var sum: UInt64 = 0
    return counts.indices.map { index in
      sum += counts[index]
      return sum
    }
  }
}
