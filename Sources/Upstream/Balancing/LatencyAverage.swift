/// A moving average of latencies that forgets with time and believes a rise at once: "peak EWMA", as
/// Finagle balances by. Nanoseconds.
struct LatencyAverage {
  /// After that long an old value has lost two thirds of its say.
  private static let memory: UInt64 = 10_000_000_000

  private var average: UInt64 = 0
  private var updatedAt: UInt64 = 0

  mutating func add(_ latency: UInt64, at now: UInt64) {
    let kept = weight(at: now)
    average = latency > average ? latency : UInt64(Double(average) * kept + Double(latency) * (1 - kept))
    updatedAt = now
  }

  /// What is left of an old value's say: exp(-t/memory), near enough for what it is for.
  private func weight(at now: UInt64) -> Double {
    let passed = now > updatedAt ? min(now - updatedAt, 100 * LatencyAverage.memory) : 0
    return Double(LatencyAverage.memory) / Double(LatencyAverage.memory + passed)
  }

  /// What a request that joins so many others is likely to wait for: less is better. An endpoint that is
  /// not known yet gets one request to learn from, not all of them; one that was slow is tried again when
  /// that is long ago.
  func cost(inFlight: Int, weight: Int, at now: UInt64) -> Double {
    let unknown = inFlight == 0 ? 0 : Double(UInt64(1) << 40)
    let known = average == 0 ? unknown : Double(average) * self.weight(at: now)
    return known * Double(inFlight + 1) / Double(weight)
  }

  var nanoseconds: UInt64 { average }
}
