internal import Base
internal import HTTP1
internal import Reactor

/// One connection: reads requests, answers them in order, and ends so that the last answer arrives.
///
/// This file is its life; `+Exchange` decides what a request gets, `+Answer` sends it, `+Tunnel` is what
/// comes after an upgrade.
final class OriginConnection: StreamHandler, TimeoutHandler {
  enum Phase {
    /// Waiting for a request head, or amid one.
    case head
    /// Reading the body of a request that is answered after it.
    case body
    /// The answer waits for its delay.
    case waiting
    case answering
    /// The answer is done; some of it is still in the stream's queue.
    case flushing
    /// After a change of protocol.
    case tunnel
    /// The queue empties, then comes `lingering`. What still comes is dropped.
    case closing
    /// The queue empties, then the connection is closed at once.
    case cutting
    /// Our side is ended; what still comes is dropped, so that no reset overtakes the answer on its way
    /// (RFC 9112 §9.6).
    case lingering
    case closed
  }

  private static let inboxBytesMax = 64 * 1024
  private static let lingerBytesMax = 1024 * 1024
  private static let lingerTime = Interval.seconds(2)
  private static let headTimeout = Interval.seconds(30)
  /// Without any progress. Long: tests stall on purpose.
  static let drainGrace = Interval.seconds(2)
  static let stallTimeout = Interval.seconds(300)

  let context: OriginLoop
  let stream: SocketStream
  let identity: Identity
  private let timer = WheelTimer()
  /// The delay of an answer, or the interval of its events.
  var pause: RepeatingTimer?
  var registryIndex = 0
  var phase = Phase.head
  /// Non-nil from a request's head to the end of its answer.
  var exchange: Exchange?
  var body: RequestBody
  /// Begun with the head, finished with the body, where a report is the answer.
  var report = ByteBuffer()
  var source = BodySource.none()
  /// Non-nil exactly in a tunnel of frames; a tunnel without it passes bytes.
  var webSocket: WebSocketEcho?
  var requestCount = 0
  /// Bytes that came before they could be used. Owns memory only while there are any.
  private var inbox = ByteBuffer()
  private var lingerBytes = 0
  /// `feed` is on the stack: whoever makes progress possible need not call it.
  private var isFeeding = false
  private(set) var clientHasEnded = false

  init(_ stream: SocketStream, _ identity: Identity, on context: OriginLoop) {
    self.stream = stream
    self.identity = identity
    self.context = context
    body = RequestBody(.none, limits: context.limits)
  }

  func start() {
    stream.setHandler(self)
    timer.setHandler(self)
    arm(context.settings.keepAliveTimeout)
    stream.startReading()
  }

  func arm(_ timeout: Interval) { context.loop.arm(timer, deadline: context.loop.now.advanced(by: timeout)) }

  func disarm() { context.loop.arm(timer, deadline: .never) }

  // MARK: Bytes from the client

  func streamDidConnect() {}

  func streamIsReadable() {}

  func streamDidReceive(_ bytes: Span<UInt8>) {
    if inbox.isEmpty {
      let used = feed(bytes)
      if phase == .closed { return }
      inbox.append(bytes, from: used, to: bytes.count)
      chooseReading()
    } else {
      inbox.append(bytes)
      useInbox()
    }
  }

  /// Tries again with what is in the inbox.
  func useInbox() {
    guard !isFeeding, phase != .closed else { return }
    if !inbox.isEmpty {
      var buffer = ByteBuffer()
      swap(&buffer, &inbox)
      let used = feed(buffer.span)
      if phase == .closed { return }
      buffer.consume(used)
      if !buffer.isEmpty { swap(&buffer, &inbox) }
    }
    chooseReading()
  }

  /// Reads on while there is use for what comes, and while a client's end can be noticed at little cost.
  private func chooseReading() {
    let wantsBytes =
      switch phase {
      case .head, .body, .lingering: true
      case .waiting, .flushing: inbox.count < OriginConnection.inboxBytesMax
      case .answering: inbox.count < OriginConnection.inboxBytesMax && !(isEchoing && stream.hasQueuedBytes)
      case .tunnel: !stream.hasQueuedBytes
      case .closing: lingerBytes <= OriginConnection.lingerBytesMax
      case .cutting, .closed: false
      }
    if clientHasEnded {
      useEnd()
    } else if wantsBytes {
      stream.startReading()
    } else {
      stream.pauseReading()
    }
    if phase == .head {
      if !inbox.isEmpty {
        arm(OriginConnection.headTimeout)
      } else if context.isDraining {
        // Promised to go on: there may be a next request to say it with.
        arm(OriginConnection.drainGrace)
      }
    }
  }

  /// Everything that will ever come is here: what is in the inbox is all there is to use.
  private func useEnd() {
    switch phase {
    case .head, .body, .lingering: close()
    case .answering where isEchoing && inbox.isEmpty: close()
    case .tunnel where inbox.isEmpty: endConnection()
    // The answer is still wanted: a client may end its side first.
    case .waiting, .answering, .tunnel, .flushing, .closing, .cutting, .closed: break
    }
  }

  /// The answer under way takes the request's body as it comes.
  var isEchoing: Bool { phase == .answering && exchange?.isStreamingEcho == true && !body.isComplete }

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
      case .body: at = takeBody(bytes, from: at)
      case .answering:
        guard isEchoing, !stream.hasQueuedBytes else { return at }
        at = takeBody(bytes, from: at)
      case .tunnel:
        guard !stream.hasQueuedBytes else { return at }
        at = takeTunnel(bytes, from: at)
      case .waiting, .flushing: return at
      case .lingering:
        lingerBytes += bytes.count - at
        if lingerBytes > OriginConnection.lingerBytesMax { close() }
        return bytes.count
      case .closing:
        lingerBytes += bytes.count - at
        return bytes.count
      case .cutting, .closed: return bytes.count
      }
    }
    return at
  }

  /// `nil` when the head is not complete.
  private func readHead(_ bytes: Span<UInt8>) -> Int? {
    switch RequestHead.parse(bytes, into: &context.table, limits: context.limits) {
    case .incomplete: return nil
    case .failed(let error):
      refuse(status: error.status, reason: error.rawValue)
      return bytes.count
    case .complete(let head):
      begin(head, bytes)
      return head.end
    }
  }

  /// Answers what cannot be understood and ends: nobody knows where the next request would begin.
  func refuse(status: Int, reason: String) {
    context.scratch.removeAll()
    AnswerHead.writeRefusal(status, reason: reason, to: &context.scratch)
    if sendScratch() { endConnection() }
  }

  /// Sends and empties the scratch buffer. `false` when that failed, and the connection is closed.
  func sendScratch() -> Bool {
    let outcome = stream.write(context.scratch)
    context.scratch.removeAll()
    if case .failed = outcome {
      close()
      return false
    }
    return true
  }

  // MARK: Ready for the next, or the end

  func becomeReady() {
    exchange = nil
    phase = .head
    arm(context.settings.keepAliveTimeout)
    useInbox()
  }

  /// Ends the connection once everything is sent, so that the client gets it all.
  func endConnection() {
    leaveExchange()
    inbox = ByteBuffer()
    if stream.hasQueuedBytes {
      phase = .closing
      arm(OriginConnection.stallTimeout)
    } else if clientHasEnded {
      close()
    } else {
      phase = .lingering
      stream.shutDown()
      stream.startReading()
      arm(OriginConnection.lingerTime)
    }
  }

  /// Closes in the middle of an answer, once what was made of it is sent.
  func cutAnswer(byReset: Bool) {
    leaveExchange()
    if byReset { return reset() }
    guard stream.hasQueuedBytes else { return close() }
    phase = .cutting
    stream.pauseReading()
    arm(OriginConnection.stallTimeout)
  }

  /// Idempotent. What is queued is lost.
  func close() {
    guard leave() else { return }
    stream.close()
  }

  func reset() {
    guard leave() else { return }
    stream.reset()
  }

  private func leave() -> Bool {
    guard phase != .closed else { return false }
    leaveExchange()
    phase = .closed
    inbox = ByteBuffer()
    context.loop.cancel(timer)
    context.remove(self)
    return true
  }

  private func leaveExchange() {
    exchange = nil
    webSocket = nil
    source = .none()
    report = ByteBuffer()
    endPause()
  }

  func endPause() {
    pause?.close()
    pause = nil
  }

  /// The server is to end: an idle connection has a moment for a request that may be on its way, whose
  /// answer will be its last.
  func drain() {
    switch phase {
    case .head where inbox.isEmpty: arm(OriginConnection.drainGrace)
    case .tunnel: drainTunnel()
    case .head, .body, .waiting, .answering, .flushing, .closing, .cutting, .lingering, .closed: break
    }
  }

  // MARK: Other events

  func streamDidDrain() {
    switch phase {
    case .answering:
      // Between events there is nothing to wait for but time.
      if pause == nil { arm(OriginConnection.stallTimeout) } else { disarm() }
      if isEchoing { useInbox() } else { pumpAnswer() }
    case .flushing: becomeReady()
    case .tunnel: useInbox()
    case .closing: endConnection()
    case .cutting: close()
    case .head, .body, .waiting, .lingering, .closed: break
    }
  }

  func streamDidEnd(_ error: UVError?) {
    if error != nil { return close() }
    clientHasEnded = true
    useEnd()
  }

  func timeoutPassed(_ timer: WheelTimer) {
    switch phase {
    case .head where inbox.isEmpty: close()
    case .head: refuse(status: 408, reason: "head_timeout")
    case .body: refuse(status: 408, reason: "body_timeout")
    case .waiting, .answering, .flushing, .closing, .cutting: reset()
    case .tunnel, .lingering: close()
    case .closed: break
    }
  }
}
