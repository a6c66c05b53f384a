/// Two curves as an SVG image: latency over time, and the percentiles of all latencies.
public enum ReportChart {
  private static let (width, height) = (960.0, 700.0)
  private static let (left, right) = (80.0, 930.0)

  /// The whole file.
  public static func make(_ report: LoadReport) -> String {
    var svg = """
      <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(number(width)) \(number(height))" \
      font-family="system-ui, sans-serif" font-size="12">
      <rect width="100%" height="100%" fill="#fff"/>
      <text x="\(number(left))" y="28" font-size="16" fill="#111">\(escaped(title(report)))</text>
      <text x="\(number(left))" y="46" fill="#555">\(escaped(subtitle(report)))</text>

      """
    svg += timePanel(report, Panel(top: 80, bottom: 340))
    svg += percentilePanel(report, Panel(top: 410, bottom: 650))
    return svg + "</svg>\n"
  }

  private struct Panel {
    let top: Double
    let bottom: Double
  }

  /// A scale that gives each power of ten the same room.
  private struct PowerScale {
    let low: Int
    let high: Int
    let panel: Panel

    /// - Parameter values: what must find room, in milliseconds.
    init(_ values: [Double], _ panel: Panel) {
      let positive = values.filter { $0 > 0 }
      low = ReportChart.exponent(positive.min() ?? 0.1)
      high = max(low + 1, ReportChart.exponent(positive.max() ?? 1) + 1)
      self.panel = panel
    }

    func y(_ value: Double) -> Double {
      let at = ReportChart.logarithm(max(value, ReportChart.power(low)))
      let share = (at - Double(low)) / Double(high - low)
      return panel.bottom - min(1, max(0, share)) * (panel.bottom - panel.top)
    }
  }

  private static func title(_ report: LoadReport) -> String {
    "\(report.urls.first ?? "")\(report.urls.count > 1 ? " and \(report.urls.count - 1) more" : "")"
  }

  private static func subtitle(_ report: LoadReport) -> String {
    let loop = report.rate.map { "\(Figure.count($0)) requests/s asked for" } ?? "closed loop"
    return "\(report.connections) connections, \(loop), \(Figure.decimal(report.seconds, 1)) s: "
      + "\(Figure.count(report.requests)) requests, \(Figure.count(report.requestsPerSecond))/s, "
      + "\(Figure.count(report.errorCount)) errors"
  }

  private static func timePanel(_ report: LoadReport, _ panel: Panel) -> String {
    let moments = report.timeline
    let length = max(report.seconds, (moments.last?.at ?? 0) + 0.1)
    let scale = PowerScale(moments.flatMap { [$0.p50, $0.p99, $0.max] }, panel)
    func x(_ seconds: Double) -> Double { left + seconds / length * (right - left) }
    var svg = heading("Latency over time", panel) + grid(scale)
    let step = niceStep(length)
    var at = 0.0
    while at <= length + 1e-9 {
      svg += label(x(at), panel.bottom + 18, "\(Figure.decimal(at, step < 1 ? 1 : 0)) s")
      at += step
    }
    let series: [(String, String, (LoadReport.Moment) -> Double)] = [
      ("max", "#c0392b", { $0.max }), ("p99", "#d68910", { $0.p99 }), ("p50", "#1f618d", { $0.p50 }),
    ]
    for (index, (name, color, value)) in series.enumerated() {
      // A moment without answers leaves a gap in the line.
      var pieces: [[LoadReport.Moment]] = [[]]
      for moment in moments {
        if moment.max > 0 { pieces[pieces.count - 1].append(moment) } else { pieces.append([]) }
      }
      for piece in pieces where !piece.isEmpty {
        svg += line(piece.map { (x($0.at), scale.y(value($0))) }, color)
      }
      svg += key(right - 170 + Double(index) * 60, panel.top - 12, name, color)
    }
    for moment in moments where moment.errors > 0 {
      svg +=
        "<circle cx=\"\(number(x(moment.at)))\" cy=\"\(number(panel.bottom))\" r=\"3\" fill=\"#c0392b\">"
        + "<title>\(moment.errors) errors</title></circle>\n"
    }
    return svg
  }

  private static func percentilePanel(_ report: LoadReport, _ panel: Panel) -> String {
    let points = report.percentiles.filter { $0.percentile < 100 }
    let scale = PowerScale(points.map(\.milliseconds) + [report.latency.max], panel)
    // As many nines as were measured, four at least.
    let nines = max(4.0, points.map { depth($0.percentile) }.max() ?? 4)
    func x(_ percentile: Double) -> Double { left + min(1, depth(percentile) / nines) * (right - left) }
    var svg = heading("Percentiles", panel) + grid(scale)
    for (percentile, name) in [
      (0.0, "0 %"), (50, "50 %"), (90, "90 %"), (99, "99 %"), (99.9, "99.9 %"), (99.99, "99.99 %"),
      (99.999, "99.999 %"),
    ] where depth(percentile) <= nines {
      svg +=
        "<line x1=\"\(number(x(percentile)))\" x2=\"\(number(x(percentile)))\" y1=\"\(number(panel.top))\" "
        + "y2=\"\(number(panel.bottom))\" stroke=\"#eee\"/>\n"
      svg += label(x(percentile), panel.bottom + 18, name)
    }
    let curve = points.map { (x($0.percentile), scale.y($0.milliseconds)) }
    return svg + line(curve + [(right, scale.y(report.latency.max))], "#1f618d")
  }

  /// How many nines: 90 % is 1, 99 % is 2.
  private static func depth(_ percentile: Double) -> Double { -logarithm(max(1e-9, 1 - percentile / 100)) }

  // MARK: Pieces

  private static func heading(_ text: String, _ panel: Panel) -> String {
    "<text x=\"\(number(left))\" y=\"\(number(panel.top - 12))\" font-size=\"13\" fill=\"#111\">\(text)</text>\n"
  }

  private static func grid(_ scale: PowerScale) -> String {
    (scale.low...scale.high).map { exponent in
      let y = scale.y(power(exponent))
      return "<line x1=\"\(number(left))\" x2=\"\(number(right))\" y1=\"\(number(y))\" y2=\"\(number(y))\" "
        + "stroke=\"#ddd\"/>\n<text x=\"\(number(left - 8))\" y=\"\(number(y + 4))\" text-anchor=\"end\" "
        + "fill=\"#555\">\(axisText(exponent))</text>\n"
    }.joined()
  }

  private static func axisText(_ exponent: Int) -> String {
    exponent >= 3
      ? "\(Int(power(exponent - 3))) s"
      : exponent >= 0 ? "\(Int(power(exponent))) ms" : "\(Int(power(exponent + 3))) µs"
  }

  private static func line(_ points: [(Double, Double)], _ color: String) -> String {
    guard !points.isEmpty else { return "" }
    let text = points.map { "\(number($0.0)),\(number($0.1))" }.joined(separator: " ")
    return "<polyline points=\"\(text)\" fill=\"none\" stroke=\"\(color)\" stroke-width=\"1.5\" "
      + "stroke-linejoin=\"round\" stroke-linecap=\"round\"/>\n"
  }

  private static func label(_ x: Double, _ y: Double, _ text: String) -> String {
    "<text x=\"\(number(x))\" y=\"\(number(y))\" text-anchor=\"middle\" fill=\"#555\">\(text)</text>\n"
  }

  private static func key(_ x: Double, _ y: Double, _ text: String, _ color: String) -> String {
    "<line x1=\"\(number(x))\" x2=\"\(number(x + 18))\" y1=\"\(number(y - 4))\" y2=\"\(number(y - 4))\" "
      + "stroke=\"\(color)\" stroke-width=\"2\"/>\n<text x=\"\(number(x + 22))\" y=\"\(number(y))\" "
      + "fill=\"#333\">\(text)</text>\n"
  }

  private static func number(_ value: Double) -> String { Figure.decimal(value, 1) }

  static func escaped(_ text: String) -> String {
    var result = ""
    for character in text {
      switch character {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      default: result.append(character)
      }
    }
    return result
  }

  // MARK: Numbers

  private static func niceStep(_ length: Double) -> Double {
    var step = 0.1
    for factor in [2.0, 2.5, 2].cycled(8) where length / step > 12 { step *= factor }
    return step
  }

  fileprivate static func power(_ exponent: Int) -> Double {
    var result = 1.0
    for _ in 0..<abs(exponent) { result *= 10 }
    return exponent < 0 ? 1 / result : result
  }

  /// The exponent of the power of ten at or below `value`.
  fileprivate static func exponent(_ value: Double) -> Int {
    var exponent = 0
    var rest = value
    while rest >= 10, exponent < 12 {
      rest /= 10
      exponent += 1
    }
    while rest < 1, exponent > -6 {
      rest *= 10
      exponent -= 1
    }
    return exponent
  }

  /// To the base of ten, to six digits: by squaring the mantissa, digit by binary digit.
  fileprivate static func logarithm(_ value: Double) -> Double {
    let whole = exponent(value)
    var mantissa = value / power(whole)
    var (result, bit) = (Double(whole), 0.5)
    for _ in 0..<24 {
      mantissa *= mantissa
      if mantissa >= 10 {
        mantissa /= 10
        result += bit
      }
      bit /= 2
    }
    return result
  }
}

extension [Double] {
  fileprivate func cycled(_ times: Int) -> [Double] { (0..<times).flatMap { _ in self } }
}
