import Base
import TestSupport
import Testing

@testable import Delivery

@Suite("After an attempt") struct RetryScheduleTests {
  private func next(
    _ result: AttemptResult, attempts: Int = 1, sinceFirst: Int64 = 0, seed: UInt64 = 1,
    _ change: (inout JobSpec) -> Void = { _ in }
  ) throws -> NextStep {
    var spec = JobSpec(try Destination("http://example.com/"))
    change(&spec)
    var outcome = JobOutcome()
    outcome.attempts = attempts
    outcome.add(AttemptRecord(startedAt: 1_000_000, duration: .milliseconds(1), status: 0, problem: ""))
    var random = SeededGenerator(seed: seed)
    return RetrySchedule.next(spec, outcome, result, now: 1_000_000 + sinceFirst, using: &random)
  }

  private func answered(_ status: Int, _ retryAfter: Interval? = nil) -> AttemptResult {
    .answered(JobResponse(status: status), retryAfter: retryAfter)
  }

  private func failed(_ kind: AttemptResult.Failure.Kind, wasSent: Bool) -> AttemptResult {
    .failed(AttemptResult.Failure(kind: kind, wasSent: wasSent, reason: "x"))
  }

  private let retrying: (inout JobSpec) -> Void = { $0.retry = RetryPolicy() }

  @Test(arguments: [200, 204, 301, 304, 399]) func `an answer is an answer, redirects too`(_ status: Int)
    throws
  {
    #expect(try next(answered(status)) == .finish(.delivered))
    #expect(try next(answered(status), retrying) == .finish(.delivered))
  }

  @Test func `one attempt where nothing was said, as the original has it`() throws {
    #expect(try next(answered(500)) == .finish(.dead))
    #expect(try next(answered(429, .seconds(1))) == .finish(.dead))
    #expect(try next(failed(.timeout, wasSent: true)) == .finish(.dead))
    #expect(try next(failed(.connect, wasSent: true)) == .finish(.dead))
  }

  @Test func `but what was never sent is tried while it lives`() throws {
    guard case .retry(let wait) = try next(failed(.connect, wasSent: false)) else { throw DamagedJob() }
    #expect(wait <= .milliseconds(1001))
    for seed in 0..<100 as Range<UInt64> {
      // The last attempt still falls within its time.
      guard
        case .retry(let wait) = try next(
          failed(.connect, wasSent: false), attempts: 20, sinceFirst: 164_000, seed: seed)
      else { throw DamagedJob() }
      #expect(wait < .seconds(1))
    }
    #expect(try next(failed(.connect, wasSent: false), sinceFirst: 165_000) == .finish(.dead))
    #expect(try next(failed(.refused, wasSent: false)) == .finish(.dead))
  }

  @Test func `conditions are the caller's`() throws {
    func isRetried(_ result: AttemptResult, _ conditions: RetryPolicy.Conditions) throws -> Bool {
      let step = try next(result) {
        $0.retry = RetryPolicy()
        $0.retry?.conditions = conditions
      }
      if case .retry = step { return true }
      return false
    }
    #expect(try isRetried(answered(503), .serverError))
    #expect(try !isRetried(answered(503), .tooManyRequests))
    #expect(try isRetried(answered(429), .tooManyRequests))
    #expect(try !isRetried(answered(429), .serverError))
    #expect(try isRetried(failed(.connect, wasSent: false), .connect))
    #expect(try !isRetried(failed(.connect, wasSent: false), .timeout))
    #expect(try isRetried(failed(.timeout, wasSent: true), .timeout))
    #expect(try !isRetried(answered(404), .all))
    #expect(try !isRetried(answered(410), .all))
    #expect(try !isRetried(failed(.refused, wasSent: false), .all))
  }

  @Test func `as often as was said`() throws {
    #expect(try next(answered(500), attempts: 5, retrying) == .finish(.dead))
    guard case .retry = try next(answered(500), attempts: 4, retrying) else { throw DamagedJob() }
  }

  @Test func `waits grow to their bound, and are spread over all of it`() throws {
    for (attempt, ceiling) in [(1, 1000), (2, 2000), (3, 4000), (4, 8000), (60, 10_000)] as [(Int, UInt64)] {
      var (least, most): (UInt64, UInt64) = (.max, 0)
      for seed in 0..<400 as Range<UInt64> {
        let step = try next(answered(500), attempts: attempt, seed: seed) {
          $0.retry = RetryPolicy()
          $0.retry?.attemptsMax = 100
          $0.retry?.longest = .seconds(10)
        }
        guard case .retry(let wait) = step else { throw DamagedJob() }
        (least, most) = (min(least, wait.milliseconds), max(most, wait.milliseconds))
      }
      #expect(most <= ceiling + 1)
      #expect(most > ceiling * 9 / 10)
      #expect(least < ceiling / 10)
    }
  }

  @Test func `Retry-After is waited for`() throws {
    guard case .retry(let wait) = try next(answered(503, .seconds(90)), retrying) else { throw DamagedJob() }
    #expect(wait == .seconds(90))
    guard case .retry(let longest) = try next(answered(429, .seconds(10_000_000)), retrying) else {
      throw DamagedJob()
    }
    #expect(longest == .seconds(86_400))
  }

  @Test(
    arguments: [
      ("120", 120), ("0", 0), ("99999999999999999999", 1_000_000_000), ("x", nil), ("", nil), ("-1", nil),
      ("Fri, 27 Nov 2020 09:33:01 GMT", 0),
    ] as [(String, UInt64?)])
  func `Retry-After is read`(_ text: String, _ seconds: UInt64?) {
    #expect(Outbound.retryAfter(text) == seconds.map { .seconds($0) })
  }
}
