internal import CAllocationCount

/// What one or several processes measured.
struct Pass: Codable {
  struct Sample: Codable {
    /// Of one operation, in the fastest run there was.
    var nanoseconds: Double
    /// Of one operation, as the mean over many: some allocate once in a hundred times.
    var allocations: Double
  }

  /// One step of the calibration, in its fastest run.
  var calibrationNanoseconds = Double.infinity
  var samples: [String: Sample] = [:]

  mutating func merge(_ other: Pass) {
    calibrationNanoseconds = min(calibrationNanoseconds, other.calibrationNanoseconds)
    samples.merge(other.samples) { one, another in
      Sample(
        nanoseconds: min(one.nanoseconds, another.nanoseconds),
        allocations: max(one.allocations, another.allocations))
    }
  }

  /// The time of an operation in steps of the calibration. This is what is stored and compared.
  func time(_ sample: Sample) -> Double { sample.nanoseconds / calibrationNanoseconds }
}

extension Pass {
  /// Short against the time a scheduler gives a process at once: among many there are runs that nobody
  /// disturbed, even on a machine that is busy. Long against what reading the clock costs.
  private static let runNanoseconds = 100_000.0
  private static let warmUpRuns = 10
  private static let countedSteps = 1000

  /// Measures everything in this process, again and again in turn, for `duration`.
  static func measure(for duration: Duration) throws(CheckFailure) -> Pass {
    try requireCounting()
    let calibration = try Course(Calibration())
    var courses: [Course] = []
    for benchmark in try allBenchmarks() { courses.append(try Course(benchmark)) }
    let clock = ContinuousClock()
    let end = clock.now + duration
    repeat {
      for course in courses {
        // Each in the company of a calibration, so that both meet the same state of the machine.
        try calibration.time()
        try course.time()
      }
    } while clock.now < end
    var pass = Pass()
    pass.calibrationNanoseconds = calibration.nanoseconds
    for course in courses {
      pass.samples[course.benchmark.name] = Sample(
        nanoseconds: course.nanoseconds, allocations: course.allocations)
    }
    return pass
  }

  /// One benchmark on its way through the rounds.
  private final class Course {
    let benchmark: any Benchmark
    /// The least so far, of one operation.
    private(set) var nanoseconds = Double.infinity
    let allocations: Double
    private let sumOfStep: Int
    private var steps = 1

    init(_ benchmark: any Benchmark) throws(CheckFailure) {
      self.benchmark = benchmark
      do { try benchmark.check() } catch {
        throw CheckFailure(description: "\(benchmark.name) is wrong: \(error)")
      }
      sumOfStep = benchmark.run(1)
      // Counted when warm: what grows to its size once is not counted.
      _ = benchmark.run(countedSteps)
      let before = callocationcount_total()
      _ = benchmark.run(countedSteps)
      let count = callocationcount_total() - before
      allocations = Double(count) / Double(countedSteps * benchmark.operationsPerStep)
      for _ in 0..<warmUpRuns {
        try time()
        steps = max(1, Int(runNanoseconds / (nanoseconds * Double(benchmark.operationsPerStep))))
      }
    }

    func time() throws(CheckFailure) {
      let clock = ContinuousClock()
      let start = clock.now
      let sum = benchmark.run(steps)
      let elapsed = (clock.now - start) / .nanoseconds(1)
      try CheckFailure.require(sum == steps &* sumOfStep, "\(benchmark.name) gave different results")
      nanoseconds = min(nanoseconds, elapsed / Double(steps * benchmark.operationsPerStep))
    }
  }
}
