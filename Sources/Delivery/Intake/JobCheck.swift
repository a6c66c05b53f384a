internal import Base
internal import HTTP1

/// For fuzzers, which see nothing that is not public.
public enum JobCheck {
  /// Reads bytes as a request, a batch, a URL and as what is stored. Traps where something does not hold that holds
  /// for every input.
  /// - Returns: whether any of it was taken.
  public static func run(_ bytes: [UInt8]) -> Bool {
    let decoder = JobDecoder(destinations: DestinationGuard())
    var specs: [JobSpec] = []
    if let request = try? decoder.request(bytes) { specs.append(request.spec) }
    if let requests = try? decoder.batch(bytes) {
      precondition((1...JobDecoder.batchMax).contains(requests.count))
      specs += requests.map(\.spec)
    }
    if let destination = try? Destination(String(decoding: bytes, as: UTF8.self)) {
      specs.append(JobSpec(destination))
    }
    for spec in specs {
      // What was taken is stored as it is, and goes out as one request.
      precondition((try? JobSpec(encoded: spec.encoded())) == spec)
      precondition((try? Destination(spec.destination.text)) == spec.destination)
      let line = [spec.method, spec.destination.target, spec.destination.authority]
      precondition(line.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F } })
      for field in spec.fields {
        precondition(field.name.utf8.allSatisfy(Token.contains))
        precondition(field.value.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 })
      }
    }
    useStored(bytes)
    return !specs.isEmpty
  }

  /// What is done with rows that are damaged and can still be read: nothing overflows.
  private static func useStored(_ bytes: [UInt8]) {
    let half = bytes.count / 2
    var spec = (try? JobSpec(encoded: bytes)) ?? (try? JobSpec(encoded: Array(bytes[..<half])))
    guard let outcome = (try? JobOutcome(encoded: bytes)) ?? (try? JobOutcome(encoded: Array(bytes[half...])))
    else { return }
    if spec == nil { spec = (try? Destination("http://a/")).map { JobSpec($0) } }
    guard let spec, let id = JobID(row: 1 << 59, nonce: 1) else { return }
    var next = outcome
    next.attempts += 1
    next.add(AttemptRecord(startedAt: 1, duration: .seconds(1), status: 0, problem: ""))
    var random = SystemRandomNumberGenerator()
    let failure = AttemptResult.Failure(kind: .connect, wasSent: false, reason: "")
    _ = RetrySchedule.next(spec, next, .failed(failure), now: Moment.now(), using: &random)
    let job = StoredJob(id: id, spec: spec, outcome: next)
    _ = JobPage.result(of: JobRecord(job: job, state: .dead, due: 0, finished: 0))
  }
}
