internal import Base
internal import Cache
internal import HTTP1
internal import Reactor
internal import Upstream

/// Asks an origin for what was served stale, for nobody in particular. RFC 5861 §3.
///
/// One try: whoever comes after the stale answer's time asks as usual.
final class BackgroundFetch: StreamHandler, TimeoutHandler {
  private let cache: ProxyCache
  private let stale: StoredResponse
  private let request = Confined(ByteBuffer())
  private let filling: Filling
  private let key: [UInt8]
  private let hash: UInt64
  private let asked: CachePolicy.Request
  private let upstream: Upstream
  private let timer = WheelTimer()
  private let inbox = Confined(ByteBuffer())
  private let table = Confined(FieldTable())
  private var local: LocalEndpoint?
  private var leasedAt: UInt64 = 0
  private var connection: UpstreamConnection?
  private var isEnded = false

  /// - Parameter request: the whole head to send.
  init(
    _ stale: StoredResponse, _ request: borrowing ByteBuffer, filling: Filling, key: [UInt8], hash: UInt64,
    asked: CachePolicy.Request, upstream: Upstream, cache: ProxyCache
  ) {
    self.stale = stale
    self.filling = filling
    self.key = key
    self.hash = hash
    self.asked = asked
    self.upstream = upstream
    self.cache = cache
    self.request.value.append(request)
    timer.setHandler(self)
  }

  func begin(_ balanceKey: BalanceKey) {
    cache.keep(self)
    guard let local = upstream.select(balanceKey) else { return end(0) }
    self.local = local
    leasedAt = EventLoop.nanoseconds
    upstream.began(local)
    if let idle = local.pool.lease() {
      local.counters.value.reuses += 1
      connection = idle
      idle.stream.setHandler(self)
      return send()
    }
    local.counters.value.connects += 1
    let fresh = local.pool.make()
    connection = fresh
    if let error = fresh.stream.connect(to: fresh.endpoint.address, handler: self) {
      upstream.connectFailed(local, "\(error)")
      return end(0)
    }
    arm(upstream.settings.connectTimeout)
  }

  private func arm(_ timeout: Interval) {
    cache.loop.arm(timer, deadline: cache.loop.now.advanced(by: timeout))
  }

  private func send() {
    if case .failed = connection!.stream.write(request.value) { return end(0) }
    arm(cache.context.settings.responseTimeout)
  }

  /// Gives up, or has done what there was to do.
  private func end(_ status: Int, isReusable: Bool = false, idleLimit: Interval? = nil) {
    guard !isEnded else { return }
    isEnded = true
    cache.loop.cancel(timer)
    cache.store.end(filling, hash)
    filling.release(.failed)
    if let local {
      let now = EventLoop.nanoseconds
      upstream.finished(local, status: status, nanoseconds: status > 0 ? now &- leasedAt : 0, at: now)
    }
    if let connection {
      if isReusable {
        connection.pool.giveBack(connection, idleLimit: idleLimit)
      } else {
        connection.pool.discard(connection)
      }
    }
    cache.forget(self)
  }

  func close() { end(0) }

  // MARK: Events

  func streamDidConnect() {
    connection?.stream.setNoDelay()
    connection?.stream.startReading()
    send()
  }

  func streamIsReadable() {}
  func streamDidDrain() {}

  func streamDidReceive(_ bytes: Span<UInt8>) {
    inbox.value.append(bytes)
    var held = ByteBuffer.taking(&inbox.value)
    while !isEnded {
      switch ResponseHead.parse(
        held.span, answering: .get, into: &table.value, limits: cache.context.settings.limits)
      {
      case .incomplete: return inbox.value = held
      case .failed: return end(0)
      case .complete(let head):
        if head.isInterim {
          held.consume(head.end)
          continue
        }
        return received(head, held)
      }
    }
  }

  private func received(_ head: ResponseHead, _ bytes: borrowing ByteBuffer) {
    let isWhole = head.end == bytes.count
    if head.status == 304, stale.head.hasValidator {
      let response = cache.validated(
        stale, bytes.span, head, table.value, asked, request: request.value, key: key, hash: hash)
      cache.store.end(filling, hash)
      filling.release(to: response)
      cache.context.counters.value.cacheRevalidated += 1
      return end(304, isReusable: head.isPersistent && isWhole)
    }
    var length = 0
    if case .length(let count) = head.framing { length = count }
    // An error does not take the place of what may still be served stale.
    guard head.status < 500, length <= cache.store.objectBytesMax,
      let stored = cache.storedHead(
        bytes.span, head, table.value, asked, request: request.value,
        isSecured: TargetReference.isSecured(key)),
      let connection, let local
    else {
      if head.status < 500 { cache.store.invalidate(hash, now: cache.loop.now) }
      return end(head.status, isReusable: head.framing == .none && head.isPersistent && isWhole)
    }
    isEnded = true
    cache.loop.cancel(timer)
    let source = CacheFill.Source(
      connection: connection, upstream: upstream, local: local, leasedAt: leasedAt, idleLimit: nil,
      isReusable: head.isPersistent, framing: head.framing)
    let fill = CacheFill(source, stored, filling, key: key, hash: hash, replacing: stale, cache: cache)
    cache.forget(self)
    fill.begin(bytes.span.extracting(head.end..<bytes.count))
  }

  func streamDidEnd(_ error: UVError?) {
    if let local, let error { upstream.failed(local, "\(error)") }
    end(0)
  }

  func timeoutPassed(_ timer: WheelTimer) { end(0) }
}
