internal import Base
internal import Cache
internal import HTTP1
internal import Observe
internal import Reactor
internal import Upstream

// What an origin's answer means for the cache.
extension Exchange {
  /// A copy: for what is stored, led or invalidated.
  var cacheKey: [UInt8] { keyBytes.value.array() }

  private var asked: CachePolicy.Request {
    let key = cacheKey
    let authorityEnd = key.firstIndex(of: 0) ?? 0
    return CachePolicy.Request(
      hasAuthorization: use.value.hasAuthorization, authority: Array(key[..<authorityEnd]),
      sentAt: use.value.sentAt)
  }

  /// Gives a response whose head is here to the cache. `true` when the client is answered from there.
  func cacheTakes(_ bytes: Span<UInt8>, _ head: ResponseHead) -> Bool {
    guard let cache = context.cache else { return false }
    switch use.value.mode {
    case .off, .following, .serving: return false
    case .passing:
      let isUnsafe = method != .get && method != .head && method != .options && method != .trace
      if isUnsafe, (200..<400).contains(head.status) {
        cache.invalidate(cacheKey, use.value.hash, bytes, context.table.value)
      }
      return false
    case .storing, .leading: break
    }
    if let stale = use.value.stale {
      if head.status == 304, stale.head.hasValidator {
        becameValid(cache, stale, bytes, head)
        return true
      }
      if head.status >= 500, servesStale(insteadOf: head.status) { return true }
    }
    let length: Int?
    switch head.framing {
    case .none: length = 0
    case .length(let count): length = count
    case .chunked, .untilClose: length = nil
    }
    guard length ?? 0 <= cache.store.objectBytesMax,
      !context.responseRewrite.setsNothing || cache.policy.mayStore(bytes, head, context.table.value),
      let stored = cache.storedHead(
        bytes, head, context.table.value, asked, request: requestBytes.value, isSecured: client!.isSecured)
    else {
      isNotForStoring(cache)
      return false
    }
    fill(cache, stored, bytes, head)
    return true
  }

  /// Lets those go who wait, and remembers that waiting is of no use here.
  private func isNotForStoring(_ cache: ProxyCache) {
    if use.value.mode == .leading { cache.store.markPass(use.value.hash, now: loop.now) }
    release(.notCacheable)
    use.value.mode = .passing
  }

  /// Whoever waits for what this exchange fetches asks for itself.
  func release(_ why: Filling.Release) {
    guard use.value.mode == .leading, let filling = use.value.filling else { return }
    context.cache?.store.end(filling, use.value.hash)
    filling.release(why)
    use.value.filling = nil
    use.value.mode = .storing
  }

  /// Hands the connection over: from now on this exchange is a reader like others.
  private func fill(_ cache: ProxyCache, _ stored: StoredHead, _ bytes: Span<UInt8>, _ head: ResponseHead) {
    let filling = use.value.filling ?? Filling()
    if context.accessLog != nil {
      record.value.respondedNanoseconds = EventLoop.nanoseconds &- record.value.startNanoseconds
    }
    if context.table.value.contains(.keepAlive) { readIdleLimit(bytes) }
    let source = CacheFill.Source(
      connection: connection!, upstream: upstream, local: local!, leasedAt: leasedAt,
      idleLimit: upstreamIdleLimit, isReusable: head.isPersistent, framing: head.framing)
    let fill = CacheFill(
      source, stored, filling, key: cacheKey, hash: use.value.hash, replacing: use.value.stale,
      cache: cache)
    connection = nil
    local = nil
    use.value.filling = filling
    use.value.mode = .serving
    keepOwnLines(stored.control.excludedFields, bytes)
    let (number, listener) = cache.register(self)
    use.value.number = number
    responsePhase = .cached
    if let reader = filling.join(listener) { use.value.reader = reader }
    fill.begin(bytes.extracting(head.end..<bytes.count))
    readFilling()
  }

  /// What is not stored is passed on all the same to whom it was sent. RFC 9111 §5.2.2.7.
  private func keepOwnLines(_ names: [[UInt8]], _ bytes: Span<UInt8>) {
    for name in names {
      for index in 0..<context.table.value.count {
        let field = context.table.value[index]
        if ASCII.equals(bytes, field.nameRange, name.span, 0..<name.count) {
          for at in field.lineRange { use.value.ownLines.append(bytes[at]) }
        }
      }
    }
  }

  /// RFC 9111 §4.3.4.
  private func becameValid(
    _ cache: ProxyCache, _ stale: StoredResponse, _ bytes: Span<UInt8>, _ head: ResponseHead
  ) {
    context.counters.value.cacheRevalidated += 1
    record.value.cache = "revalidated"
    let response = cache.validated(
      stale, bytes, head, context.table.value, asked, request: requestBytes.value,
      key: cacheKey, hash: use.value.hash)
    if use.value.mode == .leading, let filling = use.value.filling {
      cache.store.end(filling, use.value.hash)
      if response.head.isReusable { filling.release(to: response) } else { filling.release(.notCacheable) }
      use.value.filling = nil
    }
    if context.table.value.contains(.keepAlive) { readIdleLimit(bytes) }
    giveConnectionBack(status: 304, isReusable: head.isPersistent && head.end == bytes.count)
    serve(response, status: CacheStatus(forward: use.value.forward, forwardStatus: 304))
  }

  private func giveConnectionBack(status: Int, isReusable: Bool) {
    settle(status: status)
    guard let connection else { return }
    self.connection = nil
    connection.stream.setReadMode(.head)
    if isReusable {
      connection.pool.giveBack(connection, idleLimit: upstreamIdleLimit)
    } else {
      connection.pool.discard(connection)
    }
  }

  /// The origin failed: answers with what is stored where that is allowed. RFC 5861 §4.
  /// - Parameter status: of the failure; a stale answer says it in `Cache-Status`.
  func servesStale(insteadOf status: Int) -> Bool {
    guard let stale = use.value.stale, [500, 502, 503, 504].contains(status), stale.head.mayBeStale,
      use.value.mode == .storing || use.value.mode == .leading,
      let allowed = stale.head.control.staleIfError ?? use.value.directives.staleIfError,
      -stale.head.freshSeconds(loop.now) <= allowed
    else { return false }
    context.counters.value.cacheStale += 1
    record.value.cache = "stale"
    if use.value.mode == .leading, let filling = use.value.filling {
      context.cache?.store.end(filling, use.value.hash)
      filling.release(to: stale)
      use.value.filling = nil
    }
    discardConnection()
    stopWaiting()
    serve(stale, status: CacheStatus(hitTTL: stale.head.freshSeconds(loop.now)))
    return true
  }

  /// Serves what is stale, and asks an origin for what is not, unless somebody does. RFC 5861 §3.
  func serveStaleAndRefresh(_ stale: StoredResponse) {
    if let cache = context.cache, let found = cache.store.lead(cacheKey, use.value.hash), found.isLeader {
      let fetch = BackgroundFetch(
        stale, requestBytes.value, filling: found.filling, key: cacheKey, hash: use.value.hash,
        asked: asked, upstream: upstream, cache: cache)
      fetch.begin(key)
    }
    serve(stale, status: CacheStatus(hitTTL: stale.head.freshSeconds(loop.now)))
  }
}
