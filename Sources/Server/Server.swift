internal import Admin
internal import Base
internal import Cache
public import Configuration
internal import Delivery
internal import Logging
internal import Observe
internal import Proxy
internal import RateLimit
public import Reactor
internal import Routing
internal import Synchronization
internal import TLS
internal import Upstream

/// The composition root: builds the workers from the settings and runs them until a signal.
public final class Server {
  /// Exit codes of the process.
  public enum ExitCode {
    public static let clean: Int32 = 0
    public static let failure: Int32 = 1
    public static let configuration: Int32 = 2
    public static let connectionsCut: Int32 = 3
  }

  /// What another thread may ask of a running server.
  public final class Control: Sendable {
    enum Command: Sendable { case drain, cut }
    let mailbox = Mailbox<Command>()
    public init() {}
    /// As SIGTERM: finish what is under way, then end.
    public func drain() { mailbox.post(.drain) }
    /// As a second SIGINT: end at once.
    public func cut() { mailbox.post(.cut) }
  }

  let settings: Settings
  private let control: Control
  private let handlesSignals: Bool
  private let onStart: ([SocketAddress]) -> Void
  let onAdminStart: (SocketAddress) -> Void
  let logger: Logger
  let loop: EventLoop
  private let mainMail = Mailbox<(index: Int, event: Worker.Event)>()
  private var worker: Worker?
  var threads: [LoopThread] = []
  private var workerMail: [Mailbox<Worker.Command>] = []
  private var signals: [SignalWatcher] = []
  private var timers: [RepeatingTimer] = []
  private let preDrain = Delay()
  var logWriter: (writer: LogWriter, thread: LoopThread)?
  var directories: [EndpointDirectory] = []
  private var awaitedDirectories = 0
  var admin: AdminServer?
  var gatherings = Gatherings()
  var store: CacheStore?
  /// So much of the cache is looked at for what is of no use any more, this often.
  private static let sweepCount = 4096
  private static let sweepInterval = Interval.seconds(1)
  var limits: SharedLimits?
  var tls: SecuredListeners?
  var delivery: DeliveryService?
  let deliveryMail = Mailbox<DeliveryService.Event>()
  /// From its thread's start to its end.
  var isDeliveryLive = false
  var awaitsDelivery = false
  let startedAt: Instant
  var liveWorkers = 0
  /// What the workers were told in the end: those that start late are told it again.
  private var stopCommand: Worker.Command?
  private var hasEnded = false
  private var cutConnections = 0
  var isStopping = false
  private var exitCode = ExitCode.clean

  /// Runs Sluice in the foreground. Returns the process's exit code.
  public static func run(_ settings: Settings) -> Int32 {
    do throws(UVError) {
      return try Server(settings, control: Control(), handlesSignals: true, onStart: { _ in }).run()
    } catch {
      BlockingFile.standardError.write(Array("sluice: \(error)\n".utf8).span)
      return ExitCode.failure
    }
  }

  /// - Parameters:
  ///   - control: stops the server from other threads, once `onStart` was called.
  ///   - onAdminStart: called with the address of the admin listener, before `onStart`.
  ///   - onStart: called with the bound addresses when every worker accepts.
  public init(
    _ settings: Settings, control: Control, handlesSignals: Bool,
    onAdminStart: @escaping (SocketAddress) -> Void = { _ in },
    onStart: @escaping ([SocketAddress]) -> Void
  ) throws(UVError) {
    self.settings = settings
    self.control = control
    self.handlesSignals = handlesSignals
    self.onStart = onStart
    self.onAdminStart = onAdminStart
    logger = EventLog.logger(settings.log)
    loop = try EventLoop()
    startedAt = loop.now
  }

  /// Runs until drained. Returns the exit code.
  public func run() -> Int32 {
    let descriptors = EventLoop.prepareProcess()
    // Until the workers are there, this keeps the loop waiting for the resolver and for mail.
    let keeper = RepeatingTimer(every: .seconds(3600), on: loop) {}
    timers.append(keeper)
    mainMail.open(on: loop) { [unowned self] mail in received(mail.event, from: mail.index) }
    control.mailbox.open(on: loop) { [unowned self] command in
      switch command {
      case .drain: drain(because: "asked to stop")
      case .cut: cut()
      }
    }
    if handlesSignals { watchSignals() }
    startDirectories { [unowned self] in start(descriptors: descriptors) }
    loop.run()
    for thread in threads { thread.join() }
    if let logWriter {
      logWriter.writer.end()
      logWriter.thread.join()
      if logWriter.writer.dropped > 0 {
        logger.warning(
          "access log: \(logWriter.writer.dropped) blocks of lines dropped, the reader was too slow")
      }
    }
    worker = nil
    admin = nil
    tls?.close()
    let isLookingUp = directories.contains { $0.isLookingUp }
    directories = []
    if isLookingUp { loop.abandon() } else { loop.close() }
    return exitCode
  }

  // MARK: Start

  /// Looks at every origin at once; goes on when the first answers are in, or soon after.
  private func startDirectories(_ onStarted: @escaping () -> Void) {
    let upstreams = settings.upstreams
    guard !upstreams.isEmpty else { return onStarted() }
    awaitedDirectories = upstreams.count
    for (index, upstream) in upstreams.enumerated() {
      do throws(TLSError) {
        directories.append(try directory(index, upstream.name, upstream.settings))
      } catch {
        fail("SLUICE_TLS_CA: \(error)")
        exitCode = ExitCode.configuration
        return
      }
    }
    for directory in directories {
      directory.start { [unowned self] in
        awaitedDirectories -= 1
        if awaitedDirectories == 0 { onStarted() }
      }
    }
  }

  private func directory(
    _ index: Int, _ name: String, _ settings: UpstreamSettings
  ) throws(TLSError) -> EndpointDirectory {
    try EndpointDirectory(
      index: index, name: name, settings, on: loop,
      publish: { [unowned self] set in tell(.endpoints(index: index, set)) },
      report: { [logger] event in
        switch event {
        case .info(let text): logger.info("\(text)")
        case .warning(let text): logger.warning("\(text)")
        }
      })
  }

  private func start(descriptors: Int) {
    guard !isStopping else { return end() }
    do throws(UVError) {
      logWriter = try LogWriter.start(settings.log.accessLog)
    } catch {
      return fail("SLUICE_ACCESS_LOG: cannot open the file: \(error)")
    }
    guard startTLS() else { return }
    var unixSockets: [UnixListenerSocket] = []
    for case .unix(let path) in settings.listen + settings.tlsListen {
      do throws(UVError) {
        unixSockets.append(try UnixListenerSocket(path: path))
      } catch {
        return fail("SLUICE_LISTEN: cannot listen on unix:\(path): \(error)")
      }
    }
    let routes: RouteTable?
    do throws(RouteConflict) {
      routes = try settings.routeTable()
    } catch {
      return fail("SLUICE_ROUTES: \(error)")
    }
    let mainMail = self.mainMail
    let limits = SharedLimits(settings.proxy, descriptors: descriptors)
    self.limits = limits
    startSweep(limits)
    let parts = WorkerParts(
      settings: settings, upstreams: settings.upstreams, routes: routes, sets: directories.map(\.current),
      // Through the mail for the first worker as well: nobody is called back while calling.
      find: { mainMail.post((0, .found($0))) },
      limits: limits, store: startCache(), tls: tls?.server, unixSockets: unixSockets,
      logWriter: logWriter?.writer,
      logger: logger)
    let mail = Mailbox<Worker.Command>()
    let first = Worker(parts, on: loop, mailbox: mail) { [unowned self] in received($0, from: 0) }
    worker = first
    workerMail.append(mail)
    liveWorkers = 1
    guard startAdmin(), startDelivery() else { return }
    let bound: [SocketAddress]
    do throws(ListenError) {
      bound = try first.listen(on: settings.listen, unixSockets)
    } catch {
      return fail("SLUICE_LISTEN: cannot listen on \(error.address): \(error.cause)")
    }
    let secured: [SocketAddress]
    do throws(ListenError) {
      secured = try first.listen(on: settings.tlsListen, unixSockets, isSecured: true)
    } catch {
      return fail("SLUICE_TLS_LISTEN: cannot listen on \(error.address): \(error.cause)")
    }
    for index in 1..<max(1, settings.workers) { startThread(index, parts, bound, secured) }
    awaitedWorkers = settings.workers - 1
    boundAddresses = bound + secured
    announceWhenStarted()
  }

  private func startCache() -> CacheStore? {
    guard settings.proxy.cache.isEnabled else { return nil }
    let store = CacheStore(settings.proxy.cache)
    self.store = store
    let timer = RepeatingTimer(every: Server.sweepInterval, on: loop) { [loop] in
      store.sweep(Server.sweepCount, now: loop.now)
    }
    timer.unreference()
    timers.append(timer)
    return store
  }

  /// Lets clients go that asked nothing for a whole window.
  private func startSweep(_ limits: SharedLimits) {
    guard let rate = limits.rate else { return }
    let timer = RepeatingTimer(every: Server.sweepInterval, on: loop) {
      rate.sweep(Server.sweepCount, at: EventLoop.nanoseconds)
    }
    timer.unreference()
    timers.append(timer)
  }

  /// `false` when the certificates cannot be used, which has been told.
  private func startTLS() -> Bool {
    guard !settings.tlsListen.isEmpty else { return true }
    do throws(TLSError) {
      tls = try SecuredListeners(settings.tls, on: loop) { [logger] event in
        switch event {
        case .info(let text): logger.info("\(text)")
        case .warning(let text): logger.warning("\(text)")
        }
      }
      return true
    } catch {
      fail("TLS: \(error)")
      exitCode = ExitCode.configuration
      return false
    }
  }

  private var awaitedWorkers = 0
  var boundAddresses: [SocketAddress] = []

  private func startThread(
    _ index: Int, _ parts: WorkerParts, _ addresses: [SocketAddress], _ secured: [SocketAddress]
  ) {
    let mail = Mailbox<Worker.Command>()
    workerMail.append(mail)
    let mainMail = self.mainMail
    do throws(UVError) {
      threads.append(
        try LoopThread {
          guard let loop = try? EventLoop() else {
            return mainMail.post((index, .failed("a loop cannot be made")))
          }
          let worker = Worker(parts, on: loop, mailbox: mail) { mainMail.post((index, $0)) }
          do throws(ListenError) {
            _ = try worker.listen(on: addresses, parts.unixSockets)
            _ = try worker.listen(on: secured, parts.unixSockets, isSecured: true)
            mainMail.post((index, .started))
          } catch {
            mainMail.post((index, .failed("cannot listen on \(error.address): \(error.cause)")))
          }
          loop.run()
          loop.close()
          withExtendedLifetime(worker) {}
        })
      liveWorkers += 1
    } catch {
      fail("a thread cannot be started: \(error)")
    }
  }

  func announceWhenStarted() {
    guard awaitedWorkers == 0, !awaitsDelivery, !isStopping else { return }
    let addresses = boundAddresses.map { "\($0)" }.joined(separator: ", ")
    let count = settings.workers
    logger.info(
      "sluice \(Version.text) listening on \(addresses), \(count) worker\(count == 1 ? "" : "s"), \(endpointText)"
    )
    onStart(boundAddresses)
  }

  private var endpointText: String {
    let upstreams = settings.upstreams
    if upstreams.isEmpty { return "no upstream" }
    guard upstreams.count == 1 else { return "\(upstreams.count) upstreams" }
    return "upstream " + upstreams[0].settings.origins.map(\.description).joined(separator: ", ")
  }

  private func received(_ event: Worker.Event, from index: Int) {
    switch event {
    case .started:
      // What was posted before it opened its mailbox went nowhere.
      for directory in directories {
        workerMail[index].post(.endpoints(index: directory.index, directory.current))
      }
      if let stopCommand { workerMail[index].post(stopCommand) }
      awaitedWorkers -= 1
      announceWhenStarted()
    case .found(let finding): directories[finding.upstream].received(finding)
    case .counted(let number, let counted): gatherings.received(number, from: index, counted)
    case .failed(let reason): fail("worker \(index): \(reason)")
    case .ended(let cut):
      cutConnections += cut
      liveWorkers -= 1
      if isIdle { end() }
    }
  }

  func fail(_ reason: String) {
    logger.critical("\(reason)")
    exitCode = ExitCode.failure
    isStopping = true
    if isIdle { end() } else { cut() }
  }

  // MARK: Stop

  private func watchSignals() {
    signals = [
      SignalWatcher(.terminate, on: loop) { [unowned self] in drain(because: "SIGTERM") },
      SignalWatcher(.interrupt, on: loop) { [unowned self] in
        if isStopping { cut() } else { drain(because: "SIGINT") }
      },
      SignalWatcher(.quit, on: loop) { [unowned self] in cut() },
      SignalWatcher(.hangUp, on: loop) { [unowned self] in
        logWriter?.writer.reopen()
        for directory in directories { directory.resolveNow() }
        tls?.reload()
      },
    ]
  }

  private func drain(because reason: String) {
    guard !isStopping else { return }
    isStopping = true
    logger.info("\(reason): draining, at most \(settings.drainTimeout.milliseconds / 1000) s")
    if isIdle { return end() }
    let patience = Interval(
      milliseconds: settings.preDrain.milliseconds + settings.drainTimeout.milliseconds)
    let deadline = RepeatingTimer(every: patience, on: loop) { [unowned self] in
      logger.warning("drain deadline passed")
      cut()
    }
    timers.append(deadline)
    guard settings.preDrain.milliseconds > 0 else { return drainWorkers() }
    preDrain.start(after: settings.preDrain, on: loop) { [unowned self] in drainWorkers() }
  }

  private func cut() {
    isStopping = true
    if isIdle { return end() }
    stopCommand = .cut
    delivery?.cut()
    tell(.cut)
  }

  /// Whether nothing of it is left.
  var isIdle: Bool { liveWorkers == 0 && !isDeliveryLive }

  private func drainWorkers() {
    guard stopCommand == nil else { return }
    delivery?.drain()
    stopCommand = .drain
    tell(.drain)
  }

  func tell(_ command: Worker.Command) { for mail in workerMail { mail.post(command) } }

  func end() {
    guard !hasEnded else { return }
    hasEnded = true
    if cutConnections > 0 {
      logger.warning("\(cutConnections) connections cut")
      if exitCode == ExitCode.clean { exitCode = ExitCode.connectionsCut }
    } else if exitCode == ExitCode.clean {
      logger.info("drained, bye")
    }
    admin?.close()
    for directory in directories { directory.close() }
    preDrain.cancel()
    for timer in timers { timer.close() }
    for signal in signals { signal.close() }
    mainMail.close()
    deliveryMail.close()
    control.mailbox.close()
    // A look-up that hangs in the system's resolver cannot be cancelled and must not hold the end up.
    loop.stop()
  }
}
