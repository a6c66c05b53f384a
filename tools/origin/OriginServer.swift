internal import Base
internal import Reactor

/// Runs the loops until a signal.
final class OriginServer {
  private enum Command: Sendable { case drain, cut }
  private enum Event: Sendable {
    case started
    case failed(String)
    /// The loop has nothing left to do.
    case ended(wasCut: Bool)
  }

  /// Exit codes of the process.
  private enum ExitCode {
    static let clean: Int32 = 0
    static let failure: Int32 = 1
    static let connectionsCut: Int32 = 3
  }

  private let settings: OriginSettings
  private let loop: EventLoop
  private let first: OriginLoop
  private let mainMail = Mailbox<Event>()
  private var threadMail: [Mailbox<Command>] = []
  private var threads: [LoopThread] = []
  private var signals: [SignalWatcher] = []
  /// Keeps the main loop, which hears the signals, as long as other loops run.
  private var keeper: RepeatingTimer?
  private var deadline: RepeatingTimer?
  private var bound: [SocketAddress] = []
  /// Held until the end: they remove their files when they go.
  private var unixSockets: [UnixListenerSocket] = []
  private var awaitedThreads = 0
  private var liveThreads = 0
  private var isStopping = false
  private var exitCode = ExitCode.clean

  /// Serves in the foreground. Returns the process's exit code.
  static func run(_ settings: OriginSettings) -> Int32 {
    _ = EventLoop.prepareProcess()
    do throws(UVError) {
      return OriginServer(settings, on: try EventLoop()).run()
    } catch {
      say("origin: \(error)", to: .standardError)
      return ExitCode.failure
    }
  }

  static func say(_ text: String, to file: BlockingFile) { file.write(Array("\(text)\n".utf8).span) }

  private init(_ settings: OriginSettings, on loop: EventLoop) {
    self.settings = settings
    self.loop = loop
    first = OriginLoop(settings, on: loop)
  }

  private func run() -> Int32 {
    watchSignals()
    mainMail.open(on: loop) { [unowned self] in received($0) }
    start()
    loop.run()
    for thread in threads { thread.join() }
    deadline?.close()
    for signal in signals { signal.close() }
    mainMail.close()
    loop.close()
    return exitCode
  }

  private func start() {
    do throws(ListenError) {
      for case .unix(let path) in settings.addresses {
        do throws(UVError) {
          unixSockets.append(try UnixListenerSocket(path: path))
        } catch {
          throw ListenError(address: .unix(path), cause: error)
        }
      }
      bound = try first.listen(on: settings.addresses, unixSockets)
    } catch {
      return fail("cannot listen on \(error.address): \(error.cause)")
    }
    if settings.threads > 1 { keeper = RepeatingTimer(every: .seconds(3600), on: loop) {} }
    for _ in 1..<settings.threads { startThread() }
    announceWhenStarted()
  }

  private func startThread() {
    let mail = Mailbox<Command>()
    let (mainMail, settings, addresses, unixSockets) = (mainMail, settings, bound, unixSockets)
    do throws(UVError) {
      threads.append(
        try LoopThread { OriginServer.runLoop(settings, addresses, unixSockets, mail, mainMail) })
      threadMail.append(mail)
      awaitedThreads += 1
      liveThreads += 1
    } catch {
      fail("cannot start a thread: \(error)")
    }
  }

  /// The body of a thread.
  private static func runLoop(
    _ settings: OriginSettings, _ addresses: [SocketAddress], _ unixSockets: [UnixListenerSocket],
    _ mail: Mailbox<Command>, _ mainMail: Mailbox<Event>
  ) {
    let loop: EventLoop
    do throws(UVError) {
      loop = try EventLoop()
    } catch {
      mainMail.post(.failed("cannot make a loop: \(error)"))
      return mainMail.post(.ended(wasCut: false))
    }
    let origin = OriginLoop(settings, on: loop)
    var wasCut = false
    mail.open(on: loop) { command in
      switch command {
      case .drain: origin.drain()
      case .cut: wasCut = origin.cut() || wasCut
      }
    }
    do throws(ListenError) {
      _ = try origin.listen(on: addresses, unixSockets)
      mainMail.post(.started)
    } catch {
      mainMail.post(.failed("cannot listen on \(error.address): \(error.cause)"))
      _ = origin.cut()
    }
    loop.run()
    mail.close()
    loop.close()
    mainMail.post(.ended(wasCut: wasCut))
  }

  private func announceWhenStarted() {
    guard awaitedThreads == 0, !isStopping, !settings.isQuiet else { return }
    for address in bound { OriginServer.say("origin listening on \(address)", to: .standardOutput) }
  }

  private func received(_ event: Event) {
    switch event {
    case .started:
      awaitedThreads -= 1
      announceWhenStarted()
      // What was posted before the thread opened its mailbox went nowhere.
      if isStopping { tell(exitCode == ExitCode.clean ? .drain : .cut) }
    case .failed(let reason): fail(reason)
    case .ended(let wasCut):
      if wasCut, exitCode == ExitCode.clean { exitCode = ExitCode.connectionsCut }
      liveThreads -= 1
      if liveThreads == 0 { keeper?.close() }
    }
  }

  private func fail(_ reason: String) {
    OriginServer.say("origin: \(reason)", to: .standardError)
    exitCode = ExitCode.failure
    isStopping = true
    if liveThreads == 0 { keeper?.close() }
    cut()
  }

  // MARK: Stop

  private func watchSignals() {
    for signal in [SignalWatcher.Signal.terminate, .interrupt] {
      signals.append(SignalWatcher(signal, on: loop) { [unowned self] in stop() })
    }
  }

  /// The first time lets exchanges finish, the second time cuts them.
  private func stop() {
    if isStopping { return cut() }
    isStopping = true
    deadline = RepeatingTimer(every: settings.drainTimeout, on: loop) { [unowned self] in cut() }
    deadline?.unreference()
    first.drain()
    tell(.drain)
  }

  private func cut() {
    if first.cut(), exitCode == ExitCode.clean { exitCode = ExitCode.connectionsCut }
    tell(.cut)
  }

  private func tell(_ command: Command) { for mail in threadMail { mail.post(command) } }
}
