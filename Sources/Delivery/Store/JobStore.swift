internal import Base

/// A job as it is written down.
struct NewJob: Sendable {
  var id: JobID
  var spec: JobSpec
  /// When it may begin, in milliseconds since 1970.
  var due: Int64
}

/// What a caller says its request is the same as. draft-ietf-httpapi-idempotency-key-header.
struct IdempotencyClaim: Sendable {
  var key: String
  /// SHA-256 of what was posted.
  var digest: [UInt8]
  /// `false` where there is no room for what was not accepted before.
  var mayBeNew = true
}

/// What an attempt changed about a job.
struct Settlement: Sendable {
  var id: JobID
  /// `pending` for another attempt, at `due`.
  var state: JobState
  var due: Int64
  var outcome: JobOutcome
  /// Written down with it, both or neither: who is told of the result.
  var followUp: NewJob?
}

/// What is to be changed. All of a batch is durable before any of it is answered.
enum StoreOperation: Sendable {
  /// All or none.
  case accept(ticket: Int, [NewJob], IdempotencyClaim?)
  /// Tried until it is done: what is not written down would be done again after a crash.
  case settle(Settlement)
  case cancel(ticket: Int, JobID)
  /// From the beginning, at that time.
  case replay(ticket: Int, JobID, due: Int64)
  /// Makes a dead letter of a pending row that nobody can read.
  case bury(Int64)
  /// Forgets some of what was finished before that time, and of the claims made before it.
  case purge(before: Int64)
}

/// What is to be looked up, by another connection than the one that writes.
enum StoreQuestion: Sendable {
  case specs([Int64])
  case job(ticket: Int, JobID)
  /// Jobs in a state (`nil` for all), the latest first, below a row.
  case page(ticket: Int, JobState?, below: Int64, count: Int)
}

/// A job as the queue needs it.
struct QueueEntry: Sendable, Equatable {
  var row: Int64
  var due: Int64
  /// Index into a list of origins.
  var origin: Int32
  /// 0 for none.
  var lane: Int64
}

/// All that was not finished when the store was closed, or the process killed.
struct Recovery: Sendable {
  var origins: [String] = []
  /// By their rows.
  var entries: [QueueEntry] = []
  /// The highest row there is.
  var lastRow: Int64 = 0
  var bytes: Int64 = 0
}

/// A job to be done.
struct StoredJob: Sendable {
  var id: JobID
  var spec: JobSpec
  var outcome: JobOutcome
}

/// A job to be shown.
struct JobRecord: Sendable {
  var job: StoredJob
  var state: JobState
  var due: Int64
  var finished: Int64?
}

enum StoreAnswer: Sendable {
  case opened(Recovery)
  /// It cannot be used at all.
  case failed(String)
  /// The jobs are durable.
  case accepted(ticket: Int, [NewJob])
  /// The same was accepted before, as these.
  case repeated(ticket: Int, [JobID])
  case refused(ticket: Int, StoreRefusal)
  case settled(JobID, isDurable: Bool)
  /// The job, or `nil` where there is none; and whether that changed it.
  case cancelled(ticket: Int, JobRecord?, isChanged: Bool)
  case replayed(ticket: Int, JobRecord?, isChanged: Bool)
  /// Found, by the rows asked for; those that are gone are missing.
  case specs([Int64], [StoredJob], damaged: [Int64])
  /// These could not be read now.
  case unread([Int64], String)
  case job(ticket: Int, JobRecord?)
  /// `next` is where the following page begins, if there may be one.
  case page(ticket: Int, [JobRecord], next: JobID?)
  /// A batch is durable: so many operations, so long after the first of them came.
  case wrote(operations: Int, microseconds: UInt64, bytes: Int64)
  /// Something an operator should know.
  case troubled(String)
  case buried(Int64)
  /// So many jobs or claims, whichever were more.
  case purged(Int)
}

enum StoreRefusal: Error, Sendable, Equatable {
  /// The claim was made for another request.
  case claimedOtherwise
  /// There is no room, by the disk or by the settings.
  case full
  /// It is in the store, but nobody can read it any more.
  case damaged
  case broken(String)
}

/// Where jobs are kept. One process uses one at a time.
///
/// Nothing here blocks the caller: answers come through the function given when it is opened, in the order of the
/// operations, from other threads.
protocol JobStore: Sendable {
  func submit(_ operation: StoreOperation)
  func ask(_ question: StoreQuestion)
  /// What was submitted before is done first; returns when everything has ended.
  func close()
}
