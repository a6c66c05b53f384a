internal import Base
internal import HTTP1
internal import Observe
internal import Reactor
internal import Upstream

// The request on its way to the origin.
extension Exchange {
  /// Whether bytes from the client have nowhere to go for now.
  var isWaitingForSink: Bool {
    if responsePhase == .tunnel { return connection?.stream.hasQueuedBytes == true }
    switch requestPhase {
    case .ready, .sending:
      return hasBody && (connection == nil || isConnecting || connection!.stream.hasQueuedBytes)
    case .refused: return true
    case .complete, .draining: return false
    }
  }

  /// Sends the head alone.
  func sendHead() {
    requestPhase = hasBody ? .sending : .complete
    switch connection!.stream.write(requestBytes.value) {
    case .sent: requestWasSent()
    case .queued: requestWasQueued()
    case .failed(let error):
      requestPhase = .ready
      upstreamFailed(error, nothingWasTaken: true)
    }
  }

  func requestWasSent() {
    let isOriginsTurn = requestPhase == .complete || waitsForContinue
    client!.arm(isOriginsTurn ? context.settings.responseTimeout : context.settings.progressTimeout)
  }

  /// The client has sent nothing of its body because the origin has not asked for it yet.
  var waitsForContinue: Bool { awaitsContinue && requestBodyBytes == 0 }

  func requestWasQueued() { client!.arm(context.settings.progressTimeout) }

  /// Takes what it can of `bytes[from...]`. Returns the count; 0 when nothing can be taken now.
  func takeRequestBytes(_ bytes: Span<UInt8>, from: Int) -> Int {
    if responsePhase == .tunnel { return tunnelFromClient(bytes, from: from) }
    switch requestPhase {
    case .complete: return 0
    case .refused: return 0
    case .draining: return drain(bytes, from: from)
    case .ready, .sending:
      guard hasBody, let connection, !isConnecting, !connection.stream.hasQueuedBytes else { return 0 }
      return requestIsChunked ? forwardChunked(bytes, from: from) : forwardLength(bytes, from: from)
    }
  }

  private func forwardLength(_ bytes: Span<UInt8>, from: Int) -> Int {
    let count = min(requestRemaining, bytes.count - from)
    let part = bytes.extracting(from..<(from + count))
    let isFirst = requestPhase == .ready
    let outcome =
      isFirst ? connection!.stream.write(requestBytes.value, part) : connection!.stream.write(part)
    guard accept(outcome, isFirst: isFirst) else { return 0 }
    requestRemaining -= count
    requestBodyBytes += count
    keepForReplay(part)
    bodyMoved(isComplete: requestRemaining == 0, outcome)
    return count
  }

  /// Takes the chunked coding off and puts a fresh one on: what reaches the origin is ours, digit for
  /// digit, whatever the client's looked like.
  private func forwardChunked(_ bytes: Span<UInt8>, from: Int) -> Int {
    var at = from
    context.scratch.value.removeAll()
    let isFirst = requestPhase == .ready
    if isFirst { context.scratch.value.append(requestBytes.value) }
    let bodyStart = context.scratch.value.count
    var isComplete = false
    reading: while true {
      switch requestDecoder!.next(bytes, &at) {
      case .data(let range):
        requestBodyBytes += range.count
        appendChunk(bytes, range, to: &context.scratch.value)
      case .needMore: break reading
      case .finished:
        isComplete = true
        if let error = appendLastChunk(&requestDecoder!, to: &context.scratch.value) {
          refuseBody(error)
          return 0
        }
        break reading
      case .failed(let error):
        refuseBody(error)
        return 0
      }
    }
    let bodyMax = context.settings.bodyBytesMax
    if bodyMax > 0, requestBodyBytes > bodyMax {
      replyLocally(status: 413, detail: "the request body is too large", reason: Reason.bodyTooLarge)
      return 0
    }
    let outcome = connection!.stream.write(context.scratch.value)
    if case .failed(let error) = outcome, isFirst {
      // Decoded bytes cannot be given back: they are kept in encoded form for the fresh connection.
      requestBytes.value.append(context.scratch.value, from: bodyStart)
      requestPhase = isComplete ? .complete : .sending
      upstreamFailed(error, nothingWasTaken: true)
      return at - from
    }
    keepScratchForReplay(from: bodyStart)
    if case .failed = outcome {
      // Taken all the same: what was decoded once must not be decoded again.
      originTakesNoMore()
      return at - from
    }
    bodyMoved(isComplete: isComplete, outcome)
    return at - from
  }

  /// Deals with a failed write. `false` when the caller has nothing more to do.
  private func accept(_ outcome: WriteOutcome, isFirst: Bool) -> Bool {
    guard case .failed(let error) = outcome else { return true }
    if isFirst {
      upstreamFailed(error, nothingWasTaken: true)
    } else {
      originTakesNoMore()
    }
    return false
  }

  /// The origin closed against the body. It may have answered before it did (413 is the usual case), so
  /// its answer is awaited; the end of its stream ends the wait.
  private func originTakesNoMore() {
    requestPhase = .refused
    client!.stream.setReadMode(.head)
    client!.stream.pauseReading()
    client!.arm(context.settings.responseTimeout)
  }

  /// Whether a body is worth keeping: its request may be sent again after a connection breaks.
  private var mayReplay: Bool {
    method.isIdempotent && (context.settings.retries > 0 || connection!.isReused)
      && !context.limits.buffers.isExceeded
  }

  private func keepForReplay(_ part: Span<UInt8>) {
    guard isReplayable else { return }
    if mayReplay,
      requestBytes.value.count + part.count <= Exchange.replayBytesMax
    {
      requestBytes.value.append(part)
      chargeRequest()
    } else {
      forgetReplay()
    }
  }

  /// The same for a body that was coded anew into `context.scratch`.
  private func keepScratchForReplay(from: Int) {
    guard isReplayable else { return }
    let count = context.scratch.value.count - from
    if mayReplay, requestBytes.value.count + count <= Exchange.replayBytesMax {
      requestBytes.value.append(context.scratch.value, from: from)
      chargeRequest()
    } else {
      forgetReplay()
    }
  }

  /// The request cannot be sent again any more: what was kept for that goes.
  private func forgetReplay() {
    isReplayable = false
    if requestBytes.value.capacityBytes > Exchange.spareBytesMax, !wantsUpgrade {
      requestBytes.value = ByteBuffer()
      chargeRequest()
    }
  }

  private func bodyMoved(isComplete: Bool, _ outcome: WriteOutcome) {
    requestPhase = isComplete ? .complete : .sending
    if isComplete {
      client!.stream.setReadMode(.head)
    } else {
      // What is spliced nobody has seen, so nobody could send it again.
      let isKept =
        isReplayable && mayReplay && requestBytes.value.count + requestRemaining <= Exchange.replayBytesMax
      let isSpliced =
        !requestIsChunked && requestRemaining >= Exchange.spliceBytesMin && !isKept
        && client!.stream.canSplice
        && connection!.stream.canSplice
      client!.stream.setReadMode(isSpliced ? .readiness : .body)
    }
    if case .queued = outcome { requestWasQueued() } else { requestWasSent() }
    if !isComplete { checkPace() }
  }

  /// Ends a body that comes so slowly that it is meant to: progress alone, a byte every now and then, would keep an
  /// origin's connection for ever. Time in which the origin did not take any is not held against the client.
  private func checkPace() {
    let settings = context.settings
    // Once an origin answers, the two of them are talking: who says little may mean to.
    guard settings.bodyRateMin > 0, responsePhase == .awaitingHead else { return }
    if paceCheck.at == .never || connection?.stream.hasQueuedBytes == true {
      paceCheck = (loop.now.advanced(by: settings.bodyRateGrace), requestBodyBytes)
      return
    }
    guard loop.now >= paceCheck.at else { return }
    let milliseconds = loop.now.since(paceCheck.at).milliseconds + settings.bodyRateGrace.milliseconds
    let wanted = settings.bodyRateMin * Int(milliseconds) / 1000
    guard requestBodyBytes - paceCheck.bytes < wanted else {
      paceCheck = (loop.now.advanced(by: settings.bodyRateGrace), requestBodyBytes)
      return
    }
    replyLocally(status: 408, detail: "the request body comes too slowly", reason: Reason.bodyTooSlow)
  }

  /// The client's stream is readable and the rest of the body goes through the kernel.
  func spliceRequest() {
    guard requestPhase == .sending, let connection, !isConnecting, !connection.stream.hasQueuedBytes else {
      return client!.stream.setReadMode(.body)
    }
    let (moved, state) = client!.stream.splice(to: connection.stream, limit: requestRemaining)
    requestRemaining -= moved
    requestBodyBytes += moved
    // Nobody has seen these bytes, so nobody can send them again.
    if moved > 0 { isReplayable = false }
    if requestRemaining == 0 {
      requestPhase = .complete
      client!.stream.setReadMode(.head)
    }
    switch state {
    case .sourceEmpty, .limitReached:
      if moved > 0 {
        requestWasSent()
        if requestPhase == .sending { checkPace() }
      }
    case .sinkFull:
      requestWasQueued()
      if requestPhase == .sending { client!.stream.pauseReading() }
    case .sourceEnded: downstreamEnded(nil)
    case .sourceFailed(let error): downstreamEnded(error)
    case .sinkFailed: originTakesNoMore()
    }
  }

  /// Everything queued towards the origin is with the kernel: the body goes on.
  func streamDidDrain() {
    if responsePhase == .tunnel { return tunnelUpstreamDrained() }
    requestWasSent()
    client!.pump()
  }

  /// A malformed body: what the origin has of it is incomplete and stays so.
  private func refuseBody(_ error: HTTP1Error) {
    guard responsePhase == .awaitingHead else { return cut(reason: error.rawValue) }
    replyLocally(status: error.status, detail: "the request body is malformed", reason: error.rawValue)
  }

  /// Reads on to the end of a body that nobody wants, so that the connection can be kept.
  private func drain(_ bytes: Span<UInt8>, from: Int) -> Int {
    var at = from
    var isComplete = false
    if requestIsChunked {
      reading: while true {
        switch requestDecoder!.next(bytes, &at) {
        case .data: continue
        case .needMore: break reading
        case .finished:
          isComplete = true
          break reading
        case .failed:
          leave(isPersistent: false, hasUnreadBody: true)
          return bytes.count - from
        }
      }
    } else {
      let count = min(requestRemaining, bytes.count - from)
      requestRemaining -= count
      at += count
      isComplete = requestRemaining == 0
    }
    drainedBytes += at - from
    if isComplete {
      leave(isPersistent: true, hasUnreadBody: false)
    } else if drainedBytes > Exchange.drainBytesMax {
      leave(isPersistent: false, hasUnreadBody: true)
    }
    return at - from
  }

  // MARK: Chunked coding

  func appendChunk(_ bytes: Span<UInt8>, _ range: Range<Int>, to out: inout ByteBuffer) {
    out.append(hex: range.count)
    out.append("\r\n")
    out.append(bytes, from: range.lowerBound, to: range.upperBound)
    out.append("\r\n")
  }

  /// Appends the last chunk and the trailers that may pass. Returns what is wrong with the trailers.
  func appendLastChunk(_ decoder: inout ChunkedDecoder, to out: inout ByteBuffer) -> HTTP1Error? {
    out.append("0\r\n")
    if decoder.hasTrailers {
      let trailers = decoder.trailerBytes.span
      if let error = context.table.value.parseTrailers(trailers, limits: context.settings.limits) {
        return error
      }
      TrailerRules.append(trailers, context.table.value, to: &out)
    }
    out.append("\r\n")
    return nil
  }
}

/// Trailers never become fields of the head, and what frames, routes, authenticates or names the client
/// is no trailer at all (RFC 9110 §6.5.1): those are dropped.
enum TrailerRules {
  private static let forbidden: UInt64 =
    FieldName.host.bit | FieldName.connection.bit | FieldName.contentLength.bit
    | FieldName.transferEncoding.bit
    | FieldName.te.bit | FieldName.trailer.bit | FieldName.upgrade.bit | FieldName.expect.bit
    | FieldName.keepAlive.bit | FieldName.proxyConnection.bit | FieldName.xForwardedFor.bit
    | FieldName.xForwardedProto.bit | FieldName.xForwardedHost.bit | FieldName.forwarded.bit
    | FieldName.xRealIP.bit | FieldName.authorization.bit | FieldName.proxyAuthorization.bit
    | FieldName.cookie.bit | FieldName.setCookie.bit | FieldName.maxForwards.bit | FieldName.cacheControl.bit
    | FieldName.age.bit | FieldName.date.bit | FieldName.location.bit | FieldName.contentEncoding.bit
    | FieldName.contentType.bit | FieldName.contentRange.bit | FieldName.http2Settings.bit | FieldName.via.bit

  static func append(_ bytes: Span<UInt8>, _ table: borrowing FieldTable, to out: inout ByteBuffer) {
    for index in 0..<table.count {
      let field = table[index]
      if field.name != .other, forbidden & field.name.bit != 0 { continue }
      out.append(bytes, from: Int(field.start), to: Int(field.end))
    }
  }
}
