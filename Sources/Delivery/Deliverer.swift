internal import Base
internal import Observe
internal import Reactor

/// The heart of it, on one loop: takes jobs in, has them written down, does them in their turn, and has written down
/// what came of it.
final class Deliverer: TimeoutHandler {
  let loop: EventLoop
  let settings: DeliverySettings
  private let store: any JobStore
  private let outbound: Outbound
  private let log: DeliveryLog
  private let warn: (String) -> Void
  private var queue: JobQueue
  private var ids = JobIDSource(after: 0)
  private var random = SystemRandomNumberGenerator()
  private var tickets: [Int: (StoreAnswer) -> Void] = [:]
  private var nextTicket = 0
  /// Jobs that were just accepted and need not be read again, as far as there is room.
  private var fresh: [Int64: StoredJob] = [:]
  private var freshBytes = 0
  private static let freshBytesMax = 32 << 20
  private var attempts: [Int64: Attempt] = [:]
  /// What is to be done with a row once its settlement is durable.
  private var settling: [Int64: Int64?] = [:]
  private var arriving = 0
  /// Rows whose cancellation is being written down; they do not begin meanwhile.
  private var withheld: Set<Int64> = []
  private var parked: Set<Int64> = []
  private let timer = WheelTimer()
  private var purgeTimer: RepeatingTimer?
  private var isPurging = false
  private(set) var counts = DeliverySnapshot()
  private var isStoreTroubled = false
  private var onDrained: (() -> Void)?
  private var isStopped = false

  init(
    _ settings: DeliverySettings, store: any JobStore, outbound: Outbound, log: DeliveryLog,
    on loop: EventLoop,
    warn: @escaping (String) -> Void
  ) {
    self.settings = settings
    self.store = store
    self.outbound = outbound
    self.log = log
    self.loop = loop
    self.warn = warn
    queue = JobQueue(placesMax: settings.concurrency, placesPerOrigin: settings.concurrencyPerOrigin)
    timer.setHandler(self)
    purgeTimer = RepeatingTimer(every: .seconds(5), on: loop) { [unowned self] in
      log.flush()
      purge()
      lookAround()
    }
  }

  func snapshot() -> DeliverySnapshot {
    var counts = counts
    counts.pending = queue.count
    counts.inFlight = queue.inFlight
    counts.oldestAge = Double(queue.oldestAge(now: Moment.now())) / 1000
    return counts
  }

  func isInFlight(_ id: JobID) -> Bool { queue.isInFlight(id.row) }

  func flush() { log.flush() }

  // MARK: Stopping

  /// Begins no attempt any more; `completion` is called when those under way are written down.
  func drain(_ completion: @escaping () -> Void) {
    onDrained = completion
    checkDrained()
  }

  private func checkDrained() {
    guard let onDrained, queue.inFlight - parked.count == 0, arriving == 0 else { return }
    self.onDrained = nil
    onDrained()
  }

  /// Ends at once. What was under way is done again at the next start.
  func stop() {
    guard !isStopped else { return }
    isStopped = true
    for attempt in attempts.values { attempt.close() }
    attempts = [:]
    loop.cancel(timer)
    purgeTimer?.close()
    purgeTimer = nil
    outbound.close()
    log.flush()
  }

  // MARK: Asking the store

  private func ticket(_ completion: @escaping (StoreAnswer) -> Void) -> Int {
    nextTicket += 1
    tickets[nextTicket] = completion
    return nextTicket
  }

  /// Has jobs written down. `completion` hears `accepted`, `repeated` or `refused`.
  func accept(
    _ requests: [JobRequest], _ claim: IdempotencyClaim?, _ completion: @escaping (StoreAnswer) -> Void
  ) {
    let hasRoom = queue.count + arriving + requests.count <= settings.pendingMax
    // What was accepted before is acknowledged again, however full it is.
    guard hasRoom || claim != nil else { return completion(.refused(ticket: 0, .full)) }
    var claim = claim
    claim?.mayBeNew = hasRoom
    arriving += requests.count
    let now = Moment.now()
    let jobs = requests.map { NewJob(id: ids.next(at: now), spec: $0.spec, due: max(now, $0.notBefore ?? 0)) }
    let ticket = ticket { [unowned self] answer in
      arriving -= requests.count
      completion(answer)
    }
    store.submit(.accept(ticket: ticket, jobs, claim))
  }

  func countRefusal() { counts.refused += 1 }

  func look(for id: JobID, _ completion: @escaping (StoreAnswer) -> Void) {
    store.ask(.job(ticket: ticket(completion), id))
  }

  func list(_ state: JobState?, below: Int64, count: Int, _ completion: @escaping (StoreAnswer) -> Void) {
    store.ask(.page(ticket: ticket(completion), state, below: below, count: count))
  }

  /// `false` where it has begun.
  func cancel(_ id: JobID, _ completion: @escaping (StoreAnswer) -> Void) -> Bool {
    guard !queue.isInFlight(id.row), withheld.insert(id.row).inserted else { return false }
    let ticket = ticket { [unowned self] answer in
      withheld.remove(id.row)
      var isGone = false
      if case .cancelled(_, _?, true) = answer { isGone = true }
      if isGone { fresh[id.row].map(forget) }
      if parked.remove(id.row) != nil {
        if isGone { queue.finish(id.row, now: Moment.now()) } else { load([id.row]) }
      } else if isGone {
        queue.remove(id.row, now: Moment.now())
      }
      completion(answer)
      pump()
    }
    store.submit(.cancel(ticket: ticket, id))
    return true
  }

  func replay(_ id: JobID, _ completion: @escaping (StoreAnswer) -> Void) {
    let due = Moment.now()
    let ticket = ticket { [unowned self] answer in
      if case .replayed(_, let record?, true) = answer {
        let spec = record.job.spec
        queue.add(row: id.row, due: due, origin: spec.destination.origin, lane: spec.lane, now: due)
        pump()
      }
      completion(answer)
    }
    store.submit(.replay(ticket: ticket, id, due: due))
  }

  // MARK: Hearing from the store

  func received(_ answers: [StoreAnswer]) {
    guard !isStopped else { return }
    for answer in answers { received(answer) }
    pump()
    checkDrained()
  }

  private func received(_ answer: StoreAnswer) {
    switch answer {
    case .opened(let recovery):
      ids = JobIDSource(after: recovery.lastRow)
      // What was asked of a store that was not open yet went nowhere.
      isPurging = false
      counts.storeBytes = recovery.bytes
      queue.recover(recovery, now: Moment.now())
    case .failed: break
    case .troubled(let reason):
      isPurging = false
      warn(reason)
    case .accepted(let ticket, let jobs):
      counts.accepted += UInt64(jobs.count)
      take(jobs)
      tickets.removeValue(forKey: ticket)?(answer)
    case .repeated(let ticket, _), .refused(let ticket, _), .cancelled(let ticket, _, _),
      .replayed(let ticket, _, _), .job(let ticket, _), .page(let ticket, _, _):
      tickets.removeValue(forKey: ticket)?(answer)
    case .settled(let id, let isDurable): settled(id, isDurable)
    case .specs(let rows, let jobs, let damaged):
      var missing = Set(rows)
      for job in jobs {
        missing.remove(job.id.row)
        begin(job)
      }
      for row in damaged {
        missing.remove(row)
        warn("the job in row \(row) cannot be read: it is a dead letter")
        counts.dead += 1
        store.submit(.bury(row))
      }
      for row in missing { queue.finish(row, now: Moment.now()) }
    case .buried(let row): queue.finish(row, now: Moment.now())
    case .unread(let rows, let reason):
      warn("jobs cannot be read: \(reason)")
      let now = Moment.now()
      for row in rows { queue.postpone(row, due: now + 1000, now: now) }
    case .wrote(let operations, let microseconds, let bytes):
      counts.commits += 1
      counts.commitOperations += UInt64(operations)
      counts.commitMicrosecondsSum += microseconds
      DeliverySnapshot.count(microseconds, DeliverySnapshot.commitBounds, in: &counts.commitMicroseconds)
      counts.storeBytes = bytes
    case .purged(let count):
      isPurging = false
      // There is more of it.
      if count >= JobLedger.purgeMax { purge() }
    }
  }

  private func take(_ jobs: [NewJob]) {
    let now = Moment.now()
    for job in jobs {
      let size = Deliverer.size(job.spec)
      // What is for later is read when its time has come.
      if freshBytes + size <= Deliverer.freshBytesMax, job.due <= now + 5000 {
        freshBytes += size
        fresh[job.id.row] = StoredJob(id: job.id, spec: job.spec, outcome: JobOutcome())
      }
      queue.add(
        row: job.id.row, due: job.due, origin: job.spec.destination.origin, lane: job.spec.lane, now: now)
    }
  }

  private static func size(_ spec: JobSpec) -> Int { 512 + (spec.body?.count ?? 0) + spec.fields.count * 96 }

  private func forget(_ job: StoredJob) {
    if fresh.removeValue(forKey: job.id.row) != nil { freshBytes -= Deliverer.size(job.spec) }
  }

  private func purge() {
    guard !isPurging else { return }
    isPurging = true
    store.submit(.purge(before: Moment.now() - Int64(clamping: settings.retention.milliseconds)))
  }

  // MARK: Doing

  private func pump() {
    guard !isStopped, onDrained == nil else { return }
    let now = Moment.now()
    var missing: [Int64] = []
    while let row = queue.next(now: now) {
      if withheld.contains(row) {
        parked.insert(row)
      } else if let job = fresh[row] {
        begin(job)
      } else {
        missing.append(row)
      }
    }
    load(missing)
    if let due = queue.nextDue {
      loop.arm(timer, deadline: loop.now.advanced(by: Interval(milliseconds: UInt64(max(1, due - now)))))
    }
  }

  func timeoutPassed(_ timer: WheelTimer) { pump() }

  private static let slowAfter = Interval.seconds(10)

  /// Now and then: who holds his place for long; and what is due because the clock was put forward, of which no timer
  /// tells.
  private func lookAround() {
    for (row, attempt) in attempts where attempt.elapsed >= Deliverer.slowAfter { queue.notedSlow(row) }
    pump()
  }

  private func load(_ rows: [Int64]) { if !rows.isEmpty { store.ask(.specs(rows)) } }

  private func begin(_ job: StoredJob) {
    // A later attempt is one of what is written down.
    forget(job)
    let attempt = Attempt(job, on: outbound) { [unowned self] attempt, result in ended(attempt, result) }
    attempts[job.id.row] = attempt
    attempt.start()
  }

  private func ended(_ attempt: Attempt, _ result: AttemptResult) {
    var job = attempt.job
    let row = job.id.row
    attempts[row] = nil
    let now = Moment.now()
    note(&job, attempt, result)
    let step = RetrySchedule.next(job.spec, job.outcome, result, now: now, using: &random)
    var settlement = Settlement(id: job.id, state: .pending, due: now, outcome: job.outcome)
    switch step {
    case .retry(let wait):
      counts.retried += 1
      settlement.due = now + Int64(clamping: wait.milliseconds)
      settling[row] = settlement.due
      log.record(job, "retried", attempt: job.outcome.attempts, result, took: attempt.elapsed)
    case .finish(let state):
      if state == .delivered { counts.delivered += 1 } else { counts.dead += 1 }
      settlement.state = state
      settlement.followUp = followUp(of: job, state, at: now)
      settling[row] = .some(nil)
      log.record(job, state.name, attempt: job.outcome.attempts, result, took: attempt.elapsed)
    }
    followUps[row] = settlement.followUp
    store.submit(.settle(settlement))
  }

  /// Those that are written down together with a settlement.
  private var followUps: [Int64: NewJob] = [:]

  private func note(_ job: inout StoredJob, _ attempt: Attempt, _ result: AttemptResult) {
    var record = AttemptRecord(
      startedAt: attempt.startedAt, duration: attempt.elapsed, status: 0, problem: "")
    switch result {
    case .answered(let response, _):
      record.status = response.status
      job.outcome.response = response
      queue.noted(job.id.row, isAnswered: true)
      if response.status >= 400 { counts.failed += 1 }
      let waited = UInt64(max(0, Moment.now() - max(job.id.milliseconds, attempt.startedAt)))
      counts.deliveryMillisecondsSum += waited
      DeliverySnapshot.count(waited, DeliverySnapshot.deliveryBounds, in: &counts.deliveryMilliseconds)
    case .failed(let failure):
      record.problem = failure.reason
      counts.failed += 1
      // Also one that took the request and held on to it: it would hold all places until the time is over.
      queue.noted(job.id.row, isAnswered: failure.kind == .malformed)
    }
    job.outcome.attempts += 1
    job.outcome.add(record)
  }

  /// Who is told of the result: a job like any other, tried again like one that should not be lost.
  private func followUp(of job: StoredJob, _ state: JobState, at now: Int64) -> NewJob? {
    let destination = state == .dead ? job.spec.failureCallback ?? job.spec.callback : job.spec.callback
    guard let destination else { return nil }
    let record = JobRecord(job: job, state: state, due: now, finished: now)
    var spec = JobSpec(destination)
    spec.method = "POST"
    spec.fields = [JobField("Content-Type", "application/json")]
    spec.body = JobPage.result(of: record)
    spec.timeToLive = .seconds(30)
    var policy = RetryPolicy()
    policy.attemptsMax = 10
    spec.retry = policy
    spec.parent = job.id
    return NewJob(id: ids.next(at: now), spec: spec, due: now)
  }

  private func settled(_ id: JobID, _ isDurable: Bool) {
    guard isDurable else {
      // The store goes on trying; the place stays taken, so that a broken disk is not met with ever more attempts.
      if !isStoreTroubled { warn("results cannot be written down; trying again") }
      isStoreTroubled = true
      return
    }
    isStoreTroubled = false
    guard let due = settling.removeValue(forKey: id.row) else { return }
    let now = Moment.now()
    if let due { queue.postpone(id.row, due: due, now: now) } else { queue.finish(id.row, now: now) }
    if let followUp = followUps.removeValue(forKey: id.row) { take([followUp]) }
  }
}
