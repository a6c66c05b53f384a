internal import Base
internal import Cache
internal import HTTP1
internal import Reactor
internal import Routing

/// Who reads a filling on this loop.
protocol FillingReader: AnyObject {
  /// There is something new to look at.
  func fillingChanged()
}

/// The cache as one loop uses it: the shared store, the rules, and who on this loop waits for what.
final class ProxyCache {
  let store: CacheStore
  let policy: CachePolicy
  let loop: EventLoop
  unowned let context: ProxyContext
  /// The key of the request being looked up at this moment.
  let key = Confined(ByteBuffer())
  /// Room for parsing and comparing at this moment.
  let table = Confined(FieldTable())
  let requestTable = Confined(FieldTable())
  let scratch = Confined(ByteBuffer())
  private let bell = Mailbox<Int>()
  private var readers: [Int: any FillingReader] = [:]
  private var nextReader = 0
  private var fills: [ObjectIdentifier: CacheFill] = [:]
  private var fetches: [ObjectIdentifier: BackgroundFetch] = [:]
  private var isClosed = false

  /// How long one waits for the head of an answer that another has asked for.
  static let patience = Interval.seconds(5)

  init(_ store: CacheStore, _ settings: CacheSettings, context: ProxyContext, on loop: EventLoop) {
    self.store = store
    self.context = context
    self.loop = loop
    policy = CachePolicy(settings)
    bell.open(on: loop) { [unowned self] reader in readers[reader]?.fillingChanged() }
  }

  /// Cuts what is being fetched for nobody in particular.
  func close() {
    guard !isClosed else { return }
    isClosed = true
    for fill in Array(fills.values) { fill.close() }
    for fetch in Array(fetches.values) { fetch.close() }
    readers = [:]
    bell.close()
  }

  // MARK: Readers

  /// Registers a reader: a number for `leave`, and what a filling may call from any thread.
  func register(_ reader: any FillingReader) -> (number: Int, listener: @Sendable () -> Void) {
    nextReader += 1
    let number = nextReader
    readers[number] = reader
    let bell = bell
    return (number, { bell.post(number) })
  }

  func unregister(_ number: Int) { readers[number] = nil }

  func keep(_ fill: CacheFill) { fills[ObjectIdentifier(fill)] = fill }
  func forget(_ fill: CacheFill) { fills[ObjectIdentifier(fill)] = nil }
  func keep(_ fetch: BackgroundFetch) { fetches[ObjectIdentifier(fetch)] = fetch }
  func forget(_ fetch: BackgroundFetch) { fetches[ObjectIdentifier(fetch)] = nil }

  // MARK: Keys

  /// Writes the key of a request into `key`: authority, path and query as they are sent upstream, and what a
  /// trusted proxy says that the client asked for. Returns its hash.
  ///
  /// - Parameter path: in the spelling that is forwarded, where that is not the client's; else empty.
  func makeKey(
    _ bytes: Span<UInt8>, _ head: RequestHead, _ table: borrowing FieldTable, path: Span<UInt8>,
    isTrusted: Bool, isSecured: Bool = false
  ) -> UInt64 {
    key.value.removeAll()
    if let range = head.authorityRange { key.value.append(lowercasing: bytes, range) }
    key.value.append(0)
    if !path.isEmpty {
      key.value.append(path)
    } else if head.pathRange.isEmpty {
      key.value.append(UInt8(ascii: "/"))
    } else {
      if bytes[head.pathRange.lowerBound] == UInt8(ascii: "?") { key.value.append(UInt8(ascii: "/")) }
      key.value.append(bytes, from: head.pathRange.lowerBound, to: head.pathRange.upperBound)
    }
    if isSecured { key.value.append(TargetReference.securedMark) }
    if isTrusted, table.contains(.xForwardedHost) || table.contains(.xForwardedProto) {
      for name in [FieldName.xForwardedHost, .xForwardedProto] {
        key.value.append(0)
        if let field = table.first(name) {
          key.value.append(bytes, from: Int(field.valueStart), to: Int(field.valueEnd))
        }
      }
    }
    for index in 0..<table.count where ProxyCache.isKeyed(table[index], bytes) {
      key.value.append(0)
      key.value.append(lowercasing: bytes, table[index].nameRange)
      key.value.append(0)
      key.value.append(bytes, from: Int(table[index].valueStart), to: Int(table[index].valueEnd))
    }
    return ByteHash.of(key.value)
  }

  /// Whether a field goes on as the client sent it and may tell an application what was asked for: who sends one
  /// has a place of its own in the cache and spoils nobody's answers.
  private static func isKeyed(_ field: Field, _ bytes: Span<UInt8>) -> Bool {
    if field.name == .forwarded { return true }
    let range = field.nameRange
    guard field.name == .other, range.count >= 6, bytes[range.lowerBound] | 0x20 == 0x78 else { return false }
    let (from, to) = (range.lowerBound, range.upperBound)
    switch range.count {
    case 6: return ASCII.equals(bytes, from, to, ignoringCase: "x-host")
    case 15 where ASCII.equals(bytes, from, to, ignoringCase: "x-original-host"): return true
    case 20: return ASCII.equals(bytes, from, to, ignoringCase: "x-http-host-override")
    case 13...: return ASCII.equals(bytes, from, from + 12, ignoringCase: "x-forwarded-")
    default: return false
    }
  }

  /// Whether a request carries a field by which some applications choose another resource or method than the
  /// request line says: no key has it.
  static func hasOverride(_ bytes: Span<UInt8>, _ table: borrowing FieldTable) -> Bool {
    for index in 0..<table.count where table[index].name == .other {
      let range = table[index].nameRange
      guard range.count >= 13, bytes[range.lowerBound] | 0x20 == 0x78 else { continue }
      let (from, to) = (range.lowerBound, range.upperBound)
      switch range.count {
      case 13:
        if ASCII.equals(bytes, from, to, ignoringCase: "x-rewrite-url") { return true }
        if ASCII.equals(bytes, from, to, ignoringCase: "x-http-method") { return true }
      case 14: if ASCII.equals(bytes, from, to, ignoringCase: "x-original-url") { return true }
      case 17: if ASCII.equals(bytes, from, to, ignoringCase: "x-method-override") { return true }
      case 22: if ASCII.equals(bytes, from, to, ignoringCase: "x-http-method-override") { return true }
      default: break
      }
    }
    return false
  }

  // MARK: Responses

  /// The stored form of a response's head; `nil` where it is not to be stored.
  /// - Parameter request: the whole head that the origin was sent.
  func storedHead(
    _ bytes: Span<UInt8>, _ head: ResponseHead, _ fields: borrowing FieldTable, _ asked: CachePolicy.Request,
    request: borrowing ByteBuffer, isSecured: Bool = false
  ) -> StoredHead? {
    scratch.value.removeAll()
    context.clock.value.refresh(loop.now)
    var told = ResponseRewrite.Connection(encoding: .identity)
    told.isSecured = isSecured
    context.responseRewrite.write(
      bytes, head, fields, told, date: context.clock.value.date, to: &scratch.value)
    return interpret(scratch.value, asked, request: request)
  }

  private func interpret(
    _ buffer: borrowing ByteBuffer, _ asked: CachePolicy.Request, request sent: borrowing ByteBuffer
  ) -> StoredHead? {
    let bytes = buffer.span
    let request = sent.span
    guard
      case .complete(let head) = ResponseHead.parse(
        bytes, answering: .head, into: &table.value, limits: .unlimited),
      case .complete = RequestHead.parse(request, into: &requestTable.value, limits: .unlimited)
    else { return nil }
    return policy.storedHead(
      bytes, head, table.value, to: asked, request: request, requestTable.value, now: loop.now,
      wall: WallClock.seconds())
  }

  /// Whether a stored head is the answer to another request too.
  /// - Parameter request: that request's whole head, as it would be sent.
  func fits(_ head: StoredHead, _ request: borrowing ByteBuffer) -> Bool {
    let bytes = request.span
    guard case .complete = RequestHead.parse(bytes, into: &requestTable.value, limits: .unlimited) else {
      return false
    }
    return head.isReusable && head.vary.matches(bytes, requestTable.value, scratch: &scratch.value)
  }

  /// A stored response with what a 304 says of it (RFC 9111 §4.3.4), stored in its place.
  func validated(
    _ stale: StoredResponse, _ bytes: Span<UInt8>, _ head: ResponseHead, _ fields: borrowing FieldTable,
    _ asked: CachePolicy.Request, request: borrowing ByteBuffer, key: [UInt8], hash: UInt64
  ) -> StoredResponse {
    var news = ByteBuffer()
    context.clock.value.refresh(loop.now)
    context.responseRewrite.write(
      bytes, head, fields, ResponseRewrite.Connection(encoding: .identity),
      date: context.clock.value.date, to: &news)
    var merged = ByteBuffer()
    guard
      case .complete = ResponseHead.parse(news.span, answering: .get, into: &table.value, limits: .unlimited)
    else { return stale }
    policy.updated(stale.head, by: news.span, table.value, to: &merged)
    guard let fresh = interpret(merged, asked, request: request) else {
      // It says now that it is not for storing.
      store.invalidate(hash, now: loop.now)
      return stale
    }
    let response = StoredResponse(fresh, body: stale.body)
    store.insert(response, key, hash, replacing: stale)
    return response
  }

  // MARK: Invalidation

  /// A request that may have changed something was answered without an error. RFC 9111 §4.4, RFC 9875 §3.
  /// - Parameter key: of the same target.
  func invalidate(
    _ key: [UInt8], _ hash: UInt64, _ bytes: Span<UInt8>, _ fields: borrowing FieldTable
  ) {
    store.invalidate(hash, now: loop.now)
    let authorityEnd = key.firstIndex(of: 0) ?? 0
    for name in [FieldName.location, .contentLocation] {
      guard let field = fields.first(name),
        let other = TargetReference.key(bytes.extracting(field.valueRange), base: key.span)
      else { continue }
      store.invalidate(ByteHash.of(other.span), now: loop.now)
    }
    let groups = CacheGroups.read(
      bytes, fields, .cacheGroupInvalidation, authority: key.span.extracting(0..<authorityEnd))
    store.invalidate(groups: groups, now: loop.now)
  }
}
