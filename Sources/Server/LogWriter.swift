internal import Base
internal import Observe
internal import Reactor
internal import Synchronization

/// The thread that writes the access log: a slow disk or a full pipe holds up nobody but itself.
final class LogWriter: LineSink {
  private enum Message: Sendable {
    case lines([UInt8])
    case reopen
    case end
  }

  /// Lines that may wait for a slow reader; beyond, they are dropped and counted.
  private static let waitingBytesMax = 16 * 1024 * 1024

  private let mailbox = Mailbox<Message>()
  private let waitingBytes = Atomic<Int>(0)
  private let droppedBlocks = Atomic<Int>(0)

  /// Starts the thread. Fails where a log file cannot be opened.
  static func start(_ destination: LogSettings.AccessLog) throws(UVError) -> (
    writer: LogWriter, thread: LoopThread
  )? {
    let path: String?
    switch destination {
    case .off: return nil
    case .on: path = nil
    case .file(let file): path = file
    }
    // Opened here first, so that a bad path is an error at the start.
    let file = if let path { try BlockingFile(appendingTo: path) } else { BlockingFile.standardOutput }
    let writer = LogWriter()
    let thread = try LoopThread { writer.run(file, path: path) }
    // The mailbox drops what is posted before it is open.
    while !writer.isOpen.load(ordering: .acquiring) { LoopThread.yield() }
    return (writer, thread)
  }

  private let isOpen = Atomic<Bool>(false)

  func submit(_ lines: consuming ByteBuffer) {
    let count = lines.count
    guard waitingBytes.load(ordering: .relaxed) + count <= LogWriter.waitingBytesMax else {
      droppedBlocks.wrappingAdd(1, ordering: .relaxed)
      return
    }
    waitingBytes.wrappingAdd(count, ordering: .relaxed)
    mailbox.post(.lines(lines.array()))
  }

  /// Blocks of lines that were dropped so far.
  var dropped: Int { droppedBlocks.load(ordering: .relaxed) }

  /// Opens the file anew, after a rotation has moved it away.
  func reopen() { mailbox.post(.reopen) }

  /// Everything submitted before is written first; then the thread ends.
  func end() { mailbox.post(.end) }

  private func run(_ first: BlockingFile, path: String?) {
    guard let loop = try? EventLoop() else { return isOpen.store(true, ordering: .releasing) }
    var file = first
    // Held so that the loop waits for mail.
    let keeper = RepeatingTimer(every: .seconds(3600), on: loop) {}
    mailbox.open(on: loop) { [self] message in
      switch message {
      case .lines(let bytes):
        file.write(bytes.span)
        waitingBytes.wrappingSubtract(bytes.count, ordering: .relaxed)
      case .reopen:
        // On failure the old file is kept: better lines in a moved file than none.
        if let path, let fresh = try? BlockingFile(appendingTo: path) { file = fresh }
      case .end:
        mailbox.close()
        keeper.close()
      }
    }
    isOpen.store(true, ordering: .releasing)
    loop.run()
    loop.close()
  }
}
