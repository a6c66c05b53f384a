internal import Base
internal import HTTP1
internal import Observe
internal import RateLimit
internal import Reactor
internal import TLS

/// One connection from a client: reads heads, opens exchanges one after the other, and closes so that
/// the last answer arrives.
final class ClientConnection: StreamHandler, TimeoutHandler {
  private enum Phase {
    /// Waiting for a request head, or amid one.
    case head
    /// `exchange` is non-nil.
    case exchange
    /// The exchange is done; some of its answer is still in the stream's queue.
    case flushing
    /// Our side is ended; what the client still sends is read and dropped, so that no reset overtakes
    /// the answer on its way (RFC 9112 §9.6).
    case lingering
    /// Waiting for the queue to empty before closing.
    case closing
    case closed
  }

  private static let inboxBytesMax = 16 * 1024
  private static let lingerBytesMax = 1024 * 1024
  private static let lingerTime = Interval.seconds(2)

  /// Strong: `unowned` costs a retain and a release at each use. The cycle ends when the context lets go.
  let context: ProxyContext
  let stream: SocketStream
  let timer = WheelTimer()
  /// Who the connection is from: the other end of the socket, or whom a PROXY header names. `nil` for unix-domain
  /// sockets.
  private(set) var peer: IPAddress?
  // The small ones together: each on its own would take eight bytes of every connection.
  private(set) var isTrusted = false
  /// A PROXY header must come before anything else.
  var awaitsProxyHeader: Bool
  private var phase = Phase.head
  /// `feed` is on the stack: whoever makes progress possible need not call it.
  private var isFeeding = false
  private var hasServed = false
  /// Whether it is a TLS connection.
  let isSecured: Bool
  /// The head timeout runs already for the head that is in the inbox.
  private var isReadingHead = false
  /// Whom `peer` is counted as: hashed once a connection, not once a request.
  private(set) var peerKey = ClientKey(nil)
  /// Whose connections this one is counted among.
  var countedKey: ClientKey?
  var registryIndex = 0
  /// Bytes that came before they could be used: part of a head, the next request, a body that the
  /// origin is not ready for. Owns memory only while there are any.
  private let inbox = Confined(ByteBuffer())
  private var exchange: Exchange?
  private var lingerBytes = 0

  /// As it was written, a host that the connection's certificates were found to be for.
  var servedHost: [UInt8] = []

  init(_ stream: SocketStream, context: ProxyContext, isSecured: Bool = false) {
    self.isSecured = isSecured
    self.stream = stream
    self.context = context
    awaitsProxyHeader = context.settings.takesProxyHeader
    var address: IPAddress?
    if case .ip(let ip, _)? = stream.peerAddress() { address = ip }
    isFrom(address)
  }

  private func isFrom(_ address: IPAddress?) {
    peer = address
    peerKey = ClientKey(address)
    if let address {
      isTrusted = context.trusts(address)
    } else {
      isTrusted = stream.isUnix && context.settings.trustsUnixPeers
    }
  }

  func start() {
    stream.setHandler(self)
    timer.setHandler(self)
    arm(context.settings.headTimeout)
    if isSecured, !awaitsProxyHeader { secure() }
    stream.startReading()
  }

  private func secure() {
    guard let tls = context.tls else { return }
    stream.secure(TLSSession(tls, context.loop.securePipe))
  }

  /// Between requests, with nothing of the next one here.
  var isIdle: Bool { phase == .head && inbox.value.isEmpty }

  /// What its buffers hold.
  var heldBytes: Int { chargedBytes + stream.queuedBytes + (exchange?.heldBytes ?? 0) }

  /// What the loop's account holds for the inbox.
  private var chargedBytes = 0

  private func chargeInbox() {
    let count = inbox.value.count
    guard count != chargedBytes else { return }
    context.loop.held.add(count - chargedBytes)
    chargedBytes = count
  }

  /// Since when it has been idle, in milliseconds of the loop's clock; told from the deadline, which is
  /// the only thing that is stored.
  var idleSinceMilliseconds: UInt64 {
    let timeout = hasServed ? context.settings.idleTimeout : context.settings.headTimeout
    let deadline = timer.deadline.milliseconds
    return deadline > timeout.milliseconds ? deadline - timeout.milliseconds : 0
  }

  func arm(_ timeout: Interval) { context.loop.arm(timer, deadline: context.loop.now.advanced(by: timeout)) }

  // MARK: Bytes from the client

  func streamDidConnect() {}

  func streamDidReceive(_ bytes: Span<UInt8>) {
    guard inbox.value.isEmpty else {
      let wasIncompleteHead = phase == .head
      let limits = context.settings.limits
      // Two bytes more: an empty line may stand before it.
      let lineCouldEnd = inbox.value.count <= limits.requestLineBytesMax + 2
      inbox.value.append(bytes)
      let isLineTooLong = lineCouldEnd && inbox.value.count > limits.requestLineBytesMax + 2
      // A head is read again from its start when a line was completed, not for every byte that comes.
      if wasIncompleteHead, !awaitsProxyHeader, inbox.value.count <= limits.headBytesMax, !isLineTooLong,
        ByteScan.first(0x0A, in: bytes, from: 0) == bytes.count
      {
        chargeInbox()
        return
      }
      pump()
      return
    }
    let used = feed(bytes)
    if pendingSecured != nil { return feedSecured() }
    guard used < bytes.count, phase != .closed else { return }
    inbox.value.append(bytes, from: used, to: bytes.count)
    keepInbox()
  }

  /// Bytes of a handshake that came in one piece with a PROXY header.
  private var pendingSecured: Confined<ByteBuffer>?

  private func feedSecured() {
    guard let buffer = pendingSecured.take() else { return }
    stream.take(buffer.value)
  }

  /// Tries again with what is in the inbox: the origin is ready, or the exchange before is done.
  func pump() {
    guard !isFeeding else { return }
    if !inbox.value.isEmpty {
      var buffer = ByteBuffer()
      swap(&buffer, &inbox.value)
      let used = feed(buffer.span)
      buffer.consume(used)
      if phase == .closed { return }
      if !buffer.isEmpty { swap(&buffer, &inbox.value) }
    }
    keepInbox()
    if pendingSecured != nil { feedSecured() }
  }

  /// After some bytes could not be used: sets the deadline of a partial head, pauses or resumes.
  private func keepInbox() {
    chargeInbox()
    if phase == .head, !inbox.value.isEmpty, !isReadingHead {
      isReadingHead = true
      arm(context.settings.headTimeout)
    }
    let wantsBytes =
      switch phase {
      case .head, .lingering: true
      case .exchange: inbox.value.count < ClientConnection.inboxBytesMax && exchange?.isWaitingForSink != true
      case .flushing: inbox.value.count < ClientConnection.inboxBytesMax
      case .closing, .closed: false
      }
    if wantsBytes { stream.startReading() } else { stream.pauseReading() }
  }

  /// Uses what it can from the front of `bytes`. Returns how much that was.
  private func feed(_ bytes: Span<UInt8>) -> Int {
    isFeeding = true
    defer { isFeeding = false }
    var at = 0
    while at < bytes.count {
      switch phase {
      case .head:
        guard let used = readHead(bytes.extracting(at..<bytes.count)) else { return at }
        at += used
      case .exchange:
        let used = exchange!.takeRequestBytes(bytes, from: at)
        if used == 0, phase == .exchange { return at }
        at += used
      case .flushing: return at
      case .lingering:
        lingerBytes += bytes.count - at
        if lingerBytes > ClientConnection.lingerBytesMax { close() }
        return bytes.count
      case .closing, .closed: return bytes.count
      }
    }
    // The exchange ended with its last byte, in here, and a drain began meanwhile.
    if phase == .head, context.isDraining { drainIdle() }
    return at
  }

  /// `nil` when the head is not complete.
  private func readHead(_ bytes: Span<UInt8>) -> Int? {
    if awaitsProxyHeader { return readProxyHeader(bytes) }
    switch RequestHead.parse(
      bytes, into: &context.table.value, limits: context.settings.limits, isSecured: isSecured)
    {
    case .incomplete: return nil
    case .failed(let error):
      refuse(status: error.status, reason: error.rawValue)
      return bytes.count
    case .complete(let head):
      isReadingHead = false
      if !hasServed, let session = stream.session {
        context.counters.value.handshakes += 1
        if session.wasResumed { context.counters.value.resumed += 1 }
      }
      hasServed = true
      phase = .exchange
      let exchange = context.makeExchange()
      self.exchange = exchange
      exchange.begin(head, bytes, client: self)
      return head.end
    }
  }

  /// `nil` when it is not complete.
  private func readProxyHeader(_ bytes: Span<UInt8>) -> Int? {
    switch ProxyHeader.parse(bytes) {
    case .incomplete: return nil
    case .complete(let count, let client):
      awaitsProxyHeader = false
      if let client { isFrom(client) }
      guard entersCount() else {
        closeWhenDrained()
        return count
      }
      guard isSecured else { return count }
      secure()
      // What came with the header is of the handshake already. Not from within: it calls back.
      if count < bytes.count {
        let rest = bytes.extracting(count..<bytes.count)
        pendingSecured = Confined(ByteBuffer())
        pendingSecured?.value.append(rest)
      }
      return bytes.count
    case .malformed:
      // Whoever speaks here is no balancer of ours, and may be no HTTP client either.
      context.counters.value.refused += 1
      logRefusal(status: 400, reason: Reason.proxyHeader)
      close()
      return bytes.count
    }
  }

  // MARK: The exchange's end

  /// The answer is written or queued. The exchange has let go of everything but the request body it did
  /// not need.
  func exchangeFinished(isPersistent: Bool, hasUnreadBody: Bool) {
    precondition(phase == .exchange)
    exchange = nil
    if !isPersistent {
      if hasUnreadBody { linger() } else { closeWhenDrained() }
      return
    }
    if stream.hasQueuedBytes {
      // The next answer must not pile up behind this one.
      phase = .flushing
      arm(context.settings.progressTimeout)
      return
    }
    becomeReady()
  }

  private func becomeReady() {
    phase = .head
    isReadingHead = false
    if context.isDraining, inbox.value.isEmpty, !isFeeding { return drainIdle() }
    arm(context.settings.idleTimeout)
    if !isFeeding, !inbox.value.isEmpty || !stream.isReading { pump() }
  }

  /// Draining: waits a moment for the request that may be on its way, then closes.
  func drainIdle() {
    guard context.loop.now < context.drainsIdleUntil else { return close() }
    context.loop.arm(timer, deadline: context.drainsIdleUntil)
    if !isFeeding, !stream.isReading { stream.startReading() }
  }

  // MARK: Closing

  private func closeWhenDrained() {
    guard stream.hasQueuedBytes else { return close() }
    phase = .closing
    stream.pauseReading()
    arm(context.settings.progressTimeout)
  }

  func linger() {
    phase = .lingering
    lingerBytes = 0
    inbox.value = ByteBuffer()
    stream.setReadMode(.body)
    stream.shutDown()
    stream.startReading()
    arm(ClientConnection.lingerTime)
  }

  /// Idempotent. Ends the connection as it is; what is queued is lost.
  func close() {
    guard phase != .closed else { return }
    leave()
    stream.close()
  }

  /// Ends the connection by a reset: the client must not take what it has for the whole answer.
  func reset() {
    guard phase != .closed else { return }
    leave()
    stream.reset()
  }

  /// Gives up what it holds: buffers hold too much and this one stands still.
  func cutForMemory() {
    if let exchange { exchange.cut(reason: Reason.bufferMemory, byReset: true) }
    reset()
  }

  /// Ends everything, for a drain whose time is up.
  func cut() {
    if let exchange { exchange.cut(reason: Reason.drained) }
    close()
  }

  /// The answer stays incomplete: ends the connection so that the client sees that.
  func abort(byReset: Bool) {
    precondition(phase == .exchange)
    exchange = nil
    if byReset || !stream.hasQueuedBytes {
      if byReset { reset() } else { close() }
    } else {
      phase = .closing
      stream.pauseReading()
      arm(context.settings.progressTimeout)
    }
  }

  private func leave() {
    phase = .closed
    exchange = nil
    inbox.value = ByteBuffer()
    chargeInbox()
    if let countedKey { context.limits.connectionsByClient?.release(countedKey) }
    context.loop.cancel(timer)
    context.remove(self)
  }

  // MARK: Other events

  func streamIsReadable() {
    guard phase == .exchange, let exchange else { return stream.setReadMode(.head) }
    exchange.spliceRequest()
  }

  func streamDidDrain() {
    switch phase {
    case .exchange: exchange!.downstreamDrained()
    case .flushing: becomeReady()
    case .closing: close()
    case .head, .lingering, .closed: break
    }
  }

  func streamDidEnd(_ error: UVError?) {
    if error == .notSecured, !hasServed {
      let why = stream.failure(.notSecured)
      context.countHandshakeFailure(why)
      context.warn("a client's connection was not secured: \(why)")
      // OpenSSL's words for it.
      if why.hasSuffix("http request") { return refusePlain() }
    }
    switch phase {
    case .exchange: exchange!.downstreamEnded(error)
    // The client has ended its side; the answer it asked for is still on its way.
    case .flushing where error == nil: closeWhenDrained()
    case .closing where error == nil: break
    case .head, .flushing, .lingering, .closing, .closed: close()
    }
  }

  func timeoutPassed(_ timer: WheelTimer) {
    switch phase {
    case .head where inbox.value.isEmpty: close()
    case .head: refuse(status: 408, reason: Reason.headTimeout)
    case .exchange: exchange!.timeoutPassed()
    case .flushing, .closing: reset()
    case .lingering: close()
    case .closed: break
    }
  }
}
