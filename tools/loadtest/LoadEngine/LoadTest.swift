public import Base
internal import Histogram
public import Reactor
public import TLS

/// How far a load test is.
public struct LoadProgress: Sendable {
  /// Seconds since requests count; below zero while warming up.
  public var seconds: Double
  public var answered: Int
  public var failed: Int
  /// Over the last second or so.
  public var requestsPerSecond: Double
  public var latency: LoadReport.Latency
}

/// Why a load test did not begin.
public enum LoadTestError: Error, CustomStringConvertible {
  case unresolvable(host: String, UVError)
  case unreachable(host: String, UVError?)
  case system(UVError)
  case notSecured(String)
  case authorities(TLSError)

  public var description: String {
    switch self {
    case .unresolvable(let host, let error): "cannot find '\(host)': \(error)"
    case .unreachable(let host, let error): "cannot connect to \(host): \(error?.description ?? "no answer")"
    case .system(let error): "\(error)"
    case .notSecured(let why): "cannot connect: \(why)"
    case .authorities(let error): "--cacert: \(error)"
    }
  }
}

/// A load test: its threads, and what they tell, on the loop of the caller.
public final class LoadTest {
  private let plan: LoadPlan
  private let loop: EventLoop
  private let progress: (LoadProgress) -> Void
  private let progressInterval: Interval
  private let mail = Mailbox<(Int, LoadLoop.Event)>()
  private var commands: [Mailbox<LoadLoop.Command>] = []
  private var threads: [LoopThread] = []
  private var signals: [SignalWatcher] = []
  private var sites: [Site] = []
  private var siteOfTarget: [Int] = []
  private var builder: ReportBuilder
  private var awaitedReady = 0
  private var liveThreads = 0
  private var connected = 0
  private var connectError: UVError?
  private var tlsFailure: String?
  private var startsAt: UInt64 = 0
  private var endedAt: UInt64 = 0
  private var wasInterrupted = false
  private var failure: LoadTestError?
  private var tick: RepeatingTimer?
  private var lastTick: (at: UInt64, answered: Int) = (0, 0)
  /// Wide enough for a burst of connects and for threads that start on a busy machine.
  private static let leadNanoseconds: UInt64 = 20_000_000

  private init(
    _ plan: LoadPlan, on loop: EventLoop, every interval: Interval,
    _ progress: @escaping (LoadProgress) -> Void
  ) {
    self.plan = plan
    self.loop = loop
    self.progress = progress
    builder = ReportBuilder(plan)
    progressInterval = interval
  }

  /// Runs the test to its end. Blocks; the first Ctrl-C ends it early, with what it found so far.
  /// - Parameter progress: called every `interval`, on this thread.
  public static func run(
    _ plan: LoadPlan, progressEvery interval: Interval = .milliseconds(250),
    watchesSignals: Bool = true, _ progress: @escaping (LoadProgress) -> Void = { _ in }
  ) throws(LoadTestError) -> LoadReport {
    let loop: EventLoop
    do throws(UVError) {
      loop = try EventLoop()
    } catch {
      throw .system(error)
    }
    let test = LoadTest(plan, on: loop, every: interval, progress)
    test.start(watchesSignals: watchesSignals)
    loop.run()
    return try test.finish().get()
  }

  // MARK: Beginning

  private func start(watchesSignals: Bool) {
    if watchesSignals {
      for signal in [SignalWatcher.Signal.interrupt, .terminate] {
        signals.append(SignalWatcher(signal, on: loop) { [unowned self] in interrupt() })
      }
    }
    mail.open(on: loop) { [unowned self] in received($0.1) }
    tick = RepeatingTimer(every: progressInterval, on: loop) { [unowned self] in ticked() }
    for target in plan.targets {
      let (host, port) = (target.url.host, target.url.port)
      let isSecured = target.url.isSecured
      if let known = sites.firstIndex(where: {
        $0.host == host && $0.port == port && ($0.tls != nil) == isSecured
      }) {
        siteOfTarget.append(known)
      } else {
        siteOfTarget.append(sites.count)
        sites.append(Site(host: host, port: port, addresses: []))
        do throws(TLSError) {
          if isSecured { sites[sites.count - 1].tls = try client(for: target.url) }
        } catch {
          return end(.authorities(error))
        }
        if let address = target.url.address { sites[sites.count - 1].addresses = [.ip(address, port: port)] }
      }
    }
    resolveNext()
  }

  private func client(for url: LoadURL) throws(TLSError) -> TLSClient {
    try TLSClient(
      name: url.host, isAddress: url.address != nil, verifies: plan.verifies, authorities: plan.authorities)
  }

  private func resolveNext() {
    guard let index = sites.firstIndex(where: { $0.addresses.isEmpty }) else { return startThreads() }
    Resolver.resolve(sites[index].host, port: sites[index].port, on: loop) { [unowned self] result in
      switch result {
      case .success(let addresses) where !addresses.isEmpty:
        sites[index].addresses = addresses
        resolveNext()
      case .success: end(.unresolvable(host: sites[index].host, UVError.canceled))
      case .failure(let error): end(.unresolvable(host: sites[index].host, error))
      }
    }
  }

  private func startThreads() {
    for thread in 0..<plan.threads {
      let commands = Mailbox<LoadLoop.Command>()
      let (plan, sites, siteOfTarget, mail) = (plan, sites, siteOfTarget, mail)
      do throws(UVError) {
        threads.append(
          try LoopThread { LoadTest.runLoop(plan, sites, siteOfTarget, thread, commands, mail) })
        self.commands.append(commands)
        awaitedReady += 1
        liveThreads += 1
      } catch {
        return end(.system(error))
      }
    }
  }

  /// The body of a thread.
  private static func runLoop(
    _ plan: LoadPlan, _ sites: [Site], _ siteOfTarget: [Int], _ thread: Int,
    _ commands: Mailbox<LoadLoop.Command>, _ mail: Mailbox<(Int, LoadLoop.Event)>
  ) {
    let loop: EventLoop
    do throws(UVError) {
      loop = try EventLoop()
    } catch {
      return mail.post((thread, .broken(error)))
    }
    let load = LoadLoop(plan, sites: sites, siteOfTarget: siteOfTarget, thread: thread, on: loop) {
      mail.post((thread, $0))
    }
    commands.open(on: loop) { command in
      switch command {
      case .begin(let start): load.begin(at: start)
      case .stop: load.stop()
      }
    }
    load.prepare()
    loop.run()
    commands.close()
    loop.close()
  }

  // MARK: Under way

  private func received(_ event: LoadLoop.Event) {
    switch event {
    case .ready(let count, let error, let tls):
      connected += count
      tlsFailure = tls ?? tlsFailure
      connectError = error ?? connectError
      awaitedReady -= 1
      if awaitedReady == 0 { begin() }
    case .slot(let slot): builder.add(slot)
    case .ended(let totals):
      builder.add(totals)
      threadEnded()
    case .broken(let error):
      failure = .system(error)
      threadEnded()
      stopThreads()
    }
  }

  private func begin() {
    // What was posted before a thread opened its mailbox went nowhere.
    guard !wasInterrupted, failure == nil else { return stopThreads() }
    if plan.keepsAlive, connected == 0 {
      let hosts = sites.map { "\($0.host):\($0.port)" }.joined(separator: ", ")
      failure = tlsFailure.map { .notSecured($0) } ?? .unreachable(host: hosts, connectError)
      return stopThreads()
    }
    let start = EventLoop.nanoseconds + LoadTest.leadNanoseconds
    startsAt = start + plan.warmup.milliseconds * 1_000_000
    lastTick = (start, 0)
    for mailbox in commands { mailbox.post(.begin(start)) }
  }

  private func threadEnded() {
    liveThreads -= 1
    guard liveThreads == 0 else { return }
    endedAt = EventLoop.nanoseconds
    tearDown()
  }

  private func ticked() {
    let now = EventLoop.nanoseconds
    guard startsAt > 0, now > lastTick.at else { return }
    // Slots come a tenth of a second late, so the rate is taken between their arrivals.
    let rate = Double(builder.answered - lastTick.answered) * 1e9 / Double(now - lastTick.at)
    if now - lastTick.at >= 1_000_000_000 || lastTick.answered == 0 { lastTick = (now, builder.answered) }
    progress(
      LoadProgress(
        seconds: now >= startsAt ? Double(now - startsAt) / 1e9 : -Double(startsAt - now) / 1e9,
        answered: builder.answered, failed: builder.failed, requestsPerSecond: rate,
        latency: LoadReport.Latency(builder.latency)))
  }

  private func interrupt() {
    wasInterrupted = true
    if threads.isEmpty { return end(.system(.canceled)) }
    stopThreads()
  }

  // MARK: Ending

  private func end(_ error: LoadTestError) {
    failure = error
    if liveThreads == 0 { return tearDown() }
    stopThreads()
  }

  private func stopThreads() { for mailbox in commands { mailbox.post(.stop) } }

  private func tearDown() {
    tick?.close()
    for signal in signals { signal.close() }
    mail.close()
    loop.stop()
  }

  private func finish() -> Result<LoadReport, LoadTestError> {
    for thread in threads { thread.join() }
    loop.close()
    if let failure { return .failure(failure) }
    let start = startsAt == 0 ? endedAt : startsAt
    return .success(builder.report(plan, from: start, to: endedAt, wasInterrupted: wasInterrupted))
  }
}
