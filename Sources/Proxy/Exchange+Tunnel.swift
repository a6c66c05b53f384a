internal import Base
internal import HTTP1
internal import Observe
internal import Reactor
internal import Upstream

// After 101: bytes both ways until both sides have ended. RFC 9110 §7.8.
extension Exchange {
  /// The origin agreed to change the protocol, if that was asked for and is what it agreed to.
  func switchProtocols(_ bytes: Span<UInt8>, _ head: ResponseHead) {
    guard wantsUpgrade, requestPhase == .complete, head.options.contains(.upgrade),
      context.table.value.contains(.upgrade),
      Exchange.asks(requestBytes.value, for: context.table.value, in: bytes)
    else {
      return replyLocally(
        status: 502, detail: "the origin switched protocols unasked", reason: Reason.upgradeUnasked)
    }
    record.value.status = 101
    context.clock.value.refresh(loop.now)
    context.scratch.value.removeAll()
    context.responseRewrite.write(
      bytes, head, context.table.value, ResponseRewrite.Connection(encoding: .none, isUpgrade: true),
      date: context.clock.value.date, to: &context.scratch.value)
    responsePhase = .tunnel
    upstreamIsReusable = false
    isPersistent = false
    client!.stream.setReadMode(.body)
    connection!.stream.setReadMode(.body)
    switch client!.stream.write(context.scratch.value, bytes.extracting(head.end..<bytes.count)) {
    case .failed(let error): return downstreamEnded(error)
    case .queued: connection!.stream.pauseReading()
    case .sent: break
    }
    record.value.bodyBytes += bytes.count - head.end
    armTunnel()
    // What the client sent ahead of the answer waits in its inbox.
    client!.pump()
  }

  /// Whether the protocols in `offer`, which lies at the front of `bytes`, are among those that `head`
  /// asked for. RFC 9110 §7.8.
  private static func asks(
    _ head: borrowing ByteBuffer, for offer: borrowing FieldTable, in bytes: Span<UInt8>
  ) -> Bool {
    var asked = FieldTable()
    // Of our own making, and a little longer than what the client's head was held to.
    let limits = Limits(headBytesMax: Int(Int32.max), fieldCountMax: Int(Int16.max))
    guard case .complete = RequestHead.parse(head.span, into: &asked, limits: limits) else { return false }
    return offer.list(.upgrade, in: bytes, isWithin: asked, in: head.span)
  }

  private func armTunnel() { client!.arm(context.settings.tunnelTimeout) }

  func tunnelFromClient(_ bytes: Span<UInt8>, from: Int) -> Int {
    guard let connection, !connection.stream.hasQueuedBytes else { return 0 }
    requestBodyBytes += bytes.count - from
    switch connection.stream.write(bytes.extracting(from..<bytes.count)) {
    case .failed: cut(reason: Reason.upstreamClosed, byReset: true)
    case .queued:
      client!.stream.pauseReading()
      armTunnel()
    case .sent: armTunnel()
    }
    return bytes.count - from
  }

  func tunnelFromOrigin(_ bytes: Span<UInt8>, from: Int) {
    record.value.bodyBytes += bytes.count - from
    switch client!.stream.write(bytes.extracting(from..<bytes.count)) {
    case .failed: return cut(reason: Reason.clientClosed, byReset: true)
    case .queued: connection!.stream.pauseReading()
    case .sent: break
    }
    armTunnel()
  }

  func tunnelUpstreamDrained() {
    if endsTunnel() { return }
    client!.pump()
  }

  func tunnelDownstreamDrained() {
    if endsTunnel() { return }
    if !upstreamHasEnded { connection!.stream.startReading() }
  }

  /// The client ended its direction: so is ours towards the origin, once everything is sent.
  func tunnelDownstreamEnded() {
    downstreamHasEnded = true
    connection!.stream.shutDown()
    _ = endsTunnel()
  }

  func tunnelUpstreamEnded(_ error: UVError?) {
    if error != nil { return cut(reason: Reason.upstreamClosed, byReset: true) }
    upstreamHasEnded = true
    client!.stream.shutDown()
    _ = endsTunnel()
  }

  /// Whether both directions are over and everything is sent.
  private func endsTunnel() -> Bool {
    guard downstreamHasEnded, upstreamHasEnded, !client!.stream.hasQueuedBytes,
      connection?.stream.hasQueuedBytes != true
    else { return false }
    responsePhase = .complete
    discardConnection()
    writeLog()
    leave(isPersistent: false, hasUnreadBody: false)
    return true
  }
}
