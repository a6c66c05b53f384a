internal import Base
internal import HTTP1
internal import Observe
internal import RateLimit
internal import Reactor
internal import TLS

// Who is let in, before the cache and any origin hear of a request.
extension Exchange {
  /// Whether the request may go on; if not it has been answered.
  func isAdmitted(_ head: RequestHead, _ bytes: Span<UInt8>) -> Bool {
    if context.gate.needsClient, !isClientAdmitted(bytes) { return false }
    if context.table.value.present & LoopMark.fields != 0,
      context.loopMark.stands(in: bytes, context.table.value)
    {
      replyLocally(status: 508, detail: "the request came back to where it has been", reason: Reason.loop)
      return false
    }
    if client!.isSecured {
      guard isMeantForHere(head, bytes) else {
        replyLocally(status: 421, detail: "this connection is for another host", reason: Reason.misdirected)
        return false
      }
    } else if let port = context.settings.redirectsToPort {
      redirect(head, bytes, port)
      return false
    }
    if context.isOverloaded {
      context.countShed()
      replyLocally(status: 503, detail: "too busy just now", reason: Reason.overloaded)
      return false
    }
    return true
  }

  /// RFC 9110 §7.4: whether the host is served by the certificates that the connection was opened with. A client
  /// certificate that one host asked for must not open another.
  private func isMeantForHere(_ head: RequestHead, _ bytes: Span<UInt8>) -> Bool {
    guard let session = client!.stream.session, let range = head.authorityRange else { return true }
    // Of a connection nearly all requests are for the same host: found once, compared afterwards.
    let served = client!.servedHost
    if ByteHash.equal(bytes.extracting(range), served.span) { return true }
    var host = ""
    for index in range { host.unicodeScalars.append(Unicode.Scalar(ASCII.lowercased(bytes[index]))) }
    if !host.hasPrefix("["), let colon = host.lastIndex(of: ":") { host = String(host[..<colon]) }
    guard session.serves(host) else { return false }
    client!.servedHost = range.map { bytes[$0] }
    return true
  }

  /// Sends a plain request to the same place over TLS. 308 keeps the method (RFC 9110 §15.4.9).
  private func redirect(_ head: RequestHead, _ bytes: Span<UInt8>, _ port: UInt16) {
    guard let range = head.authorityRange else {
      return replyLocally(status: 400, detail: "no host to come to over TLS", reason: Reason.redirected)
    }
    var line = ByteBuffer()
    line.append("Location: https://")
    var end = range.upperBound
    // Without the port: it is that of the plain listener.
    var at = end
    while at > range.lowerBound, ASCII.isDigit(bytes[at - 1]) { at -= 1 }
    if at > range.lowerBound, bytes[at - 1] == UInt8(ascii: ":") { end = at - 1 }
    line.append(bytes, from: range.lowerBound, to: end)
    if port != 443 {
      line.append(":")
      line.append(decimal: Int(port))
    }
    if head.pathRange.isEmpty || bytes[head.pathRange.lowerBound] == UInt8(ascii: "?") { line.append("/") }
    if head.targetForm != .asterisk {
      line.append(bytes, from: head.pathRange.lowerBound, to: head.pathRange.upperBound)
    }
    line.append("\r\n")
    replyLocally(
      status: 308, detail: "this is served over TLS alone", reason: Reason.redirected, lines: line.array())
  }

  private func isClientAdmitted(_ bytes: Span<UInt8>) -> Bool {
    let gate = context.gate
    let address = context.clientAddress(bytes, client!)
    guard gate.isAllowed(address) else {
      context.counters.value.denied += 1
      replyLocally(status: 403, detail: "not from this address", reason: Reason.denied)
      return false
    }
    if gate.isExempt(address) { return true }
    if let limiter = gate.rate {
      let key = gate.rateKey(ownKey(address), bytes, context.table.value)
      let decision = limiter.admit(key, at: EventLoop.nanoseconds)
      rate = decision
      guard decision.isAllowed else {
        context.counters.value.rateLimited += 1
        replyLocally(status: 429, detail: "too many requests from this client", reason: Reason.rateLimited)
        return false
      }
    }
    if let inFlight = gate.inFlight {
      let key = ownKey(address)
      guard inFlight.take(key) else {
        context.counters.value.rateLimited += 1
        replyLocally(
          status: 429, detail: "too many requests at once from this client", reason: Reason.inFlight)
        return false
      }
      inFlightKey = key
    }
    return true
  }

  /// What requests of a client at `address` are counted under: known already where it is the connection's own.
  private func ownKey(_ address: IPAddress?) -> ClientKey {
    client!.isTrusted ? ClientKey(address) : client!.peerKey
  }

  /// The request is no longer under way.
  func leaveInFlight() {
    guard let key = inFlightKey else { return }
    inFlightKey = nil
    context.gate.inFlight?.release(key)
  }

  /// What a client that is turned away is told: seconds until it is worth another try.
  func retryAfter(_ reason: String) -> Int? {
    switch reason {
    case Reason.rateLimited: rate?.waitSeconds
    case Reason.inFlight, Reason.overloaded, Reason.noEndpoint, Reason.endpointsBusy: 1
    default: nil
    }
  }
}

/// What this process is called in `Via` (RFC 9110 §7.6.3) and `CDN-Loop` (RFC 8586): a request that carries it has
/// been here.
struct LoopMark {
  static let fields = FieldName.via.bit | FieldName.cdnLoop.bit

  /// Lower case, as all comparisons are.
  let name: [UInt8]

  init(_ settings: ProxySettings) { name = Array("sluice-\(settings.instance)".utf8) }

  /// Whether the mark stands in one of the fields.
  func stands(in bytes: Span<UInt8>, _ table: borrowing FieldTable) -> Bool {
    for index in 0..<table.count where table[index].name == .via || table[index].name == .cdnLoop {
      let range = table[index].valueRange
      var at = range.lowerBound
      while at + name.count <= range.upperBound {
        if ASCII.equals(bytes, at..<(at + name.count), name.span, 0..<name.count) {
          let end = at + name.count
          // All of a name, not the beginning of a longer one.
          if end == range.upperBound || !isNamePart(bytes[end]) { return true }
        }
        at += 1
      }
    }
    return false
  }

  private func isNamePart(_ byte: UInt8) -> Bool { ASCII.isDigit(byte) || (byte | 0x20) &- 0x61 < 26 }
}
