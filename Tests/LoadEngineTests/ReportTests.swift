import Base
import Testing

@testable import LoadEngine

@Suite("The report of a load test") struct ReportTests {
  private func plan(seconds: UInt64) throws -> LoadPlan {
    var plan = LoadPlan(targets: [LoadTarget(try LoadURL("http://app/<&>"))])
    plan.duration = .seconds(seconds)
    return plan
  }

  private func report(
    _ slots: [(index: Int, milliseconds: [Double])], seconds: UInt64 = 1
  ) throws -> LoadReport {
    let plan = try plan(seconds: seconds)
    var builder = ReportBuilder(plan)
    for (index, latencies) in slots {
      var slot = Slot()
      slot.index = index
      slot.answered = latencies.count
      for latency in latencies { slot.latency.record(nanoseconds: UInt64(latency * 1_000_000)) }
      builder.add(slot)
    }
    return builder.report(plan, from: 5, to: 5 + seconds * 1_000_000_000, wasInterrupted: false)
  }

  @Test func `merges what the threads saw at one time`() throws {
    let report = try report([(0, [1, 2]), (1, [3]), (0, [4])])
    #expect(report.answered == 4)
    #expect(report.timeline.count == 2)
    #expect(report.timeline[0].requestsPerSecond == 30)
    #expect(report.timeline[0].max == 4)
    #expect(report.timeline[1].at == 0.1)
    #expect(report.latency.max == 4)
  }

  @Test func `gives percentiles to three digits`() throws {
    let report = try report([(0, (1...1000).map { Double($0) })])
    #expect(abs(report.latency.p50 - 500) <= 1)
    #expect(abs(report.latency.p99 - 990) <= 1)
    #expect(abs(report.latency.p999 - 999) <= 1)
    #expect(report.histogram.reduce(0) { $0 + $1.count } == 1000)
    #expect(report.percentiles.last?.percentile == 100)
    for (one, next) in zip(report.percentiles, report.percentiles.dropFirst()) {
      #expect(one.milliseconds <= next.milliseconds)
    }
  }

  @Test func `counts what comes after the end to the last moment`() throws {
    let report = try report([(0, [1]), (9, [2]), (10, [500]), (11, [])])
    #expect(report.timeline.count == 10)
    #expect(report.timeline[9].max == 500)
    #expect(report.answered == 3)
  }

  @Test func `survives a test without an answer`() throws {
    let report = try report([])
    #expect(report.latency.max == 0)
    #expect(ReportText.make(report).contains("nothing was answered"))
    #expect(ReportChart.make(report).hasSuffix("</svg>\n"))
  }

  @Test func `bounds the curve over time`() throws {
    let report = try report((0..<3600).map { ($0, [1]) }, seconds: 360)
    #expect(report.timeline.count <= 200)
    #expect(report.timeline.reduce(0) { $0 + Int(($1.requestsPerSecond * 1.8).rounded()) } == 3600)
  }

  @Test func `escapes what it did not write itself`() throws {
    let chart = ReportChart.make(try report([(0, [1, 2, 3])]))
    #expect(chart.contains("http://app/&lt;&amp;&gt;"))
    #expect(!chart.contains("<&>"))
  }

  @Test func `says the same in ASCII`() throws {
    let text = ReportText.make(try report([(0, [1, 2, 30])]), isPlain: true)
    #expect(text.utf8.allSatisfy { $0 < 0x80 })
    #expect(text.contains("p99.9 30.0 ms"))
  }

  @Test(arguments: [
    (0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567"), (-1234, "-1,234"),
  ]) func `groups digits`(value: Int, text: String) { #expect(Figure.count(value) == text) }

  @Test(arguments: [
    (0.04, 1, "0.0"), (0.05, 1, "0.1"), (9.999, 2, "10.00"), (-1.5, 1, "-1.5"), (12, 0, "12"),
  ])
  func `writes decimals`(value: Double, places: Int, text: String) {
    #expect(Figure.decimal(value, places) == text)
  }

  @Test(arguments: [
    (0.004, "0.00 ms"), (1.234, "1.23 ms"), (12.34, "12.3 ms"), (123.4, "123 ms"), (12_345, "12.3 s"),
  ])
  func `writes latencies`(value: Double, text: String) { #expect(Figure.milliseconds(value) == text) }
}
