internal import Base
internal import HTTP1
internal import Observe
internal import Reactor
internal import Upstream

// The response on its way to the client.
extension Exchange {
  func streamDidReceive(_ bytes: Span<UInt8>) {
    switch responsePhase {
    case .body: relay(bytes, from: 0, withHead: false)
    case .tunnel: tunnelFromOrigin(bytes, from: 0)
    case .complete, .cached: upstreamIsReusable = false
    case .awaitingHead:
      if responseInbox.value.isEmpty {
        readHeads(bytes)
        return
      }
      responseInbox.value.append(bytes)
      // As for requests: a slow head is not parsed anew for every byte.
      let hasLine = ByteScan.first(0x0A, in: bytes, from: 0) < bytes.count
      guard hasLine || responseInbox.value.count > context.settings.limits.headBytesMax else { return }
      var buffer = ByteBuffer()
      swap(&buffer, &responseInbox.value)
      readHeads(buffer.span)
    }
  }

  /// Reads interim heads and the final one; keeps what is incomplete.
  private func readHeads(_ bytes: Span<UInt8>) {
    var at = 0
    while at < bytes.count {
      let rest = bytes.extracting(at..<bytes.count)
      switch ResponseHead.parse(
        rest, answering: method, into: &context.table.value, limits: context.settings.limits)
      {
      case .incomplete:
        responseInbox.value.append(rest)
        return
      case .failed(let error):
        return responseIsMalformed(error.rawValue)
      case .complete(let head):
        if requestPhase == .ready { return responseIsMalformed(Reason.responseMalformed) }
        if head.status == 101 { return switchProtocols(rest, head) }
        if head.isInterim {
          // The origin has the request and works on it: a second one would be one too many.
          isReplayable = false
          forwardInterim(rest, head)
          // A client that cannot be written to any more has ended the exchange.
          guard client != nil else { return }
          at += head.end
          continue
        }
        return beginResponse(rest, head)
      }
    }
  }

  private func responseIsMalformed(_ reason: String) {
    if let local { upstream.failed(local, "malformed answer") }
    context.warn("endpoint \(connection!.endpoint.name): malformed response: \(reason)")
    replyLocally(
      status: 502, detail: "the origin's answer is malformed", reason: "\(Reason.responseMalformed):\(reason)"
    )
  }

  /// 1xx, as many as there are. HTTP/1.0 has none. RFC 9110 §15.2.
  private func forwardInterim(_ bytes: Span<UInt8>, _ head: ResponseHead) {
    guard !isHTTP10 else { return }
    if head.status == 100 {
      awaitsContinue = false
      if requestPhase == .sending { requestWasSent() }
    }
    context.scratch.value.removeAll()
    context.responseRewrite.write(
      bytes, head, context.table.value, ResponseRewrite.Connection(encoding: .none),
      date: context.clock.value.date,
      to: &context.scratch.value)
    switch client!.stream.write(context.scratch.value) {
    case .sent: break
    case .queued: connection!.stream.pauseReading()
    case .failed(let error): downstreamEnded(error)
    }
  }

  private func beginResponse(_ bytes: Span<UInt8>, _ head: ResponseHead) {
    if use.value.mode != .off, cacheTakes(bytes, head) { return }
    record.value.status = head.status
    if context.accessLog != nil {
      record.value.respondedNanoseconds = EventLoop.nanoseconds &- record.value.startNanoseconds
    }
    responseFraming = head.framing
    upstreamIsReusable = head.isPersistent
    if context.table.value.contains(.keepAlive) { readIdleLimit(bytes) }
    var told = ResponseRewrite.Connection(encoding: .none)
    switch head.framing {
    case .none: break
    case .length(let count):
      responseRemaining = count
      told.encoding = .identity
    case .chunked:
      responseDecoder = ChunkedDecoder(trailerBytesMax: context.settings.limits.headBytesMax)
      told.encoding = isHTTP10 ? .identity : .chunked
    case .untilClose:
      told.encoding = isHTTP10 ? .identity : .chunked
      told.addsChunked = !isHTTP10
    }
    encoding = told.encoding
    let endsByClose = isHTTP10 && (head.framing == .chunked || head.framing == .untilClose)
    // The client may or may not send a body it was not told to send: the connection cannot go on.
    let bodyIsUncertain = awaitsContinue && requestBodyBytes == 0
    if context.isDraining || endsByClose || bodyIsUncertain || requestPhase == .refused {
      isPersistent = false
    }
    told.closes = !isPersistent
    told.saysKeepAlive = isHTTP10 && isPersistent
    told.isHTTP10 = isHTTP10
    if use.value.mode != .off { told.cacheForward = use.value.forward }
    told.rate = rate
    told.isSecured = client!.isSecured
    if setsCookie, let local { told.cookie = upstream.cookieLine(of: local) }
    isEventStream = isEventStreamType(bytes)
    context.clock.value.refresh(loop.now)
    context.scratch.value.removeAll()
    context.responseRewrite.write(
      bytes, head, context.table.value, told, date: context.clock.value.date, to: &context.scratch.value)
    responsePhase = .body
    relay(bytes, from: head.end, withHead: true)
  }

  private func isEventStreamType(_ bytes: Span<UInt8>) -> Bool {
    guard let field = context.table.value.first(.contentType) else { return false }
    let end = min(Int(field.valueStart) + 17, Int(field.valueEnd))
    return ASCII.equals(bytes, Int(field.valueStart), end, ignoringCase: "text/event-stream")
  }

  /// `Keep-Alive: timeout=N`: a second less than the origin will wait, so that it is never the first to
  /// close.
  func readIdleLimit(_ bytes: Span<UInt8>) {
    guard let field = context.table.value.first(.keepAlive) else { return }
    var seconds = 0
    var at = Int(field.valueStart)
    let end = Int(field.valueEnd)
    while at + 8 < end, !ASCII.equals(bytes, at, at + 8, ignoringCase: "timeout=") { at += 1 }
    guard at + 8 < end, ASCII.isDigit(bytes[at + 8]) else { return }
    at += 8
    while at < end, ASCII.isDigit(bytes[at]), seconds < 100_000 {
      seconds = seconds * 10 + Int(bytes[at] - 0x30)
      at += 1
    }
    upstreamIdleLimit = .seconds(UInt64(max(0, seconds - 1)))
  }

  // MARK: Body

  /// Passes body bytes on, after the head in `context.scratch` when there is one.
  private func relay(_ bytes: Span<UInt8>, from: Int, withHead: Bool) {
    if !withHead { context.scratch.value.removeAll() }
    switch responseFraming {
    case .none:
      if from < bytes.count { upstreamIsReusable = false }
      deliver(Span(), isComplete: true)
    case .length:
      let count = min(responseRemaining, bytes.count - from)
      responseRemaining -= count
      // More than was announced: the origin counts differently from us, so its connection ends here.
      if from + count < bytes.count { upstreamIsReusable = false }
      record.value.bodyBytes += count
      deliver(bytes.extracting(from..<(from + count)), isComplete: responseRemaining == 0)
    case .chunked: relayChunked(bytes, from: from)
    case .untilClose:
      let count = bytes.count - from
      record.value.bodyBytes += count
      if encoding == .chunked {
        if count > 0 { appendChunk(bytes, from..<bytes.count, to: &context.scratch.value) }
        deliver(Span(), isComplete: false)
      } else {
        deliver(bytes.extracting(from..<bytes.count), isComplete: false)
      }
    }
  }

  private func relayChunked(_ bytes: Span<UInt8>, from: Int) {
    var at = from
    while true {
      switch responseDecoder!.next(bytes, &at) {
      case .data(let range):
        record.value.bodyBytes += range.count
        if encoding == .chunked {
          appendChunk(bytes, range, to: &context.scratch.value)
        } else {
          context.scratch.value.append(bytes, from: range.lowerBound, to: range.upperBound)
        }
      case .needMore:
        return deliver(Span(), isComplete: false)
      case .finished(let end):
        if end < bytes.count { upstreamIsReusable = false }
        if encoding == .chunked,
          let error = appendLastChunk(&responseDecoder!, to: &context.scratch.value)
        {
          return responseIsCut(reason: error.rawValue)
        }
        return deliver(Span(), isComplete: true)
      case .failed(let error):
        return responseIsCut(reason: error.rawValue)
      }
    }
  }

  /// Writes `context.scratch` and then `part`.
  private func deliver(_ part: Span<UInt8>, isComplete: Bool) {
    // A short body is cheaper copied behind the head than passed as a second piece.
    let isJoined = part.count <= Exchange.joinBytesMax
    if isJoined { context.scratch.value.append(part) }
    let outcome = client!.stream.write(
      context.scratch.value, isJoined ? Span() : part, ends: isComplete && !isPersistent)
    if case .failed(let error) = outcome { return downstreamEnded(error) }
    if isComplete {
      responsePhase = .complete
      return finish()
    }
    let isSpliced =
      encoding == .identity && responseRemaining >= Exchange.spliceBytesMin && client!.stream.canSplice
      && connection!.stream.canSplice
    connection!.stream.setReadMode(isSpliced ? .readiness : .body)
    if case .queued = outcome { connection!.stream.pauseReading() }
    armForBody()
  }

  private func armForBody() {
    let isQuiet = isEventStream && !client!.stream.hasQueuedBytes
    client!.arm(isQuiet ? context.settings.tunnelTimeout : context.settings.progressTimeout)
  }

  /// The origin's stream is readable and the rest of the body goes through the kernel.
  func streamIsReadable() {
    guard responsePhase == .body, let connection, let client, !client.stream.hasQueuedBytes else {
      self.connection?.stream.setReadMode(.body)
      return
    }
    let (moved, state) = connection.stream.splice(to: client.stream, limit: responseRemaining)
    responseRemaining -= moved
    record.value.bodyBytes += moved
    switch state {
    case .sinkFailed(let error): return downstreamEnded(error)
    case .sourceFailed, .sourceEnded: return responseIsCut(reason: Reason.responseCut)
    case .sinkFull: if responseRemaining > 0 { connection.stream.pauseReading() }
    case .sourceEmpty, .limitReached: break
    }
    if responseRemaining == 0 {
      responsePhase = .complete
      return finish()
    }
    if moved > 0 { armForBody() }
  }

  /// Everything queued towards the client is with the kernel: the response goes on.
  func downstreamDrained() {
    if responsePhase == .tunnel { return tunnelDownstreamDrained() }
    if responsePhase == .cached { return cachedDrained() }
    guard responsePhase != .complete, let connection, !isConnecting else { return }
    connection.stream.startReading()
    if responsePhase == .body { armForBody() }
  }

  /// The origin ended (`nil`) or broke the connection.
  func streamDidEnd(_ error: UVError?) {
    if isConnecting { return connectFailed(error ?? .connectionReset) }
    switch responsePhase {
    case .tunnel: tunnelUpstreamEnded(error)
    case .complete, .cached: upstreamIsReusable = false
    case .awaitingHead: upstreamFailed(error)
    case .body:
      guard responseFraming == .untilClose, error == nil else {
        return responseIsCut(reason: Reason.responseCut)
      }
      context.scratch.value.removeAll()
      if encoding == .chunked { context.scratch.value.append("0\r\n\r\n") }
      upstreamIsReusable = false
      deliver(Span(), isComplete: true)
    }
  }

  /// The rest will not come, or cannot be trusted. The client has the head already, so the only honest
  /// end is one that it can tell from a complete answer: no last chunk, fewer bytes than announced, or,
  /// where the end of the connection is the end of the body, a reset.
  private func responseIsCut(reason: String) {
    guard responsePhase == .body else { return }
    settle(status: record.value.status, failure: "answer cut short")
    let endsByClose = encoding == .identity && responseFraming != .none && responseRemaining == 0
    if case .length = responseFraming { return cut(reason: reason) }
    cut(reason: reason, byReset: endsByClose)
  }
}
