internal import Base
internal import HTTP1
internal import Reactor
internal import Routing
internal import Upstream

// Which endpoint: by what the request is told apart, and what to do when there is none.
extension Exchange {
  /// Brings the path into the one spelling that routes and cache see and origins are sent, so that nobody is let
  /// past a route by another.
  /// - Parameter path: filled where it is not spelled as the client did.
  /// - Returns: `false` where the path is meant to mislead.
  func normalise(_ head: RequestHead, _ bytes: Span<UInt8>, _ path: inout ByteBuffer) -> Bool {
    // Without a path OPTIONS means the server as a whole (RFC 9112 §3.2.4).
    if head.pathRange.isEmpty, head.method == .options { return true }
    switch NormalizedPath.look(bytes, head.pathRange) {
    case .plain: return true
    case .otherwise:
      NormalizedPath.append(bytes, head.pathRange, to: &path)
      return true
    case .treacherous: return false
    }
  }

  /// Finds the upstream by host and path.
  /// - Parameter path: as it is forwarded; empty for the client's.
  /// - Returns: whether there is a route.
  func route(_ routes: RouteTable, _ head: RequestHead, _ bytes: Span<UInt8>, _ path: Span<UInt8>) -> Bool {
    let found =
      path.isEmpty
      ? routes.find(bytes, host: head.authorityRange, path: bytes.extracting(head.pathRange))
      : routes.find(bytes, host: head.authorityRange, path: path)
    guard let found else { return false }
    upstream = context.upstreams[found]
    return true
  }

  /// What the balance of this upstream goes by.
  func balanceKey(_ head: RequestHead, _ bytes: Span<UInt8>) -> BalanceKey {
    switch upstream.settings.balance {
    case .roundRobin, .leastRequests, .twoChoices: return .none
    case .hashIP:
      guard let address = context.clientAddress(bytes, client!) else { return .none }
      var hash = KeyHash()
      for shift in stride(from: 56, through: 0, by: -8) {
        hash.add(UInt8(truncatingIfNeeded: address.high >> UInt64(shift)))
        hash.add(UInt8(truncatingIfNeeded: address.low >> UInt64(shift)))
      }
      return .hash(hash.finish())
    case .hashURI: return .hash(Exchange.hash(bytes, head.pathRange))
    case .hashField(let name):
      let wanted = Array(name.utf8)
      guard let field = context.table.value.first(named: wanted.span, in: bytes) else { return .none }
      return .hash(Exchange.hash(bytes, field.valueRange))
    case .sticky(let cookie):
      setsCookie = true
      guard let token = knownToken(Array(cookie.utf8), bytes) else { return .none }
      setsCookie = false
      return .token(token)
    }
  }

  private static func hash(_ bytes: Span<UInt8>, _ range: Range<Int>) -> UInt64 {
    var hash = KeyHash()
    for index in range { hash.add(bytes[index]) }
    return hash.finish()
  }

  /// The value of the first cookie of that name that leads to an endpoint. RFC 6265 §4.2.1.
  private func knownToken(_ name: [UInt8], _ bytes: Span<UInt8>) -> [UInt8]? {
    for index in 0..<context.table.value.count where context.table.value[index].name == .cookie {
      let range = context.table.value[index].valueRange
      var at = range.lowerBound
      while at < range.upperBound {
        while at < range.upperBound, bytes[at] == 0x20 || bytes[at] == 0x09 { at += 1 }
        var end = at
        while end < range.upperBound, bytes[end] != 0x3B { end += 1 }
        let next = end + 1
        while end > at, bytes[end - 1] == 0x20 || bytes[end - 1] == 0x09 { end -= 1 }
        if let value = Exchange.value(of: name, bytes, at..<end), upstream.knows(value) { return value }
        at = next
      }
    }
    return nil
  }

  private static func value(of name: [UInt8], _ bytes: Span<UInt8>, _ pair: Range<Int>) -> [UInt8]? {
    guard pair.count > name.count, bytes[pair.lowerBound + name.count] == 0x3D else { return nil }
    for index in name.indices where bytes[pair.lowerBound + index] != name[index] { return nil }
    return ((pair.lowerBound + name.count + 1)..<pair.upperBound).map { bytes[$0] }
  }

  // MARK: Waiting

  /// No endpoint can be used just now: waits for one, for as long as a connect may take.
  func waitForEndpoint() {
    let isBusy = upstream.isFull
    guard context.settings.retries > 0 || isBusy else { return noEndpointCame() }
    if waitsUntil == .never {
      let patience = isBusy ? upstream.settings.queueTimeout : upstream.settings.connectTimeout
      waitsUntil = loop.now.advanced(by: patience)
    }
    guard loop.now < waitsUntil, context.enqueue(self) else { return noEndpointCame() }
    isWaiting = true
    loop.arm(client!.timer, deadline: waitsUntil)
  }

  /// An endpoint came back, or it is worth another look.
  func endpointMayBeThere() {
    isWaiting = false
    tried.removeAll(keepingCapacity: true)
    guard let local = upstream.select(key, excluding: []) else { return waitForEndpoint() }
    lease(local, sendingAtOnce: true)
  }

  func stopWaiting() {
    guard isWaiting else { return }
    isWaiting = false
    context.dequeue(self)
  }

  func noEndpointCame() {
    if upstream.isFull {
      context.counters.value.shed += 1
      return replyLocally(
        status: 503, detail: "everybody who could answer is busy", reason: Reason.endpointsBusy)
    }
    replyLocally(status: 503, detail: "nobody is there to answer", reason: Reason.noEndpoint)
  }
}
