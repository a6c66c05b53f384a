internal import Base
internal import HTTP1
internal import Observe
internal import RateLimit
internal import Reactor

// Whom a connection is not for, and what is no request.
extension ClientConnection {
  /// Takes a place among the connections of its client, where those are counted. `false` where there is none: the
  /// client is told and the connection is over.
  ///
  /// Proxies that are trusted speak for many, and so have as many as they like.
  func entersCount() -> Bool {
    guard !awaitsProxyHeader, let counts = context.limits.connectionsByClient, !isTrusted, let peer,
      !context.gate.isExempt(peer)
    else { return true }
    if counts.take(peerKey) {
      countedKey = peerKey
      return true
    }
    context.counters.value.connectionsLimited += 1
    // Before a handshake nothing can be said that would be understood, and a handshake is what is not to be had.
    guard !isSecured else {
      logRefusal(status: 429, reason: Reason.clientConnections)
      return false
    }
    context.clock.value.refresh(context.loop.now)
    context.scratch.value.removeAll()
    LocalReply.write(
      status: 429, detail: "too many connections from this client", date: context.clock.value.date,
      closes: true, retryAfterSeconds: 1, lines: context.responseRewrite.ownLines(isSecured: isSecured),
      to: &context.scratch.value)
    logRefusal(status: 429, reason: Reason.clientConnections)
    // No lingering: whoever has too many connections must not keep this one by sending into it.
    _ = stream.write(context.scratch.value)
    return false
  }

  /// Refuses what cannot be understood: answers and ends the connection, since nobody knows where the
  /// next request would begin.
  func refuse(status: Int, reason: String) {
    context.counters.value.refused += 1
    context.clock.value.refresh(context.loop.now)
    context.scratch.value.removeAll()
    LocalReply.write(
      status: status, detail: ClientConnection.detail(status), date: context.clock.value.date, closes: true,
      lines: context.responseRewrite.ownLines(isSecured: isSecured), to: &context.scratch.value)
    logRefusal(status: status, reason: reason)
    if case .failed = stream.write(context.scratch.value) { return close() }
    linger()
  }

  /// Somebody spoke plain HTTP to a secured listener, and is told so in the same.
  func refusePlain() {
    context.clock.value.refresh(context.loop.now)
    context.scratch.value.removeAll()
    LocalReply.write(
      status: 400, detail: "this port speaks https", date: context.clock.value.date, closes: true,
      to: &context.scratch.value)
    logRefusal(status: 400, reason: Reason.notSecured)
    stream.writeUnsecured(context.scratch.value)
    close()
  }

  private static func detail(_ status: Int) -> StaticString {
    switch status {
    case 405: "this method is not served here"
    case 408: "the request head took too long"
    case 414: "the request target is too long"
    case 417: "only 100-continue can be expected"
    case 421: "this connection does not serve https"
    case 431: "the request head is too large"
    case 505: "only HTTP/1.1 and HTTP/1.0 are served"
    default: "the request is malformed"
    }
  }

  func logRefusal(status: Int, reason: String) {
    guard let accessLog = context.accessLog else { return }
    var record = AccessRecord()
    record.startNanoseconds = EventLoop.nanoseconds
    record.status = status
    record.reason = reason
    accessLog.record(
      record, time: context.clock.value.logTime, client: peer, endNanoseconds: record.startNanoseconds)
  }
}
