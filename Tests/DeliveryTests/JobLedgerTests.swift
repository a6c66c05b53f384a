import Base
import Foundation
import SQLite
import Testing

@testable import Delivery

@Suite("The ledger of jobs") final class JobLedgerTests {
  private let directory = FileManager.default.temporaryDirectory.appending(path: "ledger-\(UUID())").path
  private var ids = JobIDSource(after: 0)

  init() throws {
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
  }
  deinit { try? FileManager.default.removeItem(atPath: directory) }

  private func open(bytesMax: Int64 = 1 << 30) throws -> JobLedger {
    try JobLedger(path: directory + "/jobs.db", bytesMax: bytesMax)
  }

  private func job(_ url: String = "http://example.com/", body: Int = 0, lane: String? = nil) throws -> NewJob
  {
    var spec = JobSpec(try Destination(url))
    spec.body = Array(repeating: 0x61, count: body)
    spec.orderingKey = lane
    return NewJob(id: ids.next(at: Moment.now()), spec: spec, due: 5)
  }

  private func perform(_ ledger: JobLedger, _ operations: StoreOperation...) -> [StoreAnswer] {
    var failed: [StoreOperation] = []
    defer { #expect(failed.isEmpty) }
    return ledger.perform(operations, failed: &failed)
  }

  private func state(_ id: JobID) throws -> JobState? {
    try JobLookup(path: directory + "/jobs.db").record(id)?.state
  }

  @Test func `what was accepted is there after another opening, with all that it was`() throws {
    let jobs = [try job("http://a.test/1", body: 100), try job("https://b.test/2", lane: "x")]
    do {
      let ledger = try open()
      guard case .accepted(7, let accepted)? = perform(ledger, .accept(ticket: 7, jobs, nil)).first else {
        throw DamagedJob()
      }
      #expect(accepted.map(\.id) == jobs.map(\.id))
    }
    let recovery = try open().recover()
    #expect(recovery.lastRow == jobs[1].id.row)
    #expect(recovery.entries.map(\.row) == jobs.map(\.id.row))
    #expect(recovery.entries.map(\.lane) == [0, jobs[1].spec.lane])
    #expect(recovery.origins == ["http://a.test:80", "https://b.test:443"])
    let record = try #require(try JobLookup(path: directory + "/jobs.db").record(jobs[0].id))
    #expect(record.job.spec == jobs[0].spec)
    #expect(record.due == 5)
    // A guessed name with the right row is nobody.
    let guess = try #require(JobID(row: jobs[0].id.row, nonce: jobs[0].id.nonce ^ 1))
    #expect(try state(guess) == nil)
  }

  @Test func `settling, with who is told of it`() throws {
    let ledger = try open()
    let (first, second) = (try job(), try job())
    _ = perform(ledger, .accept(ticket: 1, [first], nil))
    var outcome = JobOutcome()
    outcome.attempts = 1
    _ = perform(
      ledger, .settle(Settlement(id: first.id, state: .pending, due: 99, outcome: outcome)))
    var entries = try ledger.recover().entries
    #expect(entries.map(\.due) == [99])
    let told = perform(
      ledger,
      .settle(Settlement(id: first.id, state: .delivered, due: 0, outcome: outcome, followUp: second)))
    guard case .settled(first.id, true)? = told.first else { throw DamagedJob() }
    #expect(try state(first.id) == .delivered)
    entries = try ledger.recover().entries
    #expect(entries.map(\.row) == [second.id.row])
    // What is finished stays so.
    _ = perform(ledger, .settle(Settlement(id: first.id, state: .dead, due: 0, outcome: outcome)))
    #expect(try state(first.id) == .delivered)
  }

  @Test func `cancelling and replaying`() throws {
    let ledger = try open()
    let job = try job()
    _ = perform(ledger, .accept(ticket: 1, [job], nil))
    guard case .cancelled(2, _?, true)? = perform(ledger, .cancel(ticket: 2, job.id)).first else {
      throw DamagedJob()
    }
    #expect(try state(job.id) == .cancelled)
    guard case .cancelled(3, _?, false)? = perform(ledger, .cancel(ticket: 3, job.id)).first else {
      throw DamagedJob()
    }
    guard case .replayed(4, _?, true)? = perform(ledger, .replay(ticket: 4, job.id, due: 77)).first else {
      throw DamagedJob()
    }
    #expect(try ledger.recover().entries.map(\.due) == [77])
    guard case .replayed(5, _?, false)? = perform(ledger, .replay(ticket: 5, job.id, due: 78)).first else {
      throw DamagedJob()
    }
    let other = ids.next(at: 0)
    guard case .replayed(6, nil, false)? = perform(ledger, .replay(ticket: 6, other, due: 1)).first,
      case .cancelled(7, nil, false)? = perform(ledger, .cancel(ticket: 7, other)).first
    else { throw DamagedJob() }
  }

  @Test func `a claim is for one request`() throws {
    let ledger = try open()
    let (first, second) = (try job(), try job())
    let claim = IdempotencyClaim(key: "k", digest: [1, 2])
    let answers = perform(
      ledger, .accept(ticket: 1, [first], claim), .accept(ticket: 2, [second], claim),
      .accept(ticket: 3, [second], IdempotencyClaim(key: "k", digest: [9])))
    guard case .accepted(1, _) = answers[0], case .repeated(2, let ids) = answers[1],
      case .refused(3, .claimedOtherwise) = answers[2]
    else { throw DamagedJob() }
    #expect(ids == [first.id])
    #expect(try ledger.recover().entries.count == 1)
  }

  @Test func `what was accepted before is acknowledged again, however full it is`() throws {
    let ledger = try open()
    let job = try job()
    var claim = IdempotencyClaim(key: "k", digest: [1])
    _ = perform(ledger, .accept(ticket: 1, [job], claim))
    claim.mayBeNew = false
    guard case .repeated(2, [job.id])? = perform(ledger, .accept(ticket: 2, [try self.job()], claim)).first
    else { throw DamagedJob() }
    claim.key = "other"
    guard case .refused(3, .full)? = perform(ledger, .accept(ticket: 3, [try self.job()], claim)).first
    else { throw DamagedJob() }
  }

  @Test func `what is finished is forgotten in its time, in steps`() throws {
    let ledger = try open()
    let jobs = try (0..<700).map { _ in try job() }
    _ = perform(ledger, .accept(ticket: 1, jobs, IdempotencyClaim(key: "k", digest: [])))
    for job in jobs.dropFirst() {
      _ = perform(ledger, .settle(Settlement(id: job.id, state: .dead, due: 0, outcome: JobOutcome())))
    }
    guard case .purged(0)? = perform(ledger, .purge(before: 5)).first,
      case .purged(500)? = perform(ledger, .purge(before: Moment.now() + 1000)).first,
      case .purged(199)? = perform(ledger, .purge(before: Moment.now() + 1000)).first,
      case .accepted? = perform(
        ledger, .accept(ticket: 2, [try job()], IdempotencyClaim(key: "k", digest: [5]))
      ).first
    else { throw DamagedJob() }
    #expect(try ledger.recover().entries.count == 2)
  }

  @Test func `claims are forgotten in steps as well, with no job left`() throws {
    let ledger = try open()
    for index in 0..<700 {
      _ = perform(ledger, .accept(ticket: 1, [], IdempotencyClaim(key: "\(index)", digest: [])))
    }
    guard case .purged(500)? = perform(ledger, .purge(before: Moment.now() + 1000)).first,
      case .purged(200)? = perform(ledger, .purge(before: Moment.now() + 1000)).first
    else { throw DamagedJob() }
  }

  @Test func `the log counts until it is copied`() throws {
    let ledger = try open(bytesMax: 4 << 20)
    var accepted = 0
    while !ledger.logIsLong {
      _ = perform(ledger, .accept(ticket: 1, [try job(body: 5000)], nil))
      accepted += 1
      try #require(accepted < 1000)
    }
    let before = ledger.bytes
    // An eighth of what there may be.
    #expect(before > Int64(accepted) * 5000 + 512 << 10)
    ledger.checkpoint()
    #expect(!ledger.logIsLong)
    #expect(before - ledger.bytes > 512 << 10)
    let log = try FileManager.default.attributesOfItem(atPath: directory + "/jobs.db-wal")[.size] as? Int ?? 0
    #expect((512 << 10..<2 << 20).contains(log))
  }

  @Test func `rows that are damaged are told from those that are gone, and in nobody's way`() throws {
    let ledger = try open()
    let jobs = try (0..<5).map { _ in try job() }
    _ = perform(ledger, .accept(ticket: 1, jobs, nil))
    let database = try Database(path: directory + "/jobs.db")
    try database.run("UPDATE jobs SET spec = x'ff00' WHERE id = \(jobs[1].id.row)")
    try database.run("UPDATE jobs SET nonce = -1 WHERE id = \(jobs[2].id.row)")
    try database.run("UPDATE jobs SET due = \(Int64.min) WHERE id = \(jobs[3].id.row)")
    try database.run("UPDATE jobs SET id = \(Int64.max), due = \(Int64.max) WHERE id = \(jobs[4].id.row)")
    // Its names go on from those that can be.
    let recovery = try ledger.recover()
    #expect(recovery.lastRow == jobs[3].id.row)
    #expect(recovery.entries.map(\.row) == jobs[..<4].map(\.id.row) + [.max])
    var queue = JobQueue(placesMax: 10, placesPerOrigin: 10)
    queue.recover(recovery, now: Moment.now())
    #expect(queue.oldestAge(now: Moment.now()) > 0)

    let lookup = try JobLookup(path: directory + "/jobs.db")
    let rows = recovery.entries.map(\.row) + [1]
    guard case .specs(rows, let found, let damaged) = lookup.answer(.specs(rows)) else { throw DamagedJob() }
    #expect(found.map(\.id) == [jobs[0].id, jobs[3].id])
    #expect(damaged == [jobs[1].id.row, jobs[2].id.row, .max])
    guard case .refused(7, .damaged) = lookup.answer(.job(ticket: 7, jobs[1].id)),
      case .job(8, nil) = lookup.answer(.job(ticket: 8, ids.next(at: 0)))
    else { throw DamagedJob() }
    // A list goes on behind them.
    var (listed, below): ([JobID], Int64?) = ([], .max)
    while let next = below {
      let question = StoreQuestion.page(ticket: 1, nil, below: next, count: 1)
      guard case .page(1, let records, let following) = lookup.answer(question) else { throw DamagedJob() }
      listed += records.map(\.job.id)
      below = following?.row
    }
    #expect(listed == [jobs[3].id, jobs[0].id])
    for row in damaged { _ = perform(ledger, .bury(row)) }
    #expect(try ledger.recover().entries.count == 2)
    #expect(try database.integer("SELECT count(*) FROM jobs WHERE state = 2 AND finished > 0") == 3)
  }

  @Test func `a store that is full says so, and still lets jobs be finished`() throws {
    let ledger = try open(bytesMax: 1 << 20)
    var accepted: [NewJob] = []
    while true {
      let job = try job(body: 5000)
      let answer = perform(ledger, .accept(ticket: 1, [job], nil)).first
      if case .refused(1, .full)? = answer { break }
      accepted.append(job)
      // As the store does.
      if ledger.logIsLong { ledger.checkpoint() }
      try #require(accepted.count < 1000)
    }
    #expect(accepted.count > 50)
    for job in accepted {
      guard
        case .settled(_, true)? = perform(
          ledger, .settle(Settlement(id: job.id, state: .delivered, due: 0, outcome: JobOutcome()))
        ).first
      else { throw DamagedJob() }
    }
    _ = perform(ledger, .purge(before: Moment.now() + 1000))
    ledger.checkpoint()
    guard case .accepted? = perform(ledger, .accept(ticket: 1, [try job()], nil)).first else {
      throw DamagedJob()
    }
  }

  @Test func `one operation that cannot be done is in nobody's way`() throws {
    let ledger = try open()
    let (job, other) = (try job(), try job())
    _ = perform(ledger, .accept(ticket: 1, [job], nil))
    let answers = perform(ledger, .accept(ticket: 2, [job], nil), .accept(ticket: 3, [other], nil))
    let told = answers.map { if case .refused(let ticket, .broken) = $0 { ticket } else { 0 } }
    #expect(told.contains(2))
    #expect(try ledger.recover().entries.count == 2)
  }

  @Test func `what is no store of ours is told`() throws {
    try Data("not a database, for sure".utf8).write(to: URL(fileURLWithPath: directory + "/jobs.db"))
    #expect(throws: DatabaseError.self) { try open() }
    try FileManager.default.removeItem(atPath: directory + "/jobs.db")
    _ = try open()
    let database = try Database(path: directory + "/jobs.db")
    try database.run("PRAGMA user_version = 99")
    let error = #expect(throws: DatabaseError.self) { try open() }
    #expect(error?.description.contains("later version") == true)
  }
}
