/// When requests are due: one each `1/rate` seconds, dealt out to the threads in turn.
struct Schedule {
  private let start: UInt64
  private let rate: Double
  private let step: Int
  /// The next request's number, over all threads.
  private var number: Int

  /// - Parameters:
  ///   - start: nanoseconds at which number 0 is due.
  ///   - rate: requests a second over all threads.
  init(from start: UInt64, rate: Double, thread: Int, of threads: Int) {
    self.start = start
    self.rate = rate
    step = threads
    number = thread
  }

  /// Nanoseconds at which the next request is due. Computed from its number, so that nothing adds up.
  var due: UInt64 { start + UInt64(Double(number) * 1e9 / rate) }

  mutating func advance() { number += step }

  /// How many fall before `end`. Leaves the schedule there.
  mutating func skip(to end: UInt64) -> Int {
    var count = 0
    while due < end {
      advance()
      count += 1
    }
    return count
  }
}
