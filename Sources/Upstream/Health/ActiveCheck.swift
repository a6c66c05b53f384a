internal import Base
internal import HTTP1
internal import Reactor
internal import TLS

/// Asks one endpoint again and again whether it is well, on a timer of its own.
///
/// The whole check, from connect to the last byte of the head, has one deadline: an origin that never
/// answers, or with a byte a second, holds nothing up.
final class ActiveCheck: StreamHandler, TimeoutHandler {
  enum Outcome: Equatable {
    case passed
    case failed(String)
  }

  private static let headBytesMax = 32 * 1024
  private static let interimHeadsMax = 16
  private static let urgentInterval = Interval(milliseconds: 250)

  private let address: SocketAddress
  private let tls: TLSClient?
  private let resumption: TLSResumption?
  private let request: [UInt8]
  private let settings: HealthSettings
  private let loop: EventLoop
  private let report: (Outcome) -> Void
  private let timer = WheelTimer()
  private var stream: SocketStream?
  private var inbox = ByteBuffer()
  private var table = FieldTable()
  private var interimHeads = 0
  private var nextAt = Instant.never
  private var isClosed = false

  /// - Parameters:
  ///   - authority: for the Host field.
  ///   - report: told of every check, not within a call of this object's methods.
  init(
    _ address: SocketAddress, authority: String, tls: TLSClient? = nil, _ settings: HealthSettings,
    on loop: EventLoop,
    _ report: @escaping (Outcome) -> Void
  ) {
    self.address = address
    self.tls = tls
    resumption = tls == nil ? nil : TLSResumption()
    self.settings = settings
    self.loop = loop
    self.report = report
    if case .path(let path) = settings.check {
      request = Array(
        ("GET \(path) HTTP/1.1\r\nHost: \(authority)\r\nUser-Agent: sluice-healthcheck\r\nAccept: */*\r\n"
          + "Connection: close\r\n\r\n").utf8)
    } else {
      request = []
    }
    timer.setHandler(self)
  }

  /// Checks more often: nobody is there to serve, and requests wait for the first to return.
  var isUrgent = false {
    didSet { if isUrgent, !oldValue { checkNow() } }
  }

  /// Checks now, unless a check is under way.
  func checkNow() {
    guard !isClosed, stream == nil, settings.check != .none else { return }
    // A fifth of the interval either way, so that many endpoints and many proxies do not march in step.
    let interval = isUrgent ? min(settings.interval, ActiveCheck.urgentInterval) : settings.interval
    let spread = interval.milliseconds / 5
    let jitter = spread > 0 ? UInt64.random(in: 0...(2 * spread)) : 0
    nextAt = loop.now.advanced(by: Interval(milliseconds: interval.milliseconds - spread + jitter))
    let stream = SocketStream(towards: address, on: loop)
    self.stream = stream
    if let tls { stream.secure(TLSSession(tls, resuming: resumption, loop.securePipe)) }
    inbox.removeAll()
    interimHeads = 0
    if let error = stream.connect(to: address, handler: self) {
      // Ours and not the origin's: it says nothing of its health.
      if error.isLocalShortage { return end(nil) }
      return failSoon("\(error)")
    }
    awaitAnswer()
  }

  private func awaitAnswer() {
    answerDueAt = loop.now.advanced(by: settings.timeout)
    loop.arm(timer, deadline: answerDueAt)
  }

  /// When an answer is late, if this loop is not.
  private var answerDueAt = Instant.never
  /// A loop that comes to its timers so much later has too much to do to judge others: the answer may wait in the
  /// kernel. Without that a proxy under load finds all its endpoints dead.
  private static let ownLatenessMax = Interval.milliseconds(150)

  /// Not within `checkNow`, as promised.
  private func failSoon(_ reason: String) {
    pendingFailure = reason
    loop.arm(timer, deadline: loop.now.advanced(by: Interval(milliseconds: 1)))
  }

  private var pendingFailure: String?

  func close() {
    isClosed = true
    loop.cancel(timer)
    stream?.close()
    stream = nil
  }

  // MARK: Events

  func streamDidConnect() {
    guard let stream else { return }
    if request.isEmpty { return end(.passed) }
    stream.startReading()
    let request = request
    if case .failed(let error) = stream.write(request.span) { end(.failed("\(error)")) }
  }

  func streamDidReceive(_ bytes: Span<UInt8>) {
    inbox.append(bytes)
    while true {
      let limits = Limits(headBytesMax: ActiveCheck.headBytesMax)
      switch ResponseHead.parse(inbox.span, answering: .get, into: &table, limits: limits) {
      case .incomplete: return
      case .failed(let error): return end(.failed("malformed answer: \(error.rawValue)"))
      case .complete(let head):
        if head.isInterim {
          interimHeads += 1
          guard interimHeads <= ActiveCheck.interimHeadsMax else {
            return end(.failed("no end of 1xx answers"))
          }
          inbox.consume(head.end)
          continue
        }
        let isGood = settings.statuses.contains { $0.contains(head.status) }
        return end(isGood ? .passed : .failed("status \(head.status)"))
      }
    }
  }

  func streamDidEnd(_ error: UVError?) {
    if error?.isLocalShortage == true { return end(nil) }
    end(.failed(error.map { stream?.failure($0) ?? "\($0)" } ?? "closed before it answered"))
  }

  func streamIsReadable() {}
  func streamDidDrain() {}

  func timeoutPassed(_ timer: WheelTimer) {
    if let reason = pendingFailure {
      pendingFailure = nil
      return end(.failed(reason))
    }
    if stream != nil {
      if loop.now.since(answerDueAt) > ActiveCheck.ownLatenessMax { return awaitAnswer() }
      return end(.failed("no answer within \(settings.timeout.milliseconds) ms"))
    }
    checkNow()
  }

  private func end(_ outcome: Outcome?) {
    stream?.close()
    stream = nil
    if inbox.capacityBytes > 4096 { inbox = ByteBuffer() }
    guard !isClosed else { return }
    loop.arm(timer, deadline: max(nextAt, loop.now.advanced(by: Interval(milliseconds: 1))))
    if let outcome { report(outcome) }
  }
}
