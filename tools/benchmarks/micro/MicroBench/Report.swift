internal import FoundationEssentials

/// What a run says, for people and for programs.
struct Report {
  /// The names in the order of the table.
  let names: [String]
  let pass: Pass
  let thresholds: Thresholds?

  /// A table in Markdown.
  func table() -> String {
    var lines = [
      "| Operation | ns | Time | Stored | Change | Allocations | Stored |",
      "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name in names {
      guard let sample = pass.samples[name] else { continue }
      let time = pass.time(sample)
      let stored = thresholds?.benchmarks[name]
      let change = stored.map { (time / $0.time - 1) * 100 }
      let cells = [
        name, sample.nanoseconds.fixed(1), "\(time.rounded(significant: 4))",
        stored.map { "\($0.time)" } ?? "-",
        change.map { ($0 < 0 ? "" : "+") + $0.fixed(1) + " %" } ?? "-", "\(sample.allocations)",
        stored.map { "\($0.allocations)" } ?? "-",
      ]
      lines.append("| " + cells.joined(separator: " | ") + " |")
    }
    lines.append("")
    lines.append("Time is in steps of the calibration, of \(pass.calibrationNanoseconds.fixed(1)) ns here.")
    return lines.joined(separator: "\n")
  }

  /// The same for programs.
  struct Document: Codable {
    struct Entry: Codable {
      var nanoseconds: Double
      var time: Double
      var allocations: Double
    }

    var comment: String
    var calibrationNanoseconds: Double
    var benchmarks: [String: Entry]
  }

  func document() -> Document {
    Document(
      comment: Thresholds(of: pass).comment,
      calibrationNanoseconds: pass.calibrationNanoseconds.rounded(significant: 4),
      benchmarks: pass.samples.mapValues { sample in
        Document.Entry(
          nanoseconds: sample.nanoseconds.rounded(significant: 4),
          time: pass.time(sample).rounded(significant: 4), allocations: sample.allocations)
      })
  }

  /// Replaces the file by `value`, with its keys in order, so that a difference shows what changed.
  static func write(_ value: some Encodable, to path: String) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    try (encoder.encode(value) + Data("\n".utf8)).write(to: URL(filePath: path))
  }
}

extension Double {
  /// Rounded to so many significant digits, and never more coarsely than to the unit.
  func rounded(significant digits: Int) -> Double {
    guard self != 0, isFinite else { return self }
    var scale = 1.0
    var bound = 1.0
    for _ in 1..<digits { bound *= 10 }
    while magnitude * scale < bound { scale *= 10 }
    return (self * scale).rounded() / scale
  }

  /// With so many digits behind the point.
  func fixed(_ digits: Int) -> String {
    var scale = 1
    for _ in 0..<digits { scale *= 10 }
    let value = Int((magnitude * Double(scale)).rounded())
    let sign = self < 0 && value != 0 ? "-" : ""
    guard digits > 0 else { return "\(sign)\(value)" }
    let fraction = "\(value % scale)"
    let zeros = String(repeating: "0", count: digits - fraction.utf8.count)
    return "\(sign)\(value / scale).\(zeros)\(fraction)"
  }
}
