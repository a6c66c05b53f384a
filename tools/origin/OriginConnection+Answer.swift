internal import Base
internal import HTTP1
internal import Reactor

// How an answer is sent: its head with the first of its body, then whatever the stream takes.
extension OriginConnection {
  /// What one turn of the loop writes for one connection at most.
  private static var turnBytesMax: Int { 4 * 1024 * 1024 }

  /// The request is here and its delay has passed.
  func startAnswer() {
    guard var exchange else { preconditionFailure("an answer to no request") }
    switch exchange.query.abort {
    case .head: return close()
    case .headReset: return reset()
    case .never, .body, .bodyReset: break
    }
    switch exchange.upgrade {
    case .webSocket, .bytes: return startTunnel(exchange)
    case .none, .refused: break
    }
    if context.isDraining { exchange.closes = true }
    var fixed = ByteBuffer()
    swap(&fixed, &report)
    switch exchange.query.content {
    case .report:
      Report.finish(bodyBytes: exchange.bodyBytes, checksum: exchange.checksum.value, to: &fixed)
    case .problem(let problem): fixed.append(problem.text)
    case .small, .bytes, .events, .echo: break
    }
    let length = exchange.length(fixedCount: fixed.count)
    let encoder = exchange.encoder(for: length)
    writeHead(exchange, length)
    source = exchange.source(fixed, encoder)
    if !exchange.isStreamingEcho || body.isComplete { source.endInput() }
    self.exchange = exchange
    phase = .answering
    startEvents(exchange)
    pumpAnswer()
  }

  private func writeHead(_ exchange: Exchange, _ length: AnswerHead.Length) {
    context.refreshDate()
    let head = AnswerHead(
      status: exchange.status, contentType: exchange.contentType, length: length,
      hasTrailer: exchange.query.flags.contains(.trailers),
      persistence: exchange.closes ? .close : exchange.isHTTP10 ? .keepAliveHTTP10 : .keepAlive,
      fieldLines: exchange.query.fieldLines)
    context.scratch.removeAll()
    head.write(date: context.date, identity, keepAlive: context.keepAliveLine, to: &context.scratch)
  }

  private func startEvents(_ exchange: Exchange) {
    guard case .events = exchange.query.content, exchange.query.interval.milliseconds > 0 else {
      return arm(OriginConnection.stallTimeout)
    }
    disarm()
    pause = RepeatingTimer(every: exchange.query.interval, on: context.loop) { [unowned self] in
      intervalPassed()
    }
  }

  private func intervalPassed() {
    source.makeEventDue()
    if !stream.hasQueuedBytes { pumpAnswer() }
  }

  /// Sends what the source gives until the stream is full or the source has no more. Whatever is in the
  /// scratch buffer goes first.
  func pumpAnswer() {
    guard phase == .answering else { return }
    let block = source.block
    var turnBytes = 0
    while true {
      let step = source.next(into: &context.scratch)
      let outcome: WriteOutcome
      if case .block(let range) = step {
        outcome = stream.write(context.scratch, block.span.extracting(range))
        turnBytes += range.count
      } else {
        turnBytes += context.scratch.count
        outcome = stream.write(context.scratch)
      }
      context.scratch.removeAll()
      if case .failed = outcome { return close() }
      switch step {
      case .ended: return finishAnswer()
      case .cut: return cutAnswer(byReset: exchange?.query.abort == .bodyReset)
      case .waiting: return
      case .appended, .block:
        if stream.hasQueuedBytes { return arm(OriginConnection.stallTimeout) }
        if turnBytes >= OriginConnection.turnBytesMax { return context.continueLater(self) }
      }
    }
  }

  /// Sends bytes of the request back.
  func echo(_ bytes: Span<UInt8>) {
    let step = source.appendEcho(bytes, to: &context.scratch)
    guard sendScratch() else { return }
    if case .cut = step { cutAnswer(byReset: exchange?.query.abort == .bodyReset) }
  }

  private func finishAnswer() {
    guard let exchange else { preconditionFailure("the end of no answer") }
    endPause()
    source = .none()
    if exchange.closes { return endConnection() }
    precondition(body.isComplete, "a request's body left over would be read as the next request")
    if stream.hasQueuedBytes {
      // The next answer must not pile up behind this one.
      phase = .flushing
      arm(OriginConnection.stallTimeout)
    } else {
      becomeReady()
    }
  }
}
