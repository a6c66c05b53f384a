internal import Base
internal import SQLite

/// The tables, and what is written into them. For one thread.
final class JobLedger {
  private let database: Database
  private let bytesMax: Int64
  private let insert: Statement
  private let settle: Statement
  private let finish: Statement
  private let bury: Statement
  private let replay: Statement
  private let claim: Statement
  private let claimed: Statement
  private let purgeJobs: Statement
  private let purgeClaims: Statement
  private let pageCount: Statement
  private let freeCount: Statement
  private let lookup: JobLookup
  private var pageBytes: Int64 = 4096
  /// What the file holds, without what is free in it; and the log.
  private(set) var bytes: Int64 = 0

  static let purgeMax = 500
  /// The log is copied when it is as long.
  private let logBytesMax: Int64

  init(path: String, bytesMax: Int64) throws(DatabaseError) {
    self.bytesMax = bytesMax
    logBytesMax = min(16 << 20, max(256 << 10, bytesMax / 8))
    database = try Database(path: path)
    // The log is fsynced at each commit: what is acknowledged has reached the disk.
    try database.run(
      """
      PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
      PRAGMA cache_size = -8192; PRAGMA temp_store = MEMORY; PRAGMA journal_size_limit = 33554432;
      """)
    try JobLedger.makeTables(database)
    insert = try database.prepare(
      "INSERT INTO jobs (id, nonce, state, due, origin, lane, spec) VALUES (?1, ?2, 0, ?3, ?4, ?5, ?6)")
    // A job that was finished or cancelled meanwhile is left alone.
    settle = try database.prepare(
      "UPDATE jobs SET due = ?2, outcome = ?3 WHERE id = ?1 AND state = 0")
    finish = try database.prepare(
      "UPDATE jobs SET state = ?2, finished = ?3, outcome = coalesce(?4, outcome) WHERE id = ?1 AND state = 0"
    )
    bury = try database.prepare("UPDATE jobs SET state = 2, finished = ?2 WHERE id = ?1 AND state = 0")
    replay = try database.prepare(
      "UPDATE jobs SET state = 0, due = ?2, finished = NULL, outcome = ?3 WHERE id = ?1 AND state <> 0")
    claim = try database.prepare("INSERT INTO claims (key, digest, jobs, made) VALUES (?1, ?2, ?3, ?4)")
    claimed = try database.prepare("SELECT digest, jobs FROM claims WHERE key = ?1")
    purgeJobs = try database.prepare(
      "DELETE FROM jobs WHERE id IN (SELECT id FROM jobs WHERE finished < ?1 LIMIT \(JobLedger.purgeMax))")
    purgeClaims = try database.prepare(
      "DELETE FROM claims WHERE key IN (SELECT key FROM claims WHERE made < ?1 LIMIT \(JobLedger.purgeMax))")
    pageCount = try database.prepare("PRAGMA page_count")
    freeCount = try database.prepare("PRAGMA freelist_count")
    lookup = try JobLookup(database)
    pageBytes = try database.integer("PRAGMA page_size")
    measure()
  }

  private static let version: Int64 = 1

  private static func makeTables(_ database: Database) throws(DatabaseError) {
    let found = try database.integer("PRAGMA user_version")
    guard found <= version else {
      throw DatabaseError(message: "jobs.db was written by a later version of Sluice")
    }
    guard found == 0 else { return }
    // One index tells what is pending without the jobs themselves, and lists a state in order.
    try database.run(
      """
      BEGIN;
      CREATE TABLE jobs (
        id INTEGER PRIMARY KEY, nonce INTEGER NOT NULL, state INTEGER NOT NULL, due INTEGER NOT NULL,
        origin BLOB NOT NULL, lane INTEGER NOT NULL, finished INTEGER, outcome BLOB, spec BLOB NOT NULL
      ) STRICT;
      CREATE INDEX jobs_by_state ON jobs (state, id, due, lane, origin);
      CREATE INDEX jobs_finished ON jobs (finished) WHERE finished IS NOT NULL;
      CREATE TABLE claims (
        key TEXT PRIMARY KEY, digest BLOB NOT NULL, jobs BLOB NOT NULL, made INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX claims_made ON claims (made);
      PRAGMA user_version = \(version);
      COMMIT;
      """)
  }

  // MARK: Starting

  func recover() throws(DatabaseError) -> Recovery {
    var recovery = Recovery()
    recovery.bytes = bytes
    // A damaged row may have any number: names go on from those that can be ours, and some clock's error.
    let rowMax = JobID.row(at: Moment.now() + 10 * 366 * 86_400_000)
    recovery.lastRow = try database.integer("SELECT coalesce(max(id), 0) FROM jobs WHERE id < \(rowMax)")
    let count = try database.integer("SELECT count(*) FROM jobs WHERE state = 0")
    recovery.entries.reserveCapacity(Int(count))
    let pending = try database.prepare("SELECT id, due, lane, origin FROM jobs WHERE state = 0 ORDER BY id")
    defer { pending.reset() }
    var known: [[UInt8]: Int32] = [:]
    var (last, lastIndex): ([UInt8], Int32) = ([], -1)
    while try pending.step() {
      // Mostly the same as the row before.
      if lastIndex < 0 || !pending.holds(3, last) {
        last = pending.bytes(3)
        if let index = known[last] {
          lastIndex = index
        } else {
          lastIndex = Int32(recovery.origins.count)
          known[last] = lastIndex
          recovery.origins.append(String(decoding: last, as: UTF8.self))
        }
      }
      recovery.entries.append(
        QueueEntry(
          row: pending.integer(0), due: Moment.clamped(pending.integer(1)), origin: lastIndex,
          lane: pending.integer(2)))
    }
    return recovery
  }

  // MARK: Writing

  /// Does all in one transaction. Where that fails each is tried alone, so that one that cannot be done is in
  /// nobody's way; settlements that still fail go to `failed`.
  func perform(_ operations: [StoreOperation], failed: inout [StoreOperation]) -> [StoreAnswer] {
    do throws(DatabaseError) {
      return try transaction(operations)
    } catch {
      if operations.count == 1 { return [refusal(of: operations[0], error, &failed)] }
    }
    var answers: [StoreAnswer] = []
    // The settlements first, together: they free what new jobs need.
    let settlements = operations.filter { if case .settle = $0 { true } else { false } }
    let others = operations.filter { if case .settle = $0 { false } else { true } }
    do throws(DatabaseError) {
      answers += try transaction(settlements)
    } catch {
      for operation in settlements { answers.append(refusal(of: operation, error, &failed)) }
    }
    var lastError: DatabaseError?
    for operation in others {
      // The disk that is full for one is full for the next: not a thousand failures in a row.
      if let lastError, !lastError.concernsOne {
        answers.append(refusal(of: operation, lastError, &failed))
        continue
      }
      do throws(DatabaseError) {
        answers += try transaction([operation])
      } catch {
        lastError = error
        answers.append(refusal(of: operation, error, &failed))
      }
    }
    return answers
  }

  private func refusal(
    of operation: StoreOperation, _ error: DatabaseError, _ failed: inout [StoreOperation]
  ) -> StoreAnswer {
    let refusal = error.isFull ? StoreRefusal.full : .broken(error.description)
    switch operation {
    case .accept(let ticket, _, _), .cancel(let ticket, _), .replay(let ticket, _, _):
      return .refused(ticket: ticket, refusal)
    case .settle(let settlement):
      failed.append(operation)
      return .settled(settlement.id, isDurable: false)
    case .bury(let row):
      failed.append(operation)
      return .troubled("the damaged job in row \(row) cannot be put away: \(error)")
    case .purge: return .troubled("old jobs cannot be removed: \(error)")
    }
  }

  private func transaction(_ operations: [StoreOperation]) throws(DatabaseError) -> [StoreAnswer] {
    if operations.isEmpty { return [] }
    var answers: [StoreAnswer] = []
    answers.reserveCapacity(operations.count + 1)
    try database.run("BEGIN IMMEDIATE")
    do throws(DatabaseError) {
      for operation in operations { answers.append(try perform(operation)) }
      try database.run("COMMIT")
    } catch {
      // Some failures have ended the transaction themselves.
      try? database.run("ROLLBACK")
      throw error
    }
    measure()
    return answers
  }

  private func perform(_ operation: StoreOperation) throws(DatabaseError) -> StoreAnswer {
    switch operation {
    case .accept(let ticket, let jobs, let claim): return try accept(ticket, jobs, claim)
    case .settle(let settlement):
      if settlement.state == .pending {
        settle.bind(1, settlement.id.row)
        settle.bind(2, settlement.due)
        settle.bind(3, settlement.outcome.encoded())
        try settle.run()
      } else {
        try finish(settlement.id, as: settlement.state, settlement.outcome.encoded())
      }
      if let followUp = settlement.followUp, database.changes > 0 { try add(followUp) }
      return .settled(settlement.id, isDurable: true)
    case .cancel(let ticket, let id):
      guard let record = try lookup.record(id) else {
        return .cancelled(ticket: ticket, nil, isChanged: false)
      }
      try finish(id, as: .cancelled, nil)
      let isChanged = database.changes > 0
      return .cancelled(ticket: ticket, try lookup.record(id) ?? record, isChanged: isChanged)
    case .replay(let ticket, let id, let due):
      guard var record = try lookup.record(id) else {
        return .replayed(ticket: ticket, nil, isChanged: false)
      }
      record.job.outcome.attempts = 0
      replay.bind(1, id.row)
      replay.bind(2, due)
      replay.bind(3, record.job.outcome.encoded())
      try replay.run()
      let isChanged = database.changes > 0
      return .replayed(ticket: ticket, try lookup.record(id), isChanged: isChanged)
    case .bury(let row):
      bury.bind(1, row)
      bury.bind(2, Moment.now())
      try bury.run()
      return .buried(row)
    case .purge(let before):
      purgeJobs.bind(1, before)
      try purgeJobs.run()
      let count = database.changes
      purgeClaims.bind(1, before)
      try purgeClaims.run()
      // Whichever has more left.
      return .purged(max(count, database.changes))
    }
  }

  private func accept(
    _ ticket: Int, _ jobs: [NewJob], _ claim: IdempotencyClaim?
  ) throws(DatabaseError) -> StoreAnswer {
    if let claim {
      claimed.bind(1, text: claim.key)
      defer { claimed.reset() }
      if try claimed.step() {
        guard claimed.bytes(0) == claim.digest else { return .refused(ticket: ticket, .claimedOtherwise) }
        return .repeated(ticket: ticket, JobLedger.ids(claimed.bytes(1)))
      }
    }
    guard bytes < bytesMax, claim?.mayBeNew ?? true else { return .refused(ticket: ticket, .full) }
    for job in jobs { try add(job) }
    if let claim {
      self.claim.bind(1, text: claim.key)
      self.claim.bind(2, claim.digest)
      self.claim.bind(3, Array(jobs.map(\.id.description).joined(separator: " ").utf8))
      self.claim.bind(4, Moment.now())
      try self.claim.run()
    }
    return .accepted(ticket: ticket, jobs)
  }

  private static func ids(_ bytes: [UInt8]) -> [JobID] {
    String(decoding: bytes, as: UTF8.self).split(separator: " ").compactMap { JobID($0) }
  }

  private func add(_ job: NewJob) throws(DatabaseError) {
    insert.bind(1, job.id.row)
    insert.bind(2, job.id.nonce)
    insert.bind(3, job.due)
    insert.bind(4, Array(job.spec.destination.origin.utf8))
    insert.bind(5, job.spec.lane)
    insert.bind(6, job.spec.encoded())
    try insert.run()
  }

  private func finish(_ id: JobID, as state: JobState, _ outcome: [UInt8]?) throws(DatabaseError) {
    finish.bind(1, id.row)
    finish.bind(2, state.rawValue)
    finish.bind(3, Moment.now())
    if let outcome { finish.bind(4, outcome) } else { finish.bindNull(4) }
    try finish.run()
  }

  // MARK: Size

  private func measure() {
    guard let pages = try? JobLedger.first(pageCount), let free = try? JobLedger.first(freeCount) else {
      return
    }
    bytes = (pages - free) * pageBytes + logBytes
  }

  private static func first(_ statement: Statement) throws(DatabaseError) -> Int64 {
    defer { statement.reset() }
    return try statement.step() ? statement.integer(0) : 0
  }

  private var logBytes: Int64 { Int64(database.logPages) * pageBytes }

  /// Whether it is time to copy the log.
  var logIsLong: Bool { logBytes > logBytesMax }

  func checkpoint() {
    _ = database.checkpoint()
    measure()
  }
}

extension DatabaseError {
  /// Whether the next operation may do better.
  fileprivate var concernsOne: Bool { isConstraint || isTooBig }
}
