internal import Base
internal import Reactor
internal import Synchronization

/// Jobs in one SQLite file: it is the queue and the truth about it.
///
/// Two threads: one writes, all that has come meanwhile in one transaction with one fsync; one reads, and copies what
/// the write-ahead log holds into the file, so that the writer does not stop for that.
final class SQLiteJobStore: JobStore {
  typealias Answers = @Sendable ([StoreAnswer]) -> Void

  private let writes = Mailbox<WriterCommand>()
  private let reads = Mailbox<ReaderCommand>()
  // Taken when it is closed, once.
  private let threads: Mutex<[ThreadBox]>

  private enum WriterCommand: Sendable {
    case operation(StoreOperation)
    /// The log was copied but for what came since.
    case copied
    case close
  }
  private enum ReaderCommand: Sendable {
    case question(StoreQuestion)
    case checkpoint
    case close
  }

  /// A thread that is joined where it is dropped.
  private final class ThreadBox: @unchecked Sendable {
    // Unchecked: handed from the opener to the closer through a lock.
    let thread: LoopThread
    init(_ thread: LoopThread) { self.thread = thread }
  }

  /// - Parameter bytesMax: nothing is accepted while the file is larger.
  init(directory: String, bytesMax: Int64, answers: @escaping Answers) throws(UVError) {
    threads = Mutex([])
    let (writes, reads) = (writes, reads)
    let path = directory + "/jobs.db"
    let (gate, readerGate) = (StartGate(), StartGate())
    let writer = try LoopThread {
      SQLiteJobStore.runWriter(
        path, directory, bytesMax, writes, reads, gates: (gate, readerGate), answers)
    }
    let reader = try LoopThread {
      SQLiteJobStore.runReader(path, reads, writes, gates: (gate, readerGate), answers)
    }
    threads.withLock { $0 = [ThreadBox(writer), ThreadBox(reader)] }
  }

  func submit(_ operation: StoreOperation) { writes.post(.operation(operation)) }
  func ask(_ question: StoreQuestion) { reads.post(.question(question)) }

  func close() {
    writes.post(.close)
    let threads = threads.withLock { threads in
      defer { threads = [] }
      return threads
    }
    guard threads.count == 2 else { return }
    threads[0].thread.join()
    reads.post(.close)
    threads[1].thread.join()
  }

  /// The reader begins when the file is there.
  private final class StartGate: Sendable {
    private let state = Atomic<Int>(0)
    func open(_ isGood: Bool) { state.store(isGood ? 1 : 2, ordering: .releasing) }
    func wait() -> Bool {
      while true {
        let value = state.load(ordering: .acquiring)
        if value > 0 { return value == 1 }
        DirectoryLock.pause(milliseconds: 2)
      }
    }
  }

  // MARK: Writing

  private static func runWriter(
    _ path: String, _ directory: String, _ bytesMax: Int64, _ mailbox: Mailbox<WriterCommand>,
    _ reads: Mailbox<ReaderCommand>, gates: (own: StartGate, reader: StartGate), _ answers: @escaping Answers
  ) {
    let lock: DirectoryLock
    let ledger: JobLedger
    let recovery: Recovery
    do {
      lock = try DirectoryLock(directory) { answers([.troubled($0)]) }
      try DirectoryLock.makePrivate(path)
      ledger = try JobLedger(path: path, bytesMax: bytesMax)
      recovery = try ledger.recover()
    } catch {
      gates.own.open(false)
      return answers([.failed("\(directory): \(error)")])
    }
    guard let loop = try? EventLoop() else {
      gates.own.open(false)
      return answers([.failed("a loop cannot be made")])
    }
    var isChecking = false
    var waiting: [StoreOperation] = []
    let keeper = RepeatingTimer(every: .seconds(1), on: loop) {
      // What could not be written down is tried again.
      guard !waiting.isEmpty else { return }
      let again = waiting
      waiting = []
      answers(ledger.perform(again, failed: &waiting))
    }
    mailbox.openBatches(on: loop) { commands in
      let begin = EventLoop.nanoseconds
      var operations: [StoreOperation] = []
      operations.reserveCapacity(commands.count)
      var closes = false
      for command in commands {
        switch command {
        case .operation(let operation): operations.append(operation)
        case .copied:
          isChecking = false
          // Little is left to copy; then the log begins anew.
          ledger.checkpoint()
        case .close: closes = true
        }
      }
      if !operations.isEmpty {
        var told = ledger.perform(operations, failed: &waiting)
        told.append(
          .wrote(
            operations: operations.count, microseconds: (EventLoop.nanoseconds - begin) / 1000,
            bytes: ledger.bytes))
        answers(told)
        if !isChecking, ledger.logIsLong {
          isChecking = true
          reads.post(.checkpoint)
        }
      }
      if closes {
        mailbox.close()
        keeper.close()
      }
    }
    gates.own.open(true)
    // What is asked of a reader that is not there yet would be lost. It tells itself why there is none.
    if gates.reader.wait() { answers([.opened(recovery)]) }
    loop.run()
    loop.close()
    ledger.checkpoint()
    withExtendedLifetime(lock) {}
  }

  // MARK: Reading

  private static func runReader(
    _ path: String, _ mailbox: Mailbox<ReaderCommand>, _ writes: Mailbox<WriterCommand>,
    gates: (own: StartGate, reader: StartGate),
    _ answers: @escaping Answers
  ) {
    guard gates.own.wait() else { return }
    guard let loop = try? EventLoop() else {
      gates.reader.open(false)
      return answers([.failed("a loop cannot be made")])
    }
    let reader: JobLookup
    do {
      reader = try JobLookup(path: path)
    } catch {
      gates.reader.open(false)
      return answers([.failed("\(path): \(error)")])
    }
    let keeper = RepeatingTimer(every: .seconds(3600), on: loop) {}
    mailbox.open(on: loop) { command in
      switch command {
      case .question(let question): answers([reader.answer(question)])
      case .checkpoint:
        reader.checkpoint()
        writes.post(.copied)
      case .close:
        mailbox.close()
        keeper.close()
      }
    }
    gates.reader.open(true)
    loop.run()
    loop.close()
  }
}
