internal import Base
internal import Histogram
internal import Reactor

/// Latencies in microseconds, to three digits, up to an hour.
typealias LatencyCounts = Histogram<UInt64>

extension LatencyCounts {
  static let highest: UInt64 = 3_600_000_000

  static func make() -> LatencyCounts { LatencyCounts(highestTrackableValue: highest) }

  @inline(__always) mutating func record(nanoseconds: UInt64) {
    _ = record(Swift.min(nanoseconds / 1000, LatencyCounts.highest))
  }
}

/// What one loop saw in a tenth of a second.
struct Slot: Sendable {
  static let nanoseconds: UInt64 = 100_000_000

  var index = 0
  var latency = LatencyCounts.make()
  var answered = 0
  var failed = 0
}

/// What one loop saw in all.
struct Totals: Sendable {
  var statuses = [Int](repeating: 0, count: 1000)
  var failures = [Int](repeating: 0, count: Failure.allCases.count)
  /// Answers by backend; the names are the context's.
  var backends: [Int] = []
  var backendNames: [[UInt8]] = []
  var cacheHits = 0
  var cacheMisses = 0
  var bytesReceived = 0
  var bytesSent = 0
  var connects = 0
  var connectError: UVError?
  /// How late requests were sent for which a connection was free.
  var lateness = LatencyCounts.make()
  /// Requests that waited for a connection to be free.
  var waited = 0
  /// Answers that came within the time of the test; those that came after it do not count as its rate.
  var answeredInTime = 0
  var lastAnswerAt: UInt64 = 0
}
