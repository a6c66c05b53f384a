internal import Base
internal import HTTP1
internal import Reactor

// What a request gets: from its head to the start of its answer.
extension OriginConnection {
  /// Takes a request head.
  func begin(_ head: RequestHead, _ bytes: Span<UInt8>) {
    requestCount += 1
    let requestNumber = context.countRequest()
    var query = Query(bytes, target: head.pathRange)
    if query.delay.milliseconds == 0 { query.delay = context.settings.delay }
    let isLast = context.isDraining || requestCount >= context.settings.requestsMax
    if head.framing == .none, !isLast, head.isPersistent, !head.isHTTP10, head.method != .head,
      let size = query.plainSmallSize, size <= OriginConnection.preparedBytesMax
    {
      return answerSmall(size)
    }
    var exchange = Exchange(head, bytes, context.table, query: query)
    if isLast { exchange.closes = true }
    body = RequestBody(head.framing, limits: context.limits)
    if query.content == .report {
      Report.begin(head, bytes, context.table, identity, requestNumber: requestNumber, to: &report)
    }
    let sendsContinue = head.expectsContinue && !exchange.leavesBodyUnread
    self.exchange = exchange
    guard sendInterim(hints: head.isHTTP10 ? 0 : query.hints, sendsContinue: sendsContinue) else { return }
    if body.isComplete || exchange.leavesBodyUnread || exchange.isStreamingEcho {
      answerAfterDelay()
    } else {
      phase = .body
      arm(OriginConnection.stallTimeout)
    }
  }

  /// The largest answer that is kept whole.
  private static var preparedBytesMax: Int { 64 * 1024 }

  /// The benchmark's answer: one write of a constant.
  private func answerSmall(_ size: Int) {
    context.prepareSmallAnswer(size)
    if case .failed = stream.write(context.smallAnswer) { return close() }
    if stream.hasQueuedBytes {
      phase = .flushing
      arm(OriginConnection.stallTimeout)
    } else {
      arm(context.settings.keepAliveTimeout)
    }
  }

  private func sendInterim(hints: Int, sendsContinue: Bool) -> Bool {
    guard hints > 0 || sendsContinue else { return true }
    if sendsContinue { context.scratch.append("HTTP/1.1 100 Continue\r\n\r\n") }
    for number in 0..<hints {
      context.scratch.append("HTTP/1.1 103 Early Hints\r\nLink: </style-")
      context.scratch.append(decimal: number + 1)
      context.scratch.append(".css>; rel=preload; as=style\r\n\r\n")
    }
    return sendScratch()
  }

  // MARK: The request's body

  /// Takes bytes of the request's body. Returns how far it came.
  func takeBody(_ bytes: Span<UInt8>, from: Int) -> Int {
    var at = from
    arm(OriginConnection.stallTimeout)
    while true {
      switch body.next(bytes, &at) {
      case .data(let range):
        take(bytes.extracting(range))
        guard phase == .body || phase == .answering else { return bytes.count }
        if phase == .answering, stream.hasQueuedBytes, !body.isComplete { return at }
      case .needMore: return at
      case .finished:
        completeRequest()
        return at
      case .failed(let error):
        if phase == .answering {
          cutAnswer(byReset: true)
        } else {
          refuse(status: error.status, reason: error.rawValue)
        }
        return bytes.count
      }
    }
  }

  private func take(_ bytes: Span<UInt8>) {
    if phase == .answering { return echo(bytes) }
    exchange?.bodyBytes += bytes.count
    if exchange?.wantsChecksum == true { exchange?.checksum.update(bytes) }
  }

  private func completeRequest() {
    if phase == .answering {
      source.endInput()
      return pumpAnswer()
    }
    if exchange?.wantsChecksum == true,
      !body.appendTrailers(&context.table, limits: context.limits, to: &report)
    {
      return refuse(status: 400, reason: "trailers")
    }
    answerAfterDelay()
  }

  // MARK: The delay

  private func answerAfterDelay() {
    guard let delay = exchange?.query.delay, delay.milliseconds > 0 else { return startAnswer() }
    phase = .waiting
    disarm()
    pause = RepeatingTimer(every: delay, on: context.loop) { [unowned self] in delayPassed() }
  }

  private func delayPassed() {
    endPause()
    startAnswer()
    useInbox()
  }
}
