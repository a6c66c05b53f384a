internal import Base
internal import Cache
internal import HTTP1
internal import Reactor
internal import Upstream

/// Reads the body of an answer from its origin into the cache, for whoever reads it there.
///
/// No client's pace holds it up, and it goes on when the client that asked has gone: what is begun is stored.
final class CacheFill: StreamHandler, TimeoutHandler, FillingReader {
  /// What it needs to know of the exchange that it takes the connection from.
  struct Source {
    let connection: UpstreamConnection
    let upstream: Upstream
    let local: LocalEndpoint
    let leasedAt: UInt64
    let idleLimit: Interval?
    let isReusable: Bool
    let framing: BodyFraming
  }

  private let cache: ProxyCache
  private let source: Source
  private let head: StoredHead
  private let filling: Filling
  private let key: [UInt8]
  private let hash: UInt64
  private let replaced: StoredResponse?
  private let timer = WheelTimer()
  /// Its registration, from `begin` on.
  private var number = 0
  private var remaining = 0
  private var decoder: ChunkedDecoder?
  private var reservedBytes = 0
  private var bodyBytes = 0
  /// Too large, or no room: only passed on.
  private var isPassing = false
  private var isReusable: Bool
  private var isEnded = false

  /// Takes the connection over. Nothing happens before `begin`.
  init(
    _ source: Source, _ head: StoredHead, _ filling: Filling, key: [UInt8], hash: UInt64,
    replacing replaced: StoredResponse?, cache: ProxyCache
  ) {
    self.cache = cache
    self.source = source
    self.head = head
    self.filling = filling
    self.key = key
    self.hash = hash
    self.replaced = replaced
    isReusable = source.isReusable
    timer.setHandler(self)
  }

  /// Tells the readers of the head, and takes what of the body has come with it.
  func begin(_ bytes: Span<UInt8>) {
    cache.keep(self)
    let (number, onRoom) = cache.register(self)
    self.number = number
    var length: Int?
    switch source.framing {
    case .none: length = 0
    case .length(let count):
      length = count
      remaining = count
    case .chunked: decoder = ChunkedDecoder(trailerBytesMax: cache.context.settings.limits.headBytesMax)
    case .untilClose: break
    }
    source.connection.stream.setHandler(self)
    // The client that asked may have held it up.
    source.connection.stream.startReading()
    filling.begin(head, length: length, onRoom: onRoom)
    arm()
    take(bytes)
  }

  private func arm() {
    cache.loop.arm(timer, deadline: cache.loop.now.advanced(by: cache.context.settings.progressTimeout))
  }

  private func take(_ bytes: Span<UInt8>) {
    switch source.framing {
    case .none: complete(hasMore: !bytes.isEmpty)
    case .length:
      let count = min(remaining, bytes.count)
      remaining -= count
      guard append(bytes.extracting(0..<count)) else { return }
      if remaining == 0 {
        complete(hasMore: count < bytes.count)
      } else {
        source.connection.stream.setReadMode(.body)
      }
    case .untilClose:
      guard append(bytes) else { return }
      source.connection.stream.setReadMode(.body)
    case .chunked: takeChunked(bytes)
    }
  }

  private func takeChunked(_ bytes: Span<UInt8>) {
    var at = 0
    var part = ByteBuffer()
    while true {
      switch decoder!.next(bytes, &at) {
      case .data(let range): part.append(bytes, from: range.lowerBound, to: range.upperBound)
      case .needMore:
        guard append(part.span) else { return }
        return source.connection.stream.setReadMode(.body)
      case .finished(let end):
        guard append(part.span) else { return }
        return complete(hasMore: end < bytes.count)
      case .failed: return cut()
      }
    }
  }

  /// `false` when that was the end.
  private func append(_ bytes: Span<UInt8>) -> Bool {
    guard !bytes.isEmpty else { return true }
    bodyBytes += bytes.count
    if !isPassing {
      let isTooLarge = bodyBytes > cache.store.objectBytesMax
      if isTooLarge || !cache.store.reserve(bytes.count) {
        isPassing = true
        // Whoever comes now asks for itself.
        cache.store.end(filling, hash)
        if isTooLarge { cache.store.markPass(hash, now: cache.loop.now) }
      } else {
        reservedBytes += bytes.count
      }
    }
    switch filling.append([UInt8](copying: bytes), isPassing: isPassing) {
    case .go: return true
    case .pause:
      source.connection.stream.pauseReading()
      cache.loop.cancel(timer)
      return true
    case .stop:
      cut()
      return false
    }
  }

  func fillingChanged() {
    guard !isEnded else { return }
    arm()
    source.connection.stream.startReading()
  }

  // MARK: The end

  private func complete(hasMore: Bool) {
    if hasMore { isReusable = false }
    let body = filling.finish()
    leave(status: head.status, failure: nil)
    if let body {
      cache.store.insert(StoredResponse(head, body: body), key, hash, replacing: replaced)
    }
    cache.store.end(filling, hash)
  }

  private func cut() {
    isReusable = false
    filling.cut()
    cache.store.end(filling, hash)
    leave(status: head.status, failure: "answer cut short")
  }

  /// The process ends.
  func close() {
    guard !isEnded else { return }
    isReusable = false
    filling.cut()
    cache.store.end(filling, hash)
    leave(status: 0, failure: nil)
  }

  private func leave(status: Int, failure: StaticString?) {
    isEnded = true
    cache.loop.cancel(timer)
    cache.unregister(number)
    cache.store.release(reservedBytes)
    source.local.counters.value.bytesReceived &+= UInt64(bodyBytes)
    let now = EventLoop.nanoseconds
    source.upstream.finished(
      source.local, status: status, nanoseconds: now &- source.leasedAt, at: now, failure: failure)
    source.connection.stream.setReadMode(.head)
    let pool = source.connection.pool
    if isReusable {
      pool.giveBack(source.connection, idleLimit: source.idleLimit)
    } else {
      pool.discard(source.connection)
    }
    cache.forget(self)
  }

  // MARK: Events

  func streamDidConnect() {}
  func streamIsReadable() { source.connection.stream.setReadMode(.body) }
  func streamDidDrain() {}

  func streamDidReceive(_ bytes: Span<UInt8>) {
    guard !isEnded else { return }
    arm()
    take(bytes)
  }

  func streamDidEnd(_ error: UVError?) {
    guard !isEnded else { return }
    guard source.framing == .untilClose, error == nil else { return cut() }
    isReusable = false
    complete(hasMore: false)
  }

  func timeoutPassed(_ timer: WheelTimer) {
    guard !isEnded else { return }
    cut()
  }
}
