/// The summary for people.
public enum ReportText {
  /// - Parameter isPlain: ASCII only.
  public static func make(_ report: LoadReport, isPlain: Bool = false) -> String {
    var lines: [String] = []
    let dot = isPlain ? "," : " ·"
    let loop = report.rate.map { "\(Figure.count($0)) requests/s asked for" } ?? "closed loop"
    lines.append(report.urls.prefix(3).joined(separator: "  ") + (report.urls.count > 3 ? "  …" : ""))
    lines.append(
      "\(report.method)\(dot) \(report.connections) connections\(dot) \(report.threads) "
        + (report.threads == 1 ? "thread" : "threads")
        + "\(dot) \(Figure.decimal(report.seconds, 1)) s\(dot) \(loop)"
        + (report.wasInterrupted ? "\(dot) interrupted" : ""))
    lines.append("")
    let errors = report.errorCount == 0 ? "no errors" : "\(Figure.count(report.errorCount)) errors"
    row(
      "requests", "\(Figure.count(report.requests))   \(Figure.count(report.requestsPerSecond))/s   \(errors)"
    )
    func row(_ name: String, _ text: String) { lines.append("  " + Figure.pad(name, 11) + text) }
    if report.errorCount > 0 {
      let kinds = Failure.allCases.compactMap { failure -> String? in
        guard let count = report.errors[failure.name] else { return nil }
        let reason = failure == .connect ? report.connectError.map { " (\($0))" } ?? "" : ""
        return "\(failure.name)\(reason) \(Figure.count(count))"
      }
      row("errors", kinds.joined(separator: "  ") + "   \(Figure.share(report.errorRate)) of requests")
    }
    if !report.statuses.isEmpty {
      let statuses = report.statuses.sorted { $0.key < $1.key }
      row("statuses", statuses.map { "\($0.key): \(Figure.count($0.value))" }.joined(separator: "  "))
    }
    let rate = report.seconds > 0 ? Double(report.bytesReceived) / report.seconds : 0
    row("received", "\(Figure.bytes(Double(report.bytesReceived)))   \(Figure.bytes(rate))/s")
    row(
      "sent",
      "\(Figure.bytes(Double(report.bytesSent)))   \(Figure.count(report.connects)) connections opened")
    if report.rateLimitedShare > 0 {
      row("limited", "\(Figure.share(report.rateLimitedShare)) of answers are 429")
    }
    if report.cacheHits + report.cacheMisses > 0 {
      let all = Double(report.cacheHits + report.cacheMisses)
      row(
        "cache",
        "\(Figure.count(report.cacheHits)) hits  \(Figure.count(report.cacheMisses)) misses   "
          + "\(Figure.share(Double(report.cacheHits) / all)) hit")
    }
    lines.append("")
    latency(report, row)
    lines += histogram(report, isPlain: isPlain)
    lines += backends(report)
    return lines.joined(separator: "\n") + "\n"
  }

  private static func latency(_ report: LoadReport, _ row: (String, String) -> Void) {
    guard report.requests > 0 else { return row("latency", "nothing was answered") }
    let latency = report.latency
    let figures = [
      ("p50", latency.p50), ("p75", latency.p75), ("p90", latency.p90), ("p99", latency.p99),
      ("p99.9", latency.p999), ("max", latency.max),
    ]
    row("latency", figures.map { "\($0.0) \(Figure.milliseconds($0.1))" }.joined(separator: "   "))
    guard let lateness = report.lateness else { return }
    row(
      "schedule",
      "sent late by p50 \(Figure.milliseconds(lateness.p50))   p99 \(Figure.milliseconds(lateness.p99))   "
        + "max \(Figure.milliseconds(lateness.max))")
    if report.waitedForConnection > 0 {
      row(
        "",
        "\(Figure.count(report.waitedForConnection)) requests waited for a free connection (counted as latency)"
      )
    }
  }

  private static func histogram(_ report: LoadReport, isPlain: Bool) -> [String] {
    guard report.histogram.count > 1, let most = report.histogram.map(\.count).max(), most > 0 else {
      return []
    }
    let width = 48
    return [""]
      + report.histogram.map { bar in
        let length = (bar.count * width + most - 1) / most
        let drawn = String(repeating: isPlain ? "#" : "▪", count: length)
        return "  " + Figure.padLeft("≤ \(Figure.milliseconds(bar.upTo))", 12).replacing("≤", isPlain) + "  "
          + drawn + (bar.count > 0 ? " \(Figure.count(bar.count))" : "")
      }
  }

  private static func backends(_ report: LoadReport) -> [String] {
    guard !report.backends.isEmpty else { return [] }
    let all = Double(report.backends.reduce(0) { $0 + $1.answers })
    let width = min(40, report.backends.map(\.name.count).max() ?? 0)
    let shown = report.backends.sorted { ($1.answers, $0.name) < ($0.answers, $1.name) }
    var lines = ["", "  answered by"]
    for backend in shown.prefix(20) {
      lines.append(
        "    \(Figure.pad(backend.name, width))  \(Figure.padLeft(Figure.count(backend.answers), 11))"
          + "  \(Figure.padLeft(Figure.share(Double(backend.answers) / all), 7))")
    }
    if shown.count > 20 { lines.append("    and \(shown.count - 20) others") }
    return lines
  }

  /// The line that is written over while the test goes on.
  public static func progress(_ progress: LoadProgress) -> String {
    if progress.seconds < 0 { return "warming up, \(Figure.decimal(-progress.seconds, 1)) s to go" }
    return
      "\(Figure.decimal(progress.seconds, 1)) s   \(Figure.count(progress.requestsPerSecond)) requests/s   "
      + "\(Figure.count(progress.failed)) errors   p50 \(Figure.milliseconds(progress.latency.p50))   "
      + "p99 \(Figure.milliseconds(progress.latency.p99))"
  }
}

extension String {
  /// The sign for "at most" where only ASCII can be shown.
  fileprivate func replacing(_ sign: Character, _ isPlain: Bool) -> String {
    isPlain ? String(map { $0 == sign ? " " : $0 }) : self
  }
}

/// Numbers as people read them.
enum Figure {
  static func count(_ value: Int) -> String {
    var digits = String(abs(value))
    var groups: [Substring] = []
    while digits.count > 3 {
      groups.insert(digits.suffix(3), at: 0)
      digits = String(digits.dropLast(3))
    }
    return (value < 0 ? "-" : "") + ([Substring(digits)] + groups).joined(separator: ",")
  }

  static func count(_ value: Double) -> String {
    value >= 100 || value == value.rounded() ? count(Int(value.rounded())) : decimal(value, 1)
  }

  /// With that many digits behind the point.
  static func decimal(_ value: Double, _ places: Int) -> String {
    guard value.isFinite, abs(value) < 1e15 else { return "\(value)" }
    var scale = 1.0
    for _ in 0..<places { scale *= 10 }
    let scaled = Int((abs(value) * scale).rounded())
    let sign = value < 0 && scaled > 0 ? "-" : ""
    guard places > 0 else { return "\(sign)\(scaled)" }
    let digits = String(scaled)
    let padded = String(repeating: "0", count: max(0, places + 1 - digits.count)) + digits
    return "\(sign)\(padded.dropLast(places)).\(padded.suffix(places))"
  }

  static func milliseconds(_ value: Double) -> String {
    if value >= 10_000 { return decimal(value / 1000, 1) + " s" }
    if value >= 100 { return decimal(value, 0) + " ms" }
    return decimal(value, value >= 10 ? 1 : 2) + " ms"
  }

  static func bytes(_ value: Double) -> String {
    var value = value
    for unit in ["B", "kB", "MB", "GB"] {
      if value < 1000 { return decimal(value, unit == "B" ? 0 : 1) + " " + unit }
      value /= 1000
    }
    return decimal(value, 1) + " TB"
  }

  static func share(_ value: Double) -> String {
    let percent = value * 100
    return decimal(percent, percent > 0 && percent < 0.1 ? 4 : percent < 10 ? 2 : 1) + " %"
  }

  static func pad(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }

  static func padLeft(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count)) + text
  }
}
