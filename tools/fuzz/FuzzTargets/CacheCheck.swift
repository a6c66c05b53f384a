internal import Base
internal import Cache
internal import HTTP1

/// What holds for every response that a cache looks at: the input is a response head, whose fields are taken for
/// the request's as well.
struct CacheCheck {
  private static let settings = CacheSettings()
  private let now = Instant(milliseconds: 1_000_000)
  private let wall = 1_800_000_000

  func run(_ bytes: Span<UInt8>) {
    var table = FieldTable()
    guard
      case .complete(let head) = ResponseHead.parse(bytes, answering: .get, into: &table, limits: Limits())
    else { return }
    checkValues(bytes, table)
    var request = ByteBuffer()
    request.append("GET / HTTP/1.1\r\nX-A: b\r\n")
    request.append(bytes, from: head.fieldsStart, to: head.end)
    var requestTable = FieldTable()
    guard case .complete = RequestHead.parse(request.span, into: &requestTable, limits: Limits()) else {
      request.removeAll()
      request.append("GET / HTTP/1.1\r\nHost: a\r\nFoo: 1\r\n\r\n")
      guard case .complete = RequestHead.parse(request.span, into: &requestTable, limits: Limits()) else {
        return require(false)
      }
      return check(bytes, head, table, request, requestTable)
    }
    check(bytes, head, table, request, requestTable)
  }

  private func check(
    _ bytes: Span<UInt8>, _ head: ResponseHead, _ table: borrowing FieldTable,
    _ request: borrowing ByteBuffer,
    _ requestTable: borrowing FieldTable
  ) {
    let policy = CachePolicy(CacheCheck.settings)
    let asked = CachePolicy.Request(hasAuthorization: false, authority: [0x61], sentAt: now)
    let stored = policy.storedHead(
      bytes, head, table, to: asked, request: request.span, requestTable, now: now, wall: wall)
    guard let stored else { return }
    require(policy.mayStore(bytes, head, table))
    require(stored.lifetimeSeconds >= 0 && stored.initialAgeSeconds >= 0)
    require(!stored.control.isPrivate && (!stored.control.noStore || stored.control.mustUnderstand))
    var scratch = ByteBuffer()
    require(stored.vary.matches(request.span, requestTable, scratch: &scratch))
    // What is served is a head again, without what frames it.
    var again = FieldTable()
    let lines = stored.bytes
    guard
      case .complete(let kept) = ResponseHead.parse(
        lines.span, answering: .head, into: &again, limits: .unlimited)
    else { return require(false) }
    require(kept.end == lines.count && kept.status == head.status)
    require(!again.contains(.contentLength) && !again.contains(.transferEncoding) && !again.contains(.age))
    // Renewed by itself it is a head as well.
    var renewed = ByteBuffer()
    policy.updated(stored, by: bytes, table, to: &renewed)
    guard
      case .complete = ResponseHead.parse(renewed.span, answering: .head, into: &again, limits: .unlimited)
    else { return require(false) }
    _ = stored.reuse(
      by: RequestDirectives.read(request.span, requestTable), at: now.advanced(by: .seconds(9)))
  }

  private func checkValues(_ bytes: Span<UInt8>, _ table: borrowing FieldTable) {
    for index in 0..<table.count {
      let value = table[index].valueRange
      if let seconds = HTTPDate.parse(bytes, value, now: wall), seconds >= 0 {
        // What was read is written as the same moment.
        var text = ByteBuffer()
        HTTPDate.append(seconds: seconds, to: &text)
        require(HTTPDate.parse(text.span, 0..<text.count, now: wall) == seconds)
      }
      if case .ranges(let ranges) = ByteRanges.parse(bytes, value, length: 1000) {
        require(!ranges.isEmpty)
        for range in ranges { require(!range.isEmpty && range.lowerBound >= 0 && range.upperBound <= 1000) }
      }
    }
    _ = CacheGroups.read(bytes, table, .cacheGroups, authority: bytes.extracting(0..<0))
  }
}
