internal import Base
internal import Cache
internal import HTTP1
internal import Observe
internal import Reactor
internal import Upstream

// Between a request and its origin: is the answer here already, or is another fetching it?
extension Exchange {
  /// Looks the request up. `true` when it was answered.
  func lookUp(_ cache: ProxyCache, _ head: RequestHead, _ bytes: Span<UInt8>, path: Span<UInt8>) -> Bool {
    use.value.sentAt = loop.now
    use.value.mode = .passing
    guard method == .get || method == .head else {
      use.value.forward = "method"
      let hash = cache.makeKey(
        bytes, head, context.table.value, path: path, isTrusted: client!.isTrusted,
        isSecured: client!.isSecured)
      keepKey(cache, hash)
      return false
    }
    use.value.forward = "bypass"
    guard !hasBody, !wantsUpgrade, !ProxyCache.hasOverride(bytes, context.table.value) else { return false }
    use.value.directives = RequestDirectives.read(bytes, context.table.value)
    guard !use.value.directives.noStore else { return false }
    let hash = cache.makeKey(
      bytes, head, context.table.value, path: path, isTrusted: client!.isTrusted,
      isSecured: client!.isSecured)
    use.value.conditions = ClientConditions.read(bytes, context.table.value)
    use.value.hasAuthorization = context.table.value.contains(.authorization)
    let found = cache.store.find(cache.key.value, hash, now: loop.now)
    if let stored = variant(of: found, cache, bytes) { return decide(cache, stored, hash) }
    context.counters.value.cacheMisses += 1
    record.value.cache = "miss"
    use.value.forward = found.isEmpty ? "uri-miss" : "vary-miss"
    if use.value.directives.onlyIfCached { return notCached() }
    guard method == .get else { return false }
    keepKey(cache, hash)
    let isAlone = use.value.conditions != nil || use.value.hasAuthorization || found.passes
    if isAlone { use.value.mode = .storing } else { lead(cache) }
    return false
  }

  private func keepKey(_ cache: ProxyCache, _ hash: UInt64) {
    keyBytes.value.removeAll()
    keyBytes.value.append(cache.key.value)
    use.value.hash = hash
  }

  private func variant(of found: CacheStore.Found, _ cache: ProxyCache, _ bytes: Span<UInt8>)
    -> StoredResponse?
  {
    if let only = found.only {
      let isMatch = only.head.vary.matches(bytes, context.table.value, scratch: &cache.scratch.value)
      return isMatch ? only : nil
    }
    return found.variants.first {
      $0.head.vary.matches(bytes, context.table.value, scratch: &cache.scratch.value)
    }
  }

  /// RFC 9111 §5.2.1.7: 504 to a request that wants no other answer than a stored one.
  private func notCached() -> Bool {
    replyLocally(status: 504, detail: "nothing that fits is stored", reason: Reason.onlyIfCached)
    return true
  }

  /// What to do with a stored answer that fits. `true` when the request was answered with it.
  private func decide(_ cache: ProxyCache, _ stored: StoredResponse, _ hash: UInt64) -> Bool {
    let head = stored.head
    let reuse = head.reuse(by: use.value.directives, at: loop.now)
    switch reuse {
    case .fresh(let seconds):
      context.counters.value.cacheHits += 1
      record.value.cache = "hit"
      serve(stored, status: CacheStatus(hitTTL: seconds))
      return true
    case .stale(let seconds, let refreshes):
      context.counters.value.cacheStale += 1
      record.value.cache = "stale"
      guard refreshes, method == .get else {
        serve(stored, status: CacheStatus(hitTTL: -seconds))
        return true
      }
      // The request is needed for asking, and is written first: an exchange ends with its answer.
      keepKey(cache, hash)
      use.value.refreshes = stored
      return false
    case .validate, .refused: break
    }
    use.value.forward = reuse == .refused ? "request" : "stale"
    context.counters.value.cacheMisses += 1
    record.value.cache = "miss"
    if use.value.directives.onlyIfCached { return notCached() }
    guard method == .get else { return false }
    keepKey(cache, hash)
    if head.hasValidator || head.mayBeStale { use.value.stale = stored }
    // What is good for one request only is not worth waiting for.
    if reuse == .refused || use.value.directives.noCache || use.value.hasAuthorization
      || !head.isReusableOnceFresh || use.value.conditions != nil && !head.hasValidator
    {
      use.value.mode = .storing
    } else {
      lead(cache)
    }
    return false
  }

  /// Fetches for all, or waits for the one who does.
  private func lead(_ cache: ProxyCache) {
    use.value.mode = .storing
    guard !use.value.hasFollowed, let found = cache.store.lead(cacheKey, use.value.hash) else { return }
    use.value.filling = found.filling
    use.value.mode = found.isLeader ? .leading : .following
  }

  // MARK: Following

  /// Waits for what another fetches.
  func follow() {
    guard let cache = context.cache, let filling = use.value.filling else { return goAlone() }
    let (number, listener) = cache.register(self)
    use.value.number = number
    guard let reader = filling.join(listener) else {
      cache.unregister(number)
      use.value.filling = nil
      return goAlone()
    }
    use.value.reader = reader
    use.value.isCollapsed = true
    record.value.cache = "collapsed"
    context.counters.value.cacheCollapsed += 1
    client!.arm(ProxyCache.patience)
    readFilling()
  }

  /// Asks an origin after all.
  func goAlone() {
    leaveFilling()
    use.value.mode = .storing
    use.value.isCollapsed = false
    use.value.hasFollowed = true
    record.value.cache = "miss"
    forwardNow()
  }

  func forwardNow() {
    guard let chosen = upstream.select(key) else { return waitForEndpoint() }
    lease(chosen, sendingAtOnce: true)
  }

  func leaveFilling() {
    if use.value.number > 0 {
      context.cache?.unregister(use.value.number)
      use.value.filling?.leave(use.value.reader)
      use.value.number = 0
    }
    use.value.filling = nil
  }

  func fillingChanged() { readFilling() }

  /// Takes what there is of a filling, as long as the client takes it too.
  func readFilling() {
    guard let filling = use.value.filling, use.value.number > 0 else { return }
    var hasHead = false
    while client?.stream.hasQueuedBytes == false {
      switch filling.look(use.value.reader) {
      case .waiting:
        if hasHead { flushHead() }
        return
      case .head(let head, let length):
        guard beginFrom(head, length: length) else { return }
        hasHead = true
      case .chunk(let chunk):
        if !hasHead { context.scratch.value.removeAll() }
        hasHead = false
        send(chunk)
        guard responsePhase == .cached else { return }
      case .complete: return completeFromFilling(hasHead: hasHead)
      case .cut: return cut(reason: Reason.responseCut, byReset: endsByClose)
      case .stored(let response): return takeStored(response)
      case .released(.abandoned):
        // Who asked has gone. One of those who wait asks now.
        leaveFilling()
        if let cache = context.cache { lead(cache) }
        if use.value.mode == .following { return follow() }
        use.value.isCollapsed = false
        return forwardNow()
      case .released: return goAlone()
      }
    }
  }

  private func flushHead() {
    if case .failed(let error) = client!.stream.write(context.scratch.value) { return downstreamEnded(error) }
    client!.arm(context.settings.progressTimeout)
  }

  /// The head of what is being fetched is here. `false` when this exchange has nothing to do with it any more.
  private func beginFrom(_ head: StoredHead, length: Int?) -> Bool {
    if use.value.mode == .following, !fits(head) {
      use.value.forward = "vary-miss"
      goAlone()
      return false
    }
    var status = CacheStatus(forward: use.value.forward, isCollapsed: use.value.isCollapsed)
    status.isStored = !use.value.isCollapsed
    use.value.mode = .serving
    let told = toldFor(head, status, length: length, age: head.cameAged || use.value.isCollapsed)
    context.scratch.value.removeAll()
    if use.value.conditions?.outcome(for: head, length: nil, isHead: method == .head) == .notModified {
      CachedAnswer.notModified(head, told, to: &context.scratch.value)
      record.value.status = 304
      endServing(with: Span())
      return false
    }
    CachedAnswer.whole(head, told, to: &context.scratch.value)
    record.value.status = head.status
    responsePhase = .cached
    requestPhase = .complete
    use.value.isChunked = told.isChunked
    return true
  }

  /// Whether the answer to another is the answer to this request.
  private func fits(_ head: StoredHead) -> Bool {
    context.cache?.fits(head, requestBytes.value) ?? false
  }

  private func takeStored(_ response: StoredResponse) {
    guard fits(response.head) || use.value.stale?.head.vary.selectsAs(response.head.vary) == true else {
      return goAlone()
    }
    leaveFilling()
    serve(response, status: CacheStatus(forward: use.value.forward, isCollapsed: true))
  }

  private func completeFromFilling(hasHead: Bool) {
    if !hasHead { context.scratch.value.removeAll() }
    if use.value.isChunked { context.scratch.value.append("0\r\n\r\n") }
    endServing(with: Span())
  }

  private var endsByClose: Bool { !use.value.isChunked && isHTTP10 }

  // MARK: Sending

  /// Answers with what is stored.
  func serve(_ response: StoredResponse, status: CacheStatus) {
    let head = response.head
    use.value.mode = .serving
    requestPhase = .complete
    var ranges: [Range<Int>] = []
    var outcome = ClientConditions.Outcome.whole
    if let conditions = use.value.conditions {
      outcome = conditions.outcome(for: head, length: response.body.count, isHead: method == .head)
    }
    if case .ranges(let asked) = outcome { ranges = asked }
    let told = toldFor(head, status, length: response.body.count, age: true)
    context.scratch.value.removeAll()
    record.value.status = head.status
    switch outcome {
    case .whole:
      CachedAnswer.whole(head, told, to: &context.scratch.value)
      return send(response.body, 0..<(method == .head ? 0 : response.body.count))
    case .notModified:
      record.value.status = 304
      CachedAnswer.notModified(head, told, to: &context.scratch.value)
    case .unsatisfiable:
      record.value.status = 416
      CachedAnswer.unsatisfiable(head, of: response.body.count, told, to: &context.scratch.value)
    case .ranges where ranges.count == 1:
      record.value.status = 206
      CachedAnswer.partial(head, ranges[0], of: response.body.count, told, to: &context.scratch.value)
      return send(response.body, ranges[0])
    case .ranges:
      record.value.status = 206
      let parts = CachedAnswer.multipart(head, ranges, response.body, told, to: &context.scratch.value)
      return send(parts, 0..<parts.count)
    }
    endServing(with: Span())
  }

  private func toldFor(_ head: StoredHead, _ status: CacheStatus, length: Int?, age: Bool)
    -> CachedAnswer.Told
  {
    let isChunked = length == nil && !isHTTP10
    if context.isDraining || length == nil && isHTTP10 { isPersistent = false }
    return CachedAnswer.Told(
      closes: !isPersistent, saysKeepAlive: isHTTP10 && isPersistent, age: age ? head.age(loop.now) : nil,
      status: status, length: length, isChunked: isChunked, ownLines: use.value.ownLines, rate: rate,
      rateNote: context.responseRewrite.rateNote)
  }

  /// Sends a whole body behind the head in `context.scratch`.
  private func send(_ body: [UInt8], _ range: Range<Int>) {
    responsePhase = .cached
    if range.count <= Exchange.joinBytesMax {
      return endServing(with: body.span.extracting(range))
    }
    use.value.body = body
    use.value.rest = range
    use.value.isWhole = true
    sendRest()
  }

  /// Writes `context.scratch` and what the kernel takes of the body.
  private func sendRest() {
    let rest = use.value.rest
    let body = use.value.body
    // An interim answer may still be on its way: then all of it goes behind that.
    if client!.stream.hasQueuedBytes {
      record.value.bodyBytes += rest.count
      use.value.rest = rest.upperBound..<rest.upperBound
      _ = client!.stream.write(context.scratch.value, body.span.extracting(rest))
      return client!.arm(context.settings.progressTimeout)
    }
    let (outcome, count) = client!.stream.write(
      context.scratch.value, sharing: body.span.extracting(rest))
    record.value.bodyBytes += count
    use.value.rest = (rest.lowerBound + count)..<rest.upperBound
    switch outcome {
    case .failed(let error): downstreamEnded(error)
    case .queued: client!.arm(context.settings.progressTimeout)
    case .sent: ended()
    }
  }

  /// Sends one chunk of a filling behind what is in `context.scratch`.
  private func send(_ chunk: [UInt8]) {
    record.value.bodyBytes += chunk.count
    let outcome: WriteOutcome
    if use.value.isChunked {
      context.scratch.value.append(hex: chunk.count)
      context.scratch.value.append("\r\n")
      context.scratch.value.append(contentsOf: chunk)
      context.scratch.value.append("\r\n")
      outcome = client!.stream.write(context.scratch.value)
    } else {
      outcome = client!.stream.write(context.scratch.value, chunk.span)
    }
    if case .failed(let error) = outcome { return downstreamEnded(error) }
    client!.arm(context.settings.progressTimeout)
  }

  private func endServing(with part: Span<UInt8>) {
    record.value.bodyBytes += part.count
    context.scratch.value.append(part)
    if case .failed(let error) = client!.stream.write(context.scratch.value) {
      responsePhase = .cached
      return downstreamEnded(error)
    }
    ended()
  }

  private func ended() {
    leaveFilling()
    requestPhase = .complete
    responsePhase = .complete
    finish()
  }

  /// The client takes more.
  func cachedDrained() {
    if use.value.isWhole {
      guard !use.value.rest.isEmpty else { return ended() }
      context.scratch.value.removeAll()
      return sendRest()
    }
    client!.arm(context.settings.progressTimeout)
    readFilling()
  }
}
