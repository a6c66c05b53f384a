import Base
import TestSupport
import Testing

@testable import Delivery

@Suite("Jobs as they are stored") struct JobCodecTests {
  private func spec() throws -> JobSpec {
    var spec = JobSpec(try Destination("https://example.com:8443/a?b=c"))
    spec.method = "PUT"
    spec.fields = [JobField("A", "b"), JobField("C", "")]
    spec.body = [0, 255, 10]
    spec.timeToLive = .milliseconds(1500)
    spec.retry = RetryPolicy()
    spec.orderingKey = "key"
    spec.callback = try Destination("http://example.com/done")
    spec.parent = JobID(row: 7, nonce: 9)
    return spec
  }

  private func outcome() -> JobOutcome {
    var outcome = JobOutcome()
    outcome.attempts = 3
    outcome.add(
      AttemptRecord(startedAt: 1_800_000_000_000, duration: .milliseconds(5), status: 0, problem: "no"))
    outcome.add(
      AttemptRecord(startedAt: 1_800_000_000_009, duration: .milliseconds(6), status: 200, problem: ""))
    outcome.response = JobResponse(status: 200)
    outcome.response?.fields = [JobField("X", "y")]
    outcome.response?.body = [1, 2, 3]
    outcome.response?.isTruncated = true
    return outcome
  }

  @Test func `what is written is read`() throws {
    let spec = try spec()
    #expect(try JobSpec(encoded: spec.encoded()) == spec)
    let plain = JobSpec(try Destination("http://a/"))
    #expect(try JobSpec(encoded: plain.encoded()) == plain)
    #expect(try JobOutcome(encoded: outcome().encoded()) == outcome())
    #expect(try JobOutcome(encoded: []) == JobOutcome())
  }

  @Test func `what is damaged is told, and never more`() throws {
    let (spec, outcome) = (try spec().encoded(), outcome().encoded())
    for end in 0..<spec.count {
      #expect(throws: DamagedJob.self) { try JobSpec(encoded: Array(spec[..<end])) }
    }
    for end in 1..<outcome.count {
      #expect(throws: DamagedJob.self) { try JobOutcome(encoded: Array(outcome[..<end])) }
    }
    var random = SystemRandomNumberGenerator()
    for _ in 0..<20_000 {
      var bytes = Bool.random(using: &random) ? spec : outcome
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      _ = try? JobSpec(encoded: bytes)
      _ = try? JobOutcome(encoded: bytes)
    }
  }

  /// Each number in turn the largest there is, and what is done with such a job.
  @Test func `numbers that are damaged overflow nothing`() throws {
    let (spec, outcome) = (try spec(), outcome())
    let largest = [UInt8](repeating: 0xFF, count: 9) + [0x01]
    func damaged(_ bytes: [UInt8]) -> [[UInt8]] {
      bytes.indices.map { Array(bytes[..<$0]) + largest + bytes[($0 + 1)...] }
    }
    let specs = [spec] + damaged(spec.encoded()).compactMap { try? JobSpec(encoded: $0) }
    let outcomes = [outcome] + damaged(outcome.encoded()).compactMap { try? JobOutcome(encoded: $0) }
    #expect(specs.count > 3 && outcomes.count > 5)
    let id = try #require(JobID(row: 1 << 59, nonce: 1))
    var random = SeededGenerator(seed: 5)
    let results: [AttemptResult] = [
      .answered(JobResponse(status: 500), retryAfter: .seconds(1)),
      .failed(AttemptResult.Failure(kind: .connect, wasSent: false, reason: "")),
    ]
    for var spec in specs {
      for var outcome in outcomes {
        outcome.attempts += 1
        outcome.add(AttemptRecord(startedAt: 1, duration: .seconds(1), status: 0, problem: ""))
        for result in results {
          for retry in [spec.retry, nil] {
            spec.retry = retry
            _ = RetrySchedule.next(spec, outcome, result, now: Moment.now(), using: &random)
          }
        }
        let record = JobRecord(
          job: StoredJob(id: id, spec: spec, outcome: outcome), state: .dead, due: Moment.clamped(.max),
          finished: Moment.clamped(.min))
        #expect(!JobPage.result(of: record).isEmpty)
      }
    }
  }

  @Test func `attempts are kept up to a number, the first always`() {
    var outcome = JobOutcome()
    for index in 0..<200 {
      outcome.add(
        AttemptRecord(startedAt: Int64(index), duration: .milliseconds(1), status: 500, problem: ""))
    }
    #expect(outcome.records.count == JobOutcome.recordsMax)
    #expect(outcome.records.first?.startedAt == 0)
    #expect(outcome.records.last?.startedAt == 199)
  }

  /// <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md> has this example.
  @Test func `signatures are those of Standard Webhooks`() throws {
    let signature = try #require(Signature(secrets: ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]))
    let text = signature.text(
      id: "msg_p5jXN8AQM9LWM0D4loKWxJek", seconds: 1_614_265_330, body: Array(#"{"test": 2432232314}"#.utf8))
    #expect(text == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
    let both = try #require(
      Signature(secrets: ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "another secret of ours"]))
    #expect(both.text(id: "a", seconds: 1, body: []).split(separator: " ").count == 2)
    #expect(Signature(secrets: ["whsec_!"]) == nil)
    #expect(Signature(secrets: ["short"]) == nil)
  }
}
