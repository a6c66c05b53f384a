internal import Base
internal import CAllocationCount
internal import HTTP1
internal import Observe
internal import RateLimit

/// One operation that is measured.
///
/// A class, so that what an operation keeps between two runs (a table, a buffer that has grown) stays
/// where it is, as it does in a proxy that has been up for a while.
protocol Benchmark: AnyObject {
  /// As in the thresholds file: lower case, words joined by hyphens.
  var name: String { get }

  /// Does the operation once and looks at everything that came of it: a fast wrong parser must not win.
  func check() throws(CheckFailure)

  /// Does `steps` steps and returns a sum over their results. The sum of `n` steps is `n` times that of one:
  /// so nothing can be left out, and every timed run is checked as well.
  func run(_ steps: Int) -> Int

  /// How many operations a step is.
  var operationsPerStep: Int { get }
}

extension Benchmark {
  var operationsPerStep: Int { 1 }
}

/// Begins each step: nothing that was read or computed before it holds any longer, as far as the optimiser
/// knows, so that no step can be spared because it equals the last.
@inline(__always) func newStep() { _ = callocationcount_opaque(0) }

/// A result that is not what it should be.
struct CheckFailure: Error, CustomStringConvertible {
  let description: String

  static func require(_ condition: Bool, _ what: @autoclosure () -> String) throws(CheckFailure) {
    if !condition { throw CheckFailure(description: what()) }
  }

  static func require(_ actual: String, equals expected: String) throws(CheckFailure) {
    try require(actual == expected, "expected \(expected.debugDescription), got \(actual.debugDescription)")
  }
}

/// All there are, in the order of the table.
func allBenchmarks() throws(CheckFailure) -> [any Benchmark] {
  [
    RequestParsing("parse-request-minimal", .minimalRequest),
    RequestParsing("parse-request-browser", .browserRequest),
    RequestParsing("parse-request-40-fields", .largeRequest),
    ResponseParsing("parse-response-minimal", .minimalResponse),
    ResponseParsing("parse-response-typical", .typicalResponse),
    try FieldLookUp("look-up-field-early", .host, in: .browserRequest),
    try FieldLookUp("look-up-field-late", .cookie, in: .browserRequest),
    NameFinding("find-field-name"),
    try RequestRewriting("rewrite-request-browser", .browserRequest),
    try ResponseRewriting("rewrite-response-typical", .typicalResponse),
    ChunkedDecoding("decode-chunked-16-kib"),
    DateWriting("write-date"),
    LogWriting("write-log-line-text", .text),
    LogWriting("write-log-line-json", .json),
    LimiterAsking("rate-limit-one-client", clients: 1, rule: RateLimitRule(count: 100, window: .seconds(1))),
    LimiterAsking(
      "rate-limit-10000-clients", clients: 10_000, rule: RateLimitRule(count: 5, window: .seconds(10))),
  ]
}
