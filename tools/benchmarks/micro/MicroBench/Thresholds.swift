internal import Base
internal import FoundationEssentials
internal import HTTP1

/// What is stored of a run, and what later runs may not exceed.
struct Thresholds: Codable {
  struct Entry: Codable {
    /// Per operation. One more fails.
    var allocations: Double
    /// Of one operation, in steps of the calibration.
    var time: Double
  }

  /// How much slower than stored is not a failure yet.
  static let slack = 0.2

  /// The machine and the day.
  var comment: String
  var benchmarks: [String: Entry]

  init(of pass: Pass) {
    let today = HTTPDate.Civil(seconds: WallClock.seconds())
    var date = ByteBuffer()
    date.append(decimal: today.year, width: 4)
    date.append("-")
    date.append(decimal: today.month, width: 2)
    date.append("-")
    date.append(decimal: today.day, width: 2)
    comment =
      "\(Thresholds.machine()), \(date.text()). Time is in steps of the calibration; "
      + "rewritten by microbench --record."
    benchmarks = pass.samples.mapValues { sample in
      Entry(allocations: sample.allocations, time: pass.time(sample).rounded(significant: 4))
    }
  }

  init(readFrom path: String) throws(CheckFailure) {
    do {
      self = try JSONDecoder().decode(Thresholds.self, from: Data(contentsOf: URL(filePath: path)))
    } catch {
      throw CheckFailure(description: "\(path): no thresholds can be read there")
    }
  }

  /// A failure for each figure of `pass` that exceeds its threshold, and for each benchmark that is here
  /// or there only.
  func failures(of pass: Pass) -> [String] {
    var failures: [String] = []
    for (name, sample) in pass.samples.sorted(by: { $0.key < $1.key }) {
      guard let stored = benchmarks[name] else {
        failures.append("\(name): no threshold is stored; microbench --record stores one")
        continue
      }
      if sample.allocations > stored.allocations {
        failures.append("\(name): \(sample.allocations) allocations; stored are \(stored.allocations)")
      }
      let time = pass.time(sample).rounded(significant: 4)
      if exceeds(time, stored) {
        let change = ((time / stored.time - 1) * 100).fixed(1)
        let slack = (Thresholds.slack * 100).fixed(0)
        failures.append("\(name): time \(time), \(change) % over \(stored.time); \(slack) % are allowed")
      }
    }
    for name in benchmarks.keys.sorted() where pass.samples[name] == nil {
      failures.append("\(name): a threshold is stored, but nothing was measured")
    }
    return failures
  }

  /// Whether a longer look might help: a fast run may still come, fewer allocations will not.
  func hasSlow(_ pass: Pass) -> Bool {
    pass.samples.contains { name, sample in
      benchmarks[name].map { exceeds(pass.time(sample).rounded(significant: 4), $0) } ?? false
    }
  }

  private func exceeds(_ time: Double, _ stored: Entry) -> Bool {
    time > stored.time * (1 + Thresholds.slack)
  }

  /// What Linux calls the processor.
  private static func machine() -> String {
    // Where there is no such file or line, the date has to do.
    guard let text = try? String(contentsOf: URL(filePath: "/proc/cpuinfo"), encoding: .utf8) else {
      return "unknown processor"
    }
    let line = text.split(separator: "\n").first { $0.hasPrefix("model name") }
    let name = line?.split(separator: ":").last?.split(separator: " ").joined(separator: " ")
    return name ?? "unknown processor"
  }
}
