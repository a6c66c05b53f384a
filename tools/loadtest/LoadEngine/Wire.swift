internal import Base
internal import Digest
internal import HTTP1
internal import Reactor
internal import TLS

/// One connection of the load test and the request on it.
final class Wire: StreamHandler, TimeoutHandler {
  private enum Phase {
    /// No connection, or one that nobody asks anything of.
    case unconnected, connecting, idle, busy
    /// The answer is there, its connection is not to be kept: the other side closes first, so that the
    /// ports in TIME_WAIT are not all ours.
    case lingering
    /// After a failed connect, so that a dead server is not asked a hundred thousand times a second.
    case resting
  }

  private static let pieceBytes = 256 * 1024
  private static let lingering = Interval.seconds(1)
  private static let resting = Interval(milliseconds: 100)
  /// For connections that are opened before the test begins.
  static let patienceAhead = Interval.seconds(3)

  let site: Site
  /// Strong: the cycle ends when the loop forgets its wires.
  private let loop: LoadLoop
  /// The place among the loop's wires.
  var registryIndex = 0
  private let timer = WheelTimer()
  private var stream: SocketStream?
  /// The last TLS session, for the next connection.
  private let resumption: TLSResumption?
  private var phase = Phase.unconnected
  private let reader = Confined(AnswerReader())
  private var digest: SHA256?
  private var target: RequestTemplate
  private var hasRequest = false
  /// Addresses tried for this connect.
  private var attempts = 0
  private var addressIndex: Int
  /// Nanoseconds at which the request was due, or was begun.
  private(set) var startedAt: UInt64 = 0
  /// Body bytes handed to the kernel, of a body that is sent in pieces.
  private var sentBody = 0

  init(to site: Site, number: Int, on loop: LoadLoop) {
    self.site = site
    self.loop = loop
    target = loop.templates[0]
    addressIndex = number % site.addresses.count
    resumption = site.tls != nil && loop.plan.resumes ? TLSResumption() : nil
    if loop.plan.expectedDigest != nil { digest = SHA256() }
    timer.setHandler(self)
  }

  // MARK: What the loop asks

  /// Connects without a request, before the test begins.
  func connectAhead() {
    attempts = 0
    let patience = min(loop.plan.timeout, Wire.patienceAhead)
    loop.eventLoop.arm(timer, deadline: loop.eventLoop.now.advanced(by: patience))
    connect()
  }

  /// Makes the request; `startedAt` is when it was due.
  func begin(_ template: RequestTemplate, at startedAt: UInt64) {
    target = template
    self.startedAt = startedAt
    hasRequest = true
    switch phase {
    case .idle:
      loop.eventLoop.arm(timer, deadline: loop.requestDeadline)
      send()
    case .unconnected:
      attempts = 0
      loop.eventLoop.arm(timer, deadline: loop.requestDeadline)
      connect()
    case .connecting: loop.eventLoop.arm(timer, deadline: loop.requestDeadline)
    case .busy, .lingering, .resting: preconditionFailure("a wire takes one request at a time")
    }
  }

  /// Closes whatever is open. Nothing more is heard of this wire.
  func abandon() {
    hasRequest = false
    drop()
  }

  // MARK: Connecting

  private func connect() {
    phase = .connecting
    while attempts < site.addresses.count {
      let stream = SocketStream(towards: site.addresses[addressIndex], on: loop.eventLoop)
      self.stream = stream
      if let tls = site.tls {
        stream.secure(TLSSession(tls, resuming: resumption, loop.eventLoop.securePipe))
      }
      guard let error = stream.connect(to: site.addresses[addressIndex], handler: self) else { return }
      nextAddress(after: error)
    }
    connectFailed()
  }

  private func nextAddress(after error: UVError) {
    loop.lastConnectError = error
    if error == .notSecured, let why = stream?.failure(error) { loop.lastTLSFailure = why }
    attempts += 1
    addressIndex = (addressIndex + 1) % site.addresses.count
    stream?.close()
    stream = nil
  }

  private func connectFailed() {
    phase = .unconnected
    if hasRequest { return fail(.connect) }
    loop.wireIsReady(self, isConnected: false)
  }

  func streamDidConnect() {
    guard let stream else { return }
    stream.setNoDelay()
    stream.setReadMode(.head)
    stream.startReading()
    loop.countConnect()
    phase = .idle
    if hasRequest { return send() }
    loop.eventLoop.cancel(timer)
    loop.wireIsReady(self, isConnected: true)
  }

  // MARK: Sending

  private func send() {
    guard let stream else { return }
    phase = .busy
    reader.value.begin()
    digest?.begin()
    sentBody = 0
    settle(stream.write(target.message))
  }

  private func settle(_ outcome: WriteOutcome) {
    switch outcome {
    case .sent: if sentBody < target.pieces.count { sendPieces() }
    case .queued: break
    case .failed: fail(.reset)
    }
  }

  private func sendPieces() {
    let pieces = target.pieces
    while let stream, phase == .busy, sentBody < pieces.count {
      let end = min(sentBody + Wire.pieceBytes, pieces.count)
      let outcome = stream.write(pieces.span.extracting(sentBody..<end))
      sentBody = end
      switch outcome {
      case .sent: continue
      case .queued: return
      case .failed: return fail(.reset)
      }
    }
  }

  func streamDidDrain() { if phase == .busy { sendPieces() } }

  // MARK: Receiving

  func streamIsReadable() {}

  func streamDidReceive(_ bytes: Span<UInt8>) {
    loop.totals.value.bytesReceived += bytes.count
    guard phase == .busy else {
      // Nothing was asked: bytes behind an answer that was taken for whole.
      loop.countSurplus()
      return drop(isIdle: phase == .idle)
    }
    let step = reader.value.read(bytes, method: target.method, digest: digest, in: loop.context)
    switch step {
    case .needMore: stream?.setReadMode(reader.value.isLong ? .body : .head)
    case .failed(let failure): fail(failure)
    case .finished(let end): end == bytes.count ? finish() : fail(.surplus)
    }
  }

  func streamDidEnd(_ error: UVError?) {
    switch phase {
    case .connecting:
      nextAddress(after: error ?? .connectionReset)
      connect()
    case .busy:
      if let error { return fail(error == .timedOut ? .timeout : .reset) }
      if let failure = reader.value.end() { return fail(failure) }
      finish(isClosed: true)
    case .idle: drop(isIdle: true)
    case .lingering: drop()
    case .unconnected, .resting: break
    }
  }

  func timeoutPassed(_ timer: WheelTimer) {
    switch phase {
    case .connecting:
      nextAddress(after: .timedOut)
      connectFailed()
    case .busy: fail(.timeout)
    case .resting:
      phase = .unconnected
      loop.wireIsFree(self, at: EventLoop.nanoseconds)
    case .lingering: drop()
    case .idle, .unconnected: break
    }
  }

  // MARK: Ending

  private func finish(isClosed: Bool = false) {
    let now = EventLoop.nanoseconds
    hasRequest = false
    let keepsOpen =
      !isClosed && reader.value.isPersistent && loop.plan.keepsAlive && sentBody == target.pieces.count
      && stream?.hasQueuedBytes == false
    var failure: Failure?
    if let digest, digest.finish() != loop.plan.expectedDigest { failure = .content }
    if !loop.isExpected(reader.value.status) { failure = .status }
    loop.finished(
      startedAt, now, status: reader.value.status, backend: reader.value.backend, cache: reader.value.cache,
      failure)
    if keepsOpen {
      phase = .idle
      stream?.setReadMode(.head)
      return loop.wireIsFree(self, at: now)
    }
    if isClosed || loop.plan.keepsAlive {
      drop()
    } else {
      // Another wire goes on; this one waits for the other side to close.
      phase = .lingering
      loop.eventLoop.arm(timer, deadline: loop.eventLoop.now.advanced(by: Wire.lingering))
      return loop.wireLingers(self, at: now)
    }
    loop.wireIsFree(self, at: now)
  }

  private func fail(_ failure: Failure) {
    let now = EventLoop.nanoseconds
    hasRequest = false
    loop.failed(startedAt, now, failure)
    drop()
    if failure == .connect, loop.plan.rate == nil {
      phase = .resting
      return loop.eventLoop.arm(timer, deadline: loop.eventLoop.now.advanced(by: Wire.resting))
    }
    loop.wireIsFree(self, at: now)
  }

  /// Closes the connection.
  /// - Parameter isIdle: a request may still be given to this wire: it connects anew.
  private func drop(isIdle: Bool = false) {
    let wasLingering = phase == .lingering
    loop.eventLoop.cancel(timer)
    stream?.close()
    stream = nil
    phase = .unconnected
    if wasLingering { loop.wireIsGone(self) }
  }
}

/// A target's request as every wire sends it.
final class RequestTemplate {
  let method: Method
  let siteIndex: Int
  /// The head, and the body where that is small.
  let message: ByteBuffer
  /// The body where it is sent in pieces.
  let pieces: [UInt8]
  /// Bytes of a whole request.
  let byteCount: Int

  private static let smallBodyMax = 64 * 1024

  init(_ target: LoadTarget, siteIndex: Int) {
    // Only HEAD changes how an answer is read (RFC 9112 §6.3).
    method = target.method == "HEAD" ? .head : .get
    self.siteIndex = siteIndex
    let isSmall = target.body.count <= RequestTemplate.smallBodyMax
    var message = ByteBuffer()
    message.append(contentsOf: target.head)
    if isSmall { message.append(contentsOf: target.body) }
    self.message = message
    pieces = isSmall ? [] : target.body
    byteCount = target.head.count + target.body.count
  }
}

/// Where connections go: a host and port, with every address of it.
struct Site: Sendable {
  var host: String
  var port: UInt16
  var addresses: [SocketAddress]
  /// `nil` for plain HTTP.
  var tls: TLSClient?
}
