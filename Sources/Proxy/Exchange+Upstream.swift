internal import Base
internal import HTTP1
internal import Observe
internal import Reactor
internal import Upstream

// The way to an origin: lease, connect, and what to do when that fails.
extension Exchange {
  /// Takes an idle connection to an endpoint, or begins a new one.
  func lease(_ local: LocalEndpoint) {
    record.value.tries += 1
    if context.accessLog != nil { record.value.endpoint = local.endpoint.name }
    self.local = local
    leasedAt = EventLoop.nanoseconds
    upstream.began(local)
    let pool = local.pool
    while !isReplaying, let idle = pool.lease() {
      // The stale keep-alive race: the origin may have closed it since this loop last looked. Whoever can
      // be sent twice takes the risk; for the others one look is cheaper than a lost request.
      if !method.isIdempotent, idle.stream.peekIsReadable() {
        pool.discard(idle)
        continue
      }
      local.counters.value.reuses += 1
      connection = idle
      idle.stream.setHandler(self)
      return
    }
    local.counters.value.connects += 1
    connect(pool.make())
  }

  private func connect(_ fresh: UpstreamConnection) {
    connection = fresh
    isConnecting = true
    if let error = fresh.stream.connect(to: fresh.endpoint.address, handler: self) {
      connectFailed(error)
      return
    }
    client!.arm(upstream.settings.connectTimeout)
  }

  func streamDidConnect() {
    guard isConnecting, let connection else { return }
    isConnecting = false
    connection.stream.setNoDelay()
    connection.stream.startReading()
    if context.accessLog != nil {
      record.value.connectedNanoseconds = EventLoop.nanoseconds &- record.value.startNanoseconds
    }
    context.endpointAnswered()
    if isReplaying { return replay() }
    if hasBody {
      // The first bytes of the body wait at the client's side; they go out with the head.
      client!.pump()
      if requestPhase != .ready || self.connection !== connection { return }
    }
    sendHead()
  }

  func connectFailed(_ error: UVError) {
    let failed = local!
    let why = connection?.stream.failure(error) ?? "\(error)"
    if error.isOutOfDescriptors {
      discardConnection()
      context.warn("endpoint \(failed.endpoint.name): cannot connect: \(error)")
      // Another endpoint would not help; an idle connection that goes does, next time.
      _ = context.dropIdleConnection()
      return replyLocally(
        status: 503, detail: "no descriptor is left for another connection", reason: Reason.noDescriptors)
    }
    if error.isLocalShortage {
      context.warn("endpoint \(failed.endpoint.name): cannot connect: \(error)")
    } else {
      upstream.connectFailed(failed, why)
      if error == .notSecured { context.warn("endpoint \(failed.endpoint.name): \(why)") }
    }
    discardConnection()
    tried.append(failed.endpoint.id)
    let timedOut = error == .timedOut
    let verdict = Verdict.of(timedOut ? .deadline : .upstreamGone, .beforeRequestHead)
    if verdict.retry == .anotherEndpoint, context.settings.retries > 0 {
      // What a connection that broke was sent must be sent again, and only a fresh one does that.
      if requestPhase == .ready { isReplaying = false }
      let other =
        tried.count <= context.settings.retries ? upstream.select(key, excluding: tried) : nil
      if let other {
        failed.counters.value.retries += 1
        leavesKey()
        return lease(other, sendingAtOnce: true)
      }
      // Nobody there just now, which a restart makes so for a moment. A connect that timed out has
      // waited long enough.
      if !timedOut, !upstream.hasOther(excluding: tried) { return waitForEndpoint() }
    }
    replyLocally(
      status: verdict.reply ?? 502,
      detail: timedOut ? "no connection to the origin in time" : "no connection to the origin",
      reason: timedOut
        ? Reason.connectTimeout : error == .notSecured ? "\(Reason.notSecured):\(why)" : Reason.connectFailed)
  }

  /// As `lease`, from an event of its own: nobody up the stack sends the head afterwards.
  func lease(_ local: LocalEndpoint, sendingAtOnce: Bool) {
    replaceHost(with: local.endpoint.authority)
    lease(local)
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

  /// The connection broke before a byte of the response. Tries again where that is safe.
  /// - Parameter nothingWasTaken: the kernel refused the very first write, so no origin saw a byte.
  func upstreamFailed(_ error: UVError?, nothingWasTaken: Bool = false) {
    let failed = local!
    let wasReused = connection!.isReused
    let reason = error?.description ?? "closed before it answered"
    let isSafe = nothingWasTaken || method.isIdempotent && isReplayable
    let verdict = Verdict.of(.upstreamGone, .beforeResponseHead)
    if verdict.retry == .whereSafe, isSafe, responseInbox.value.isEmpty {
      // The stale keep-alive race is nobody's fault: the same endpoint, on a fresh connection.
      if wasReused, replays == 0 { return replay(on: failed) }
      upstream.failed(failed, reason)
      if replays < context.settings.retries, upstream.takeRetry() {
        failed.counters.value.retries += 1
        // Not to one that failed this very request before, as long as there are others.
        tried.append(failed.endpoint.id)
        let other = upstream.select(key, excluding: tried)
        if other != nil { leavesKey() }
        return replay(on: other ?? failed)
      }
    } else {
      upstream.failed(failed, reason)
    }
    context.warn("endpoint \(failed.endpoint.name): closed before it answered: \(reason)")
    replyLocally(
      status: verdict.reply ?? 502, detail: "the origin closed the connection before it answered",
      reason: Reason.upstreamClosed)
  }

  /// Goes elsewhere than the cookie says: the client is told a new one.
  private func leavesKey() { if case .token = key { setsCookie = true } }

  private func replay(on local: LocalEndpoint) {
    discardConnection()
    isReplaying = true
    replays += 1
    lease(local, sendingAtOnce: true)
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
