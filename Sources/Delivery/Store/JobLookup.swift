internal import Base
internal import SQLite

/// What is read from the tables. For one thread.
final class JobLookup {
  private let database: Database
  private let byRow: Statement
  private let ofState: Statement
  private let ofAll: Statement

  private static let columns = "id, nonce, state, due, finished, outcome, spec"

  /// A connection of its own.
  convenience init(path: String) throws(DatabaseError) {
    let database = try Database(path: path, isReader: true)
    try database.run("PRAGMA cache_size = -4096; PRAGMA synchronous = FULL")
    try self.init(database)
  }

  init(_ database: Database) throws(DatabaseError) {
    self.database = database
    byRow = try database.prepare("SELECT \(JobLookup.columns) FROM jobs WHERE id = ?1")
    ofState = try database.prepare(
      "SELECT \(JobLookup.columns) FROM jobs WHERE state = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3")
    ofAll = try database.prepare(
      "SELECT \(JobLookup.columns) FROM jobs WHERE id < ?1 ORDER BY id DESC LIMIT ?2")
  }

  func answer(_ question: StoreQuestion) -> StoreAnswer {
    do throws(DatabaseError) {
      switch question {
      case .specs(let rows):
        var (jobs, damaged): ([StoredJob], [Int64]) = ([], [])
        for row in rows {
          switch try found(row) {
          case .record(let record): if record.state == .pending { jobs.append(record.job) }
          case .damaged: damaged.append(row)
          case .nothing: break
          }
        }
        return .specs(rows, jobs, damaged: damaged)
      case .job(let ticket, let id):
        switch try found(id.row) {
        case .record(let record) where record.job.id == id: return .job(ticket: ticket, record)
        case .damaged: return .refused(ticket: ticket, .damaged)
        case .record, .nothing: return .job(ticket: ticket, nil)
        }
      case .page(let ticket, let state, let below, let count):
        let page = try page(state, below: below, count: count)
        return .page(ticket: ticket, page.records, next: page.next)
      }
    } catch {
      switch question {
      case .specs(let rows): return .unread(rows, error.description)
      case .job(let ticket, _), .page(let ticket, _, _, _):
        return .refused(ticket: ticket, .broken(error.description))
      }
    }
  }

  func record(_ id: JobID) throws(DatabaseError) -> JobRecord? {
    guard case .record(let record) = try found(id.row), record.job.id == id else { return nil }
    return record
  }

  private enum Found {
    case nothing, damaged
    case record(JobRecord)
  }

  private func found(_ row: Int64) throws(DatabaseError) -> Found {
    byRow.bind(1, row)
    defer { byRow.reset() }
    guard try byRow.step() else { return .nothing }
    return JobLookup.read(byRow).map { .record($0) } ?? .damaged
  }

  private func page(
    _ state: JobState?, below: Int64, count: Int
  ) throws(DatabaseError) -> (records: [JobRecord], next: JobID?) {
    let statement = state == nil ? ofAll : ofState
    if let state {
      statement.bind(1, state.rawValue)
      statement.bind(2, below)
      statement.bind(3, Int64(count))
    } else {
      statement.bind(1, below)
      statement.bind(2, Int64(count))
    }
    defer { statement.reset() }
    var records: [JobRecord] = []
    var (rows, last): (Int, Int64) = (0, 0)
    while try statement.step() {
      (rows, last) = (rows + 1, statement.integer(0))
      // One that cannot be read is left out; the list goes on behind it.
      guard var record = JobLookup.read(statement) else { continue }
      // A thousand of them may be a gigabyte: bodies are shown one by one.
      record.job.outcome.response?.body = []
      records.append(record)
    }
    let isLast = rows < count
    let next = records.last.flatMap { $0.job.id.row == last ? $0.job.id : nil } ?? JobID(row: last, nonce: 0)
    return (records, isLast ? nil : next)
  }

  private static func read(_ row: Statement) -> JobRecord? {
    guard let id = JobID(row: row.integer(0), nonce: row.integer(1)),
      let state = JobState(rawValue: row.integer(2)),
      let spec = try? JobSpec(encoded: row.bytes(6)), let outcome = try? JobOutcome(encoded: row.bytes(5))
    else { return nil }
    return JobRecord(
      job: StoredJob(id: id, spec: spec, outcome: outcome), state: state, due: Moment.clamped(row.integer(3)),
      finished: row.isNull(4) ? nil : Moment.clamped(row.integer(4)))
  }

  func checkpoint() { _ = database.checkpoint() }
}
