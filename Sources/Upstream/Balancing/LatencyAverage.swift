/// A moving average of latencies that forgets with time and believes a rise at once: "peak EWMA", as
/// Finagle balances by. Nanoseconds.
struct LatencyAverage {
  /// After that long an old value has lost two thirds of its say.
  private static let memory: UInt64 = 10_000_000_000

  private var average: UInt64 = 0
  private var updatedAt: UInt64 = 0

  mutating func add(_ latency: UInt64, at now: UInt64) {
    if latency > average {
      average = latency
    } else {
      // exp(-t/memory), near enough for what it is for: 1/(1+t/memory).
      let passed = now > updatedAt ? min(now - updatedAt, 100 * LatencyAverage.memory) : 0
      let share = Double(LatencyAverage.memory) / Double(LatencyAverage.memory + passed)
      average = UInt64(Double(average) * share + Double(latency) * (1 - share))
    }
    updatedAt = now
  }

  /// What a request that joins so many others is likely to wait for: less is better. An endpoint that is
  /// not known yet gets one request to learn from, not all of them.
  func cost(inFlight: Int, weight: Int) -> Double {
    let known = average == 0 ? (inFlight == 0 ? 0 : Double(UInt64(1) << 40)) : Double(average)
    return known * Double(inFlight + 1) / Double(weight)
  }

  var nanoseconds: UInt64 { average }
}
