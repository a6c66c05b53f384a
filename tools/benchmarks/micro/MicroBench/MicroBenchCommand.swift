internal import ArgumentParser
internal import FoundationEssentials

/// What the small operations of a request cost, in time and in allocations.
@main struct MicroBenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "microbench",
    abstract: "Measures the small operations of a request: nanoseconds and heap allocations.",
    discussion: """
      Prints a table in Markdown. Time is compared in steps of a calibration that
      is measured in turn with everything else, so that a busy or throttled
      machine does not matter; another make of processor does: record anew there.

      Exits with 1 when a result is wrong, an operation is 20 % slower than
      stored, or it allocates more often than stored.
      """)

  private static let storedPath = "tools/benchmarks/micro/thresholds.json"
  private static let passDuration = Duration.milliseconds(600)
  private static let passes = 12
  /// Before anything is called slow. With these, a run stays below half a minute.
  private static let furtherPasses = 24

  @Option(help: "Compares with the thresholds in this file.")
  var thresholds: String?

  @Flag(help: "Rewrites the thresholds: the file of --thresholds, or \(storedPath).")
  var record = false

  @Option(help: "Writes the figures to this file, as JSON.")
  var json: String?

  /// A process that measures, for one that asks: see `ChildProcess`.
  @Flag(help: .hidden)
  var pass = false

  func validate() throws {
    #if DEBUG
      throw ValidationError("this is a debug build, which says nothing of a release")
    #endif
  }

  func run() throws {
    guard pass else { return try measureAndReport() }
    let result = try Pass.measure(for: MicroBenchCommand.passDuration)
    print(String(decoding: try JSONEncoder().encode(result), as: UTF8.self))
  }

  private func measureAndReport() throws {
    let names = try allBenchmarks().map(\.name)
    let stored = record ? nil : try thresholds.map { try Thresholds(readFrom: $0) }
    var result = Pass()
    for _ in 0..<MicroBenchCommand.passes { result.merge(try ChildProcess.measure()) }
    if let stored {
      for _ in 0..<MicroBenchCommand.furtherPasses where stored.hasSlow(result) {
        result.merge(try ChildProcess.measure())
      }
    }
    let report = Report(names: names, pass: result, thresholds: stored)
    print(report.table())
    if let json { try Report.write(report.document(), to: json) }
    if record {
      try Report.write(Thresholds(of: result), to: thresholds ?? MicroBenchCommand.storedPath)
    }
    let failures = stored?.failures(of: result) ?? []
    // Thrown, they are printed to standard error and end the process with 1.
    if !failures.isEmpty {
      throw CheckFailure(description: "beyond the thresholds:\n" + failures.joined(separator: "\n"))
    }
  }
}
