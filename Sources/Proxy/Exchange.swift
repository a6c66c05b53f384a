internal import Base
internal import Cache
internal import HTTP1
internal import Observe
internal import RateLimit
internal import Reactor
internal import Routing
internal import TLS
internal import Upstream

/// One request and its response: opened by a client connection, served by an upstream connection.
///
/// The exchange is the handler of the upstream connection's stream while it holds it, and is told of
/// the client's side by `ClientConnection`. Used again and again: `reset` makes it new.
final class Exchange: StreamHandler, FillingReader {
  /// Where the request stands on its way to the origin.
  enum RequestPhase {
    /// The head is written out in `requestBytes` and not yet sent.
    case ready
    /// The head is sent, the body is not complete.
    case sending
    case complete
    /// The origin takes no more of it; its answer may still come.
    case refused
    /// The answer is with the client; what is left of the body is read and dropped.
    case draining
  }

  enum ResponsePhase {
    case awaitingHead
    case body
    /// What the client gets comes from memory.
    case cached
    /// HTTP ended with 101: bytes both ways.
    case tunnel
    case complete
  }

  /// A body from here on is worth setting up splice(2): below it, one more read and write are cheaper.
  static let spliceBytesMin = 16 * 1024
  /// A piece of a body up to here is copied behind what is written with it.
  static let joinBytesMax = 2 * 1024
  /// What an early answer leaves of a request body is read and dropped up to here, to keep the
  /// connection; beyond, it is closed.
  static let drainBytesMax = 256 * 1024
  /// A spare exchange keeps no more memory than that for its next request.
  static let spareBytesMax = 8 * 1024
  /// The head and as much body as is kept for sending a request a second time.
  static let replayBytesMax = 64 * 1024

  /// Strong: `unowned` costs a retain and a release at each use. The cycle ends when the context lets go.
  let context: ProxyContext
  /// Non-nil from `begin` to the end.
  var client: ClientConnection?
  let record = Confined(AccessRecord())
  /// What the cache has to do with it.
  let use = Confined(CacheUse())
  /// Its key, where that is needed after the look-up; the memory is kept.
  let keyBytes = Confined(ByteBuffer())

  // The request.
  var method = Method.get
  var isHTTP10 = false
  /// What the rate limit said; `nil` where it had no say.
  var rate: RateDecision?
  /// What it is called, where nobody before us named it.
  var requestID: RequestID?
  /// Whose requests under way this is one of; `nil` where they are not counted.
  var inFlightKey: ClientKey?
  /// What the loop's account of buffers holds for it.
  var chargedBytes = 0
  /// When the pace of the body is looked at next, and how much had come then.
  var paceCheck = (at: Instant.never, bytes: 0)
  var isPersistent = false
  var awaitsContinue = false
  var wantsUpgrade = false
  var requestPhase = RequestPhase.ready
  /// The rewritten head, and the body after it as far as it is kept for a replay.
  let requestBytes = Confined(ByteBuffer())
  var hostRange = 0..<0
  var isReplayable = true
  var requestIsChunked = false
  /// Bytes of the request body still to come, unless chunked.
  var requestRemaining = 0
  var requestDecoder: ChunkedDecoder?
  /// Body bytes taken from the client so far, decoded.
  var requestBodyBytes = 0
  /// Bytes taken while draining.
  var drainedBytes = 0

  // The upstream side.
  /// Where this exchange goes: set from `begin` to the end.
  var upstream: Upstream
  /// The endpoint that is at work on it, or is being connected to.
  var local: LocalEndpoint?
  /// When it was turned to.
  var leasedAt: UInt64 = 0
  var key = BalanceKey.none
  /// The endpoint is to be told the client by a cookie.
  var setsCookie = false
  var connection: UpstreamConnection?
  var isConnecting = false
  /// Endpoints that failed this exchange, by id.
  var tried: [Int] = []
  /// What was sent already goes out again, on a fresh connection.
  var isReplaying = false
  /// How often that was done.
  var replays = 0
  /// No endpoint can be used: until when it waits for one. `.never` while it does not.
  var waitsUntil = Instant.never
  var isWaiting = false

  // The response.
  var responsePhase = ResponsePhase.awaitingHead
  /// Part of a response head.
  let responseInbox = Confined(ByteBuffer())
  var responseFraming = BodyFraming.none
  var responseRemaining = 0
  var responseDecoder: ChunkedDecoder?
  var encoding = BodyEncoding.none
  var upstreamIsReusable = false
  var upstreamIdleLimit: Interval?
  var isEventStream = false
  /// In a tunnel: that side has ended.
  var downstreamHasEnded = false
  var upstreamHasEnded = false

  init(context: ProxyContext) {
    self.context = context
    upstream = context.upstreams[0]
  }

  var loop: EventLoop { context.loop }

  private func reset() {
    client = nil
    if context.accessLog != nil { record.value.removeAll() }
    (record.value.status, record.value.bodyBytes) = (0, 0)
    (requestPhase, responsePhase) = (.ready, .awaitingHead)
    requestBytes.value.removeAll()
    // What one large head or body needed is not kept for ever.
    if requestBytes.value.capacityBytes > Exchange.spareBytesMax { requestBytes.value = ByteBuffer() }
    hostRange = 0..<0
    isReplayable = true
    (requestRemaining, requestBodyBytes, drainedBytes) = (0, 0, 0)
    if requestIsChunked { requestDecoder = nil }
    connection = nil
    isConnecting = false
    if !tried.isEmpty { tried.removeAll(keepingCapacity: true) }
    (isReplaying, replays, isWaiting, waitsUntil) = (false, 0, false, .never)
    if setsCookie { setsCookie = false }
    key = .none
    if responseInbox.value.capacityBytes > 0 { responseInbox.value = ByteBuffer() }
    responseRemaining = 0
    if responseFraming == .chunked { responseDecoder = nil }
    responseFraming = .none
    encoding = .none
    (upstreamIsReusable, upstreamIdleLimit) = (false, nil)
    (isEventStream, downstreamHasEnded, upstreamHasEnded) = (false, false, false)
    rate = nil
    leaveInFlight()
    paceCheck.at = .never
    if chargedBytes != 0 { charge(0) }
    if use.value.mode != .off {
      release(.abandoned)
      leaveFilling()
      use.value = CacheUse()
    }
  }

  // MARK: Begin

  /// Opens the exchange for `head`, which lies at the front of `bytes` with its fields in
  /// `context.table`.
  func begin(_ head: RequestHead, _ bytes: Span<UInt8>, client: ClientConnection) {
    self.client = client
    method = head.method
    isHTTP10 = head.isHTTP10
    isPersistent = head.isPersistent
    awaitsContinue = head.expectsContinue
    wantsUpgrade = head.wantsUpgrade
    let isNamed = client.isTrusted && context.table.value.contains(.xRequestID)
    requestID = context.settings.addsRequestID && !isNamed ? context.requestIDs.value.next() : nil
    if context.accessLog != nil { keepForLog(head, bytes) }
    context.counters.value.exchanges += 1
    requestIsChunked = head.framing == .chunked
    if case .length(let count) = head.framing { requestRemaining = count }
    if requestIsChunked {
      requestDecoder = ChunkedDecoder(trailerBytesMax: context.settings.limits.headBytesMax)
    }
    let bodyMax = context.settings.bodyBytesMax
    if bodyMax > 0, requestRemaining > bodyMax {
      return replyLocally(status: 413, detail: "the request body is too large", reason: Reason.bodyTooLarge)
    }
    guard isAdmitted(head, bytes) else { return }
    if answersMaxForwards(head, bytes) { return }
    // Owns memory only where a path is forwarded in another spelling than it came.
    var path = ByteBuffer()
    guard normalise(head, bytes, &path) else {
      return replyLocally(
        status: 400, detail: "the path could be taken for another", reason: Reason.treacherousPath)
    }
    if let routes = context.routes {
      guard route(routes, head, bytes, path.span) else {
        return replyLocally(status: 404, detail: "nothing is served there", reason: Reason.noRoute)
      }
    }
    if let cache = context.cache, lookUp(cache, head, bytes, path: path.span) { return }
    if !upstream.isRoundRobin { key = balanceKey(head, bytes) }
    // Who waits for the answer of another needs no endpoint.
    let isForwarded = use.value.mode != .following && use.value.refreshes == nil
    let chosen = isForwarded ? upstream.select(key) : nil
    var validators = ByteBuffer()
    if let stale = use.value.stale ?? use.value.refreshes { stale.head.appendValidators(to: &validators) }
    context.requestRewrite.write(
      bytes, head, context.table.value,
      peer: peer(of: client),
      authority: chosen?.endpoint.authority ?? upstream.authority,
      path: path.span, validators: validators.span, to: &requestBytes.value)
    hostRange = context.requestRewrite.takeHostRange()
    chargeRequest()
    if !isForwarded {
      if let stale = use.value.refreshes { return serveStaleAndRefresh(stale) }
      return follow()
    }
    guard let chosen else { return waitForEndpoint() }
    lease(chosen)
    // With a body that has begun to come, the head goes out together with its first bytes.
    if requestPhase == .ready, connection != nil, !isConnecting, !hasBody || bytes.count == head.end {
      sendHead()
    }
  }

  var hasBody: Bool { requestIsChunked || requestRemaining > 0 }

  private func keepForLog(_ head: RequestHead, _ bytes: Span<UInt8>) {
    record.value.startNanoseconds = EventLoop.nanoseconds
    record.value.requestLine = record.value.keep(bytes, head.methodRange.lowerBound..<(head.fieldsStart - 2))
    if let field = context.table.value.first(.referer) {
      record.value.referer = record.value.keep(bytes, field.valueRange)
    }
    if let field = context.table.value.first(.userAgent) {
      record.value.userAgent = record.value.keep(bytes, field.valueRange)
    }
    if let range = head.authorityRange { record.value.host = record.value.keep(bytes, range) }
    if let requestID {
      let start = record.value.text.count
      requestID.append(to: &record.value.text)
      record.value.requestID = start..<record.value.text.count
    } else if client!.isTrusted, let field = context.table.value.first(.xRequestID) {
      record.value.requestID = record.value.keep(bytes, field.valueRange)
    }
    if let field = context.table.value.first(.traceParent) {
      record.value.trace = record.value.keep(bytes, field.valueRange)
    }
  }

  /// RFC 9110 §7.6.2: OPTIONS and TRACE count their hops; at zero the last one answers.
  private func answersMaxForwards(_ head: RequestHead, _ bytes: Span<UInt8>) -> Bool {
    guard head.method == .options || head.method == .trace,
      let field = context.table.value.first(.maxForwards),
      field.valueRange.count == 1, bytes[Int(field.valueStart)] == UInt8(ascii: "0")
    else { return false }
    replyLocally(status: 200, detail: "the last hop", reason: Reason.maxForwards)
    return true
  }

  // MARK: End

  /// The response is with the client (or in its stream's queue).
  func finish() {
    precondition(responsePhase == .complete)
    let requestIsComplete = requestPhase == .complete
    if let connection {
      self.connection = nil
      connection.stream.setReadMode(.head)
      settle(status: record.value.status)
      let pool = connection.pool
      if upstreamIsReusable, requestIsComplete, !connection.stream.hasQueuedBytes {
        pool.giveBack(connection, idleLimit: upstreamIdleLimit)
      } else {
        pool.discard(connection)
      }
    }
    writeLog()
    // A client that still waits for 100 may or may not send its body now: nobody can tell.
    let isDrainable =
      requestPhase != .ready && !awaitsContinue
      && (requestIsChunked || requestRemaining <= Exchange.drainBytesMax)
    if isPersistent, !requestIsComplete, isDrainable {
      requestPhase = .draining
      client!.stream.setReadMode(.body)
      client!.arm(context.settings.progressTimeout)
      client!.pump()
      return
    }
    leave(isPersistent: isPersistent && requestIsComplete, hasUnreadBody: !requestIsComplete)
  }

  /// Gives the client connection back to itself and becomes new.
  func leave(isPersistent: Bool, hasUnreadBody: Bool) {
    let client = self.client!
    client.stream.setReadMode(.head)
    reset()
    context.recycle(self)
    client.exchangeFinished(isPersistent: isPersistent, hasUnreadBody: hasUnreadBody)
  }

  func writeLog() {
    guard let accessLog = context.accessLog else { return }
    context.clock.value.refresh(loop.now)
    accessLog.record(
      record.value, time: context.clock.value.logTime, client: client?.peer,
      endNanoseconds: EventLoop.nanoseconds)
  }

  /// Answers instead of an origin. Only while nothing of a response was sent.
  func replyLocally(status: Int, detail: StaticString, reason: String, lines: [UInt8] = []) {
    precondition(responsePhase == .awaitingHead)
    if use.value.mode != .off {
      if servesStale(insteadOf: status) { return }
      release(.failed)
      leaveFilling()
    }
    discardConnection()
    stopWaiting()
    context.counters.value.localReplies += 1
    record.value.status = status
    record.value.reason = reason
    responsePhase = .complete
    if context.isDraining || hasBody && requestPhase != .complete { isPersistent = false }
    if !hasBody { requestPhase = .complete }
    context.clock.value.refresh(loop.now)
    context.scratch.value.removeAll()
    // Of a flood that is turned away no answer costs an allocation.
    let own = context.responseRewrite.ownLines(isSecured: client!.isSecured)
    LocalReply.write(
      status: status, detail: detail, date: context.clock.value.date, closes: !isPersistent,
      saysKeepAlive: isHTTP10 && isPersistent, isHead: method == .head,
      retryAfterSeconds: retryAfter(reason), rate: rate, rateNote: context.responseRewrite.rateNote,
      id: requestID,
      lines: lines.isEmpty ? own : own + lines,
      to: &context.scratch.value)
    if case .failed = client!.stream.write(context.scratch.value) { isPersistent = false }
    finish()
  }

  /// The client cannot be answered any more, or not in full: lets both sides go.
  func cut(reason: String, byReset: Bool = false) {
    if record.value.reason == nil { record.value.reason = reason }
    stopWaiting()
    discardConnection()
    writeLog()
    let client = self.client!
    client.stream.setReadMode(.head)
    reset()
    context.recycle(self)
    client.abort(byReset: byReset)
  }

  /// The endpoint is done with this exchange.
  /// - Parameters:
  ///   - status: its own; 0 where it gave none.
  ///   - failure: what speaks against it although it answered.
  func settle(status: Int, failure: StaticString? = nil) {
    guard let local else { return }
    self.local = nil
    local.counters.value.bytesSent &+= UInt64(requestBodyBytes)
    local.counters.value.bytesReceived &+= UInt64(record.value.bodyBytes)
    let now = EventLoop.nanoseconds
    // How long a tunnel or an event stream was open says nothing of how quick the endpoint is.
    let isLatency = status != 101 && !isEventStream
    upstream.finished(
      local, status: status, nanoseconds: isLatency ? now &- leasedAt : 0, at: now, failure: failure)
  }

  func discardConnection() {
    settle(status: responsePhase == .awaitingHead ? 0 : record.value.status)
    guard let connection else { return }
    self.connection = nil
    isConnecting = false
    connection.pool.discard(connection)
  }

  // MARK: Faults

  var progress: ExchangeProgress {
    switch responsePhase {
    case .awaitingHead: requestPhase == .ready ? .beforeRequestHead : .beforeResponseHead
    case .body, .tunnel, .cached: .duringBody
    case .complete: .afterBody
    }
  }

  func timeoutPassed() {
    let verdict = Verdict.of(.deadline, progress)
    switch (responsePhase, requestPhase) {
    case (.tunnel, _): cut(reason: Reason.tunnelIdle, byReset: true)
    case (.body, _):
      let clientStalled = client!.stream.hasQueuedBytes
      if !clientStalled { settle(status: record.value.status, failure: "answer stalled") }
      cut(reason: clientStalled ? Reason.clientStalled : Reason.upstreamStalled, byReset: clientStalled)
    case (.cached, _):
      let clientStalled = client!.stream.hasQueuedBytes
      cut(reason: clientStalled ? Reason.clientStalled : Reason.upstreamStalled, byReset: clientStalled)
    case (.complete, _): leave(isPersistent: false, hasUnreadBody: true)
    case (.awaitingHead, _) where use.value.mode == .following: goAlone()
    case (.awaitingHead, _) where isWaiting: noEndpointCame()
    case (.awaitingHead, _) where isConnecting: connectFailed(.timedOut)
    case (.awaitingHead, .sending) where connection?.stream.hasQueuedBytes != true && !waitsForContinue:
      // The body stopped coming: the client's fault, and the one who waits is the origin.
      replyLocally(status: 408, detail: "the request body stopped coming", reason: Reason.bodyTimeout)
    case (.awaitingHead, _):
      if let local { upstream.failed(local, "no answer in time") }
      replyLocally(
        status: verdict.reply ?? 504, detail: "the origin did not answer in time",
        reason: Reason.responseTimeout)
    }
  }

  /// The client closed its side (`nil`) or its connection broke.
  func downstreamEnded(_ error: UVError?) {
    if responsePhase == .tunnel, error == nil { return tunnelDownstreamEnded() }
    if responsePhase == .complete { return leave(isPersistent: false, hasUnreadBody: false) }
    // A close is all that tells of a client that went away; one that only half-closed is taken for gone
    // too, as most servers do, because the alternative is to let origins work for nobody.
    record.value.status = record.value.status == 0 ? 499 : record.value.status
    if Verdict.of(.downstreamGone, progress).keepsUpstream, let connection, !isConnecting {
      // Nothing was sent on it: it is as good as before.
      settle(status: 0)
      self.connection = nil
      connection.pool.giveBack(connection, idleLimit: nil)
    }
    cut(reason: Reason.clientClosed)
  }
}
