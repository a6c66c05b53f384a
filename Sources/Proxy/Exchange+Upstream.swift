internal import Base
internal import HTTP1
internal import Observe
internal import Reactor
internal import Upstream

// The way to an origin: lease, connect, and what to do when that fails.
extension Exchange {
  /// Takes an idle connection to `endpoint`, or begins a new one.
  func lease(_ endpoint: Endpoint) {
    record.value.tries += 1
    record.value.endpoint = endpoint.name
    let pool = context.upstream.pool(of: endpoint)
    while !hasReplayed, let idle = pool.lease() {
      // The stale keep-alive race: the origin may have closed it since this loop last looked. Whoever can
      // be sent twice takes the risk; for the others one look is cheaper than a lost request.
      if !method.isIdempotent, idle.stream.peekIsReadable() {
        pool.discard(idle)
        continue
      }
      connection = idle
      idle.stream.setHandler(self)
      return
    }
    connect(pool.make())
  }

  private func connect(_ fresh: UpstreamConnection) {
    connection = fresh
    isConnecting = true
    if let error = fresh.stream.connect(to: fresh.endpoint.address, handler: self) {
      connectFailed(error)
      return
    }
    client!.arm(context.upstream.connectTimeout)
  }

  func streamDidConnect() {
    guard isConnecting, let connection else { return }
    isConnecting = false
    connection.stream.setNoDelay()
    connection.stream.startReading()
    if context.accessLog != nil {
      record.value.connectedNanoseconds = EventLoop.nanoseconds &- record.value.startNanoseconds
    }
    if hasReplayed { return replay() }
    if hasBody {
      // The first bytes of the body wait at the client's side; they go out with the head.
      client!.pump()
      if requestPhase != .ready || self.connection !== connection { return }
    }
    sendHead()
  }

  func connectFailed(_ error: UVError) {
    let failed = connection!.endpoint
    discardConnection()
    tried.append(failed.index)
    context.warn("endpoint \(failed.name): cannot connect: \(error)")
    if error.isOutOfDescriptors {
      // Another endpoint would not help; an idle connection that goes does, next time.
      _ = context.upstream.dropIdleConnection()
      return replyLocally(
        status: 503, detail: "no descriptor is left for another connection", reason: Reason.noDescriptors)
    }
    let fault = error == .timedOut ? ExchangeFault.deadline : .upstreamGone
    let verdict = Verdict.of(fault, .beforeRequestHead)
    if verdict.retry == .anotherEndpoint, tried.count <= context.settings.retries,
      let other = context.upstream.endpoints.next(excluding: tried)
    {
      // What a connection that broke was sent must be sent again, and only a fresh one does that.
      if requestPhase == .ready { hasReplayed = false }
      replaceHost(with: other.authority)
      return lease(other, sendingAtOnce: true)
    }
    let timedOut = error == .timedOut
    replyLocally(
      status: verdict.reply ?? 502,
      detail: timedOut ? "no connection to the origin in time" : "no connection to the origin",
      reason: timedOut ? Reason.connectTimeout : Reason.connectFailed)
  }

  /// As `lease`, from an event of its own: nobody up the stack sends the head afterwards.
  private func lease(_ endpoint: Endpoint, sendingAtOnce: Bool) {
    lease(endpoint)
    guard requestPhase == .ready, connection != nil, !isConnecting else { return }
    if hasBody { client!.pump() }
    if requestPhase == .ready, connection != nil, !isConnecting, responsePhase == .awaitingHead { sendHead() }
  }

  /// Puts another origin's name into the head that is ready.
  private func replaceHost(with authority: String) {
    guard !hostRange.isEmpty else { return }
    let bytes = Array(authority.utf8)
    let growth = bytes.count - hostRange.count
    requestBytes.value.replace(hostRange, with: bytes.span)
    hostRange = hostRange.lowerBound..<(hostRange.upperBound + growth)
  }

  /// The connection broke before a byte of the response. Tries once more where that is safe.
  /// - Parameter nothingWasTaken: the kernel refused the very first write, so no origin saw a byte.
  func upstreamFailed(_ error: UVError?, nothingWasTaken: Bool = false) {
    let verdict = Verdict.of(.upstreamGone, .beforeResponseHead)
    let isSafe = nothingWasTaken || method.isIdempotent && isReplayable
    if verdict.retry == .onReusedConnection, connection!.isReused, !hasReplayed, isSafe,
      responseInbox.value.isEmpty
    {
      let endpoint = connection!.endpoint
      discardConnection()
      hasReplayed = true
      return lease(endpoint)
    }
    context.warn(
      "endpoint \(connection!.endpoint.name): closed before it answered: \(error?.description ?? "end of stream")"
    )
    replyLocally(
      status: verdict.reply ?? 502, detail: "the origin closed the connection before it answered",
      reason: Reason.upstreamClosed)
  }

  /// Sends again what an origin that had gone was sent, on a fresh connection.
  private func replay() {
    if requestPhase == .ready {
      if hasBody { client!.pump() }
      if requestPhase == .ready, connection != nil, !isConnecting { sendHead() }
      return
    }
    if requestPhase == .refused { requestPhase = requestIsFullyTaken ? .complete : .sending }
    switch connection!.stream.write(requestBytes.value) {
    case .failed(let error): upstreamFailed(error)
    case .queued: requestWasQueued()
    case .sent:
      requestWasSent()
      // What came of the body meanwhile waits at the client's side.
      client!.pump()
    }
  }

  var requestIsFullyTaken: Bool {
    requestIsChunked ? requestDecoder?.isFinished == true : requestRemaining == 0
  }
}
