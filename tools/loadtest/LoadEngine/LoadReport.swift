internal import Base
internal import Histogram
internal import Reactor

/// What a load test found. Latencies are in milliseconds, from when a request was due or begun to the last
/// byte of its answer; sizes in bytes as they went over the wire.
public struct LoadReport: Codable, Sendable {
  public struct Latency: Codable, Sendable {
    public var p50 = 0.0
    public var p75 = 0.0
    public var p90 = 0.0
    public var p99 = 0.0
    public var p999 = 0.0
    public var max = 0.0
    public var mean = 0.0
  }

  /// A piece of the test, for curves.
  public struct Moment: Codable, Sendable {
    /// Seconds from the beginning.
    public var at: Double
    public var requestsPerSecond: Double
    public var errors: Int
    public var p50: Double
    public var p99: Double
    public var max: Double
  }

  public struct Bar: Codable, Sendable {
    /// Milliseconds: the bar counts what is above the bar before and not above this.
    public var upTo: Double
    public var count: Int
  }

  public struct Point: Codable, Sendable {
    public var percentile: Double
    public var milliseconds: Double
  }

  public struct Backend: Codable, Sendable {
    public var name: String
    public var answers: Int
  }

  public var urls: [String] = []
  public var method = ""
  public var connections = 0
  public var threads = 0
  /// Requests a second asked for; `nil` in a closed loop.
  public var rate: Double?
  /// Whether Ctrl-C ended it.
  public var wasInterrupted = false

  /// Seconds in which requests were begun, the warm-up's not counted.
  public var seconds = 0.0
  /// Answered or failed.
  public var requests = 0
  public var answered = 0
  /// Answers within `seconds` a second.
  public var requestsPerSecond = 0.0
  /// By kind: connect, timeout, reset, closed, truncated, malformed, surplus, status, content, unstarted.
  public var errors: [String: Int] = [:]
  public var errorCount = 0
  /// Errors of requests, 0 to 1.
  public var errorRate = 0.0
  /// Why the last connect failed.
  public var connectError: String?
  public var statuses: [String: Int] = [:]
  public var latency = Latency()
  public var bytesReceived = 0
  public var bytesSent = 0
  public var connects = 0
  public var backends: [Backend] = []
  public var cacheHits = 0
  public var cacheMisses = 0
  /// Answers with 429, of all answers, 0 to 1.
  public var rateLimitedShare = 0.0
  /// How late requests were sent for which a connection was free. `nil` in a closed loop.
  public var lateness: Latency?
  /// Requests that were due and waited for a connection: the wait is part of their latency.
  public var waitedForConnection = 0
  public var histogram: [Bar] = []
  public var percentiles: [Point] = []
  public var timeline: [Moment] = []
}

extension LoadReport.Latency {
  init(_ counts: LatencyCounts) {
    guard counts.totalCount > 0 else { return }
    func milliseconds(_ percentile: Double) -> Double {
      Double(min(counts.valueAtPercentile(percentile), counts.maxRecorded)) / 1000
    }
    p50 = milliseconds(50)
    p75 = milliseconds(75)
    p90 = milliseconds(90)
    p99 = milliseconds(99)
    p999 = milliseconds(99.9)
    max = Double(counts.maxRecorded) / 1000
    mean = counts.mean / 1000
  }
}

/// Adds up what the loops tell.
struct ReportBuilder {
  private(set) var slots: [Slot] = []
  private(set) var answered = 0
  private(set) var failed = 0
  private var totals = Totals()
  private var backends: [[UInt8]: Int] = [:]

  /// How many fall within the time of the test.
  private let slotsMax: Int

  init(_ plan: LoadPlan) {
    slotsMax = plan.duration.map { Int(max(1, ($0.milliseconds + 99) / 100)) } ?? .max
  }

  /// All latencies so far.
  private(set) var latency = LatencyCounts.make()

  mutating func add(_ slot: Slot) {
    // The last one of a loop may have seen nothing, or only what came after the time was over.
    if slot.answered == 0, slot.failed == 0, slot.index >= slots.count { return }
    let index = min(slot.index, slotsMax - 1)
    while slots.count <= index { slots.append(ReportBuilder.emptySlot) }
    slots[index].latency.add(slot.latency)
    slots[index].answered += slot.answered
    slots[index].failed += slot.failed
    latency.add(slot.latency)
    answered += slot.answered
    failed += slot.failed
  }

  /// Its buckets are shared by all slots until something is added to one.
  private static let emptySlot = Slot()

  mutating func add(_ loop: Totals) {
    for index in totals.statuses.indices { totals.statuses[index] += loop.statuses[index] }
    for index in totals.failures.indices { totals.failures[index] += loop.failures[index] }
    for (name, count) in zip(loop.backendNames, loop.backends) { backends[name, default: 0] += count }
    totals.cacheHits += loop.cacheHits
    totals.cacheMisses += loop.cacheMisses
    totals.bytesReceived += loop.bytesReceived
    totals.bytesSent += loop.bytesSent
    totals.connects += loop.connects
    totals.connectError = loop.connectError ?? totals.connectError
    totals.lateness.add(loop.lateness)
    totals.waited += loop.waited
    totals.answeredInTime += loop.answeredInTime
    totals.lastAnswerAt = max(totals.lastAnswerAt, loop.lastAnswerAt)
  }

  /// - Parameters:
  ///   - start: nanoseconds from which on requests counted.
  ///   - end: when it was over.
  func report(_ plan: LoadPlan, from start: UInt64, to end: UInt64, wasInterrupted: Bool) -> LoadReport {
    var report = LoadReport()
    report.urls = plan.targets.map { "\($0.url)" }
    report.method = Set(plan.targets.map(\.method)).sorted().joined(separator: ", ")
    report.connections = plan.connections
    report.threads = plan.threads
    report.rate = plan.rate
    report.wasInterrupted = wasInterrupted
    // A number of requests ends with its last answer, a duration when it is over.
    let isTimed = plan.duration.map { start + $0.milliseconds * 1_000_000 <= end } ?? false
    let stop = isTimed ? start + (plan.duration?.milliseconds ?? 0) * 1_000_000 : end
    let reached = plan.requests == nil || isTimed ? stop : max(start, min(stop, totals.lastAnswerAt))
    report.seconds = reached > start ? Double(reached - start) / 1e9 : 0
    fillCounts(&report)
    report.requestsPerSecond = report.seconds > 0 ? Double(totals.answeredInTime) / report.seconds : 0
    report.latency = LoadReport.Latency(latency)
    if plan.rate != nil { report.lateness = LoadReport.Latency(totals.lateness) }
    report.waitedForConnection = totals.waited
    report.histogram = bars()
    report.percentiles = points()
    report.timeline = timeline(report.seconds)
    return report
  }

  private func fillCounts(_ report: inout LoadReport) {
    for failure in Failure.allCases where totals.failures[failure.rawValue] > 0 {
      report.errors[failure.name] = totals.failures[failure.rawValue]
    }
    for status in totals.statuses.indices where totals.statuses[status] > 0 {
      report.statuses["\(status)"] = totals.statuses[status]
    }
    report.answered = answered
    report.errorCount = failed
    // An answer with a wrong status or content is both.
    let both = totals.failures[Failure.status.rawValue] + totals.failures[Failure.content.rawValue]
    report.requests = answered + failed - both
    report.errorRate = report.requests > 0 ? Double(failed) / Double(report.requests) : 0
    if totals.failures[Failure.connect.rawValue] > 0 {
      report.connectError = totals.connectError?.description
    }
    report.bytesReceived = totals.bytesReceived
    report.bytesSent = totals.bytesSent
    report.connects = totals.connects
    report.backends = backends.map { name, count in
      LoadReport.Backend(name: String(decoding: name, as: UTF8.self), answers: count)
    }.sorted { $0.name < $1.name }
    report.cacheHits = totals.cacheHits
    report.cacheMisses = totals.cacheMisses
    report.rateLimitedShare = answered > 0 ? Double(totals.statuses[429]) / Double(answered) : 0
  }

  /// A dozen bars from the fastest to the slowest answer, each reaching as much further as the one before.
  private func bars() -> [LoadReport.Bar] {
    guard latency.totalCount > 0 else { return [] }
    let (low, high) = (Double(max(latency.min, 1)), Double(max(latency.maxRecorded, 1)))
    let count = high / low < 1.2 ? 1 : 12
    let factor = count == 1 ? 1 : ReportBuilder.root(high / low, count)
    var limits: [Double] = []
    var limit = low
    for _ in 1..<max(count, 2) where count > 1 {
      limit *= factor
      limits.append(limit)
    }
    var bars = (limits + [high]).map { LoadReport.Bar(upTo: $0 / 1000, count: 0) }
    for value in latency.recordedValues() {
      let index = limits.firstIndex { Double(value.value) <= $0 } ?? bars.count - 1
      bars[index].count += Int(value.count)
    }
    return bars
  }

  /// The `degree`th root, by bisection: no mathematics library for one call.
  private static func root(_ value: Double, _ degree: Int) -> Double {
    var (low, high) = (1.0, value)
    for _ in 0..<60 {
      let middle = (low + high) / 2
      var power = 1.0
      for _ in 0..<degree { power *= middle }
      if power < value { low = middle } else { high = middle }
    }
    return low
  }

  /// The percentile curve: closer and closer towards the slowest.
  private func points() -> [LoadReport.Point] {
    guard latency.totalCount > 0 else { return [] }
    return latency.percentiles(ticksPerHalfDistance: 5).map {
      LoadReport.Point(
        percentile: $0.percentile, milliseconds: Double(min($0.value, latency.maxRecorded)) / 1000)
    }
  }

  /// At most some two hundred moments.
  private func timeline(_ seconds: Double) -> [LoadReport.Moment] {
    let width = max(1, (slots.count + 199) / 200)
    return stride(from: 0, to: slots.count, by: width).map { first in
      var counts = LatencyCounts.make()
      var (answered, failed) = (0, 0)
      let last = min(first + width, slots.count)
      for slot in slots[first..<last] {
        counts.add(slot.latency)
        answered += slot.answered
        failed += slot.failed
      }
      let start = Double(first) / 10
      // What ends within the last slot has not had all of its time.
      let length = max(0.001, min(Double(last) / 10, max(seconds, start + 0.001)) - start)
      let latency = LoadReport.Latency(counts)
      return LoadReport.Moment(
        at: start, requestsPerSecond: Double(answered) / length, errors: failed, p50: latency.p50,
        p99: latency.p99, max: latency.max)
    }
  }
}
