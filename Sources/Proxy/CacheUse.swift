internal import Base
internal import Cache
internal import HTTP1

/// What the cache has to do with one exchange. New for each: `reset` of the exchange drops it.
struct CacheUse {
  enum Mode {
    /// There is no cache, or it has nothing to do with this request any more.
    case off
    /// Goes by the cache, which is told of in `Cache-Status` all the same.
    case passing
    /// Its answer may be stored, and nobody waits for it.
    case storing
    /// Its answer may be stored, and others may wait for it: `filling` is ours to write.
    case leading
    /// Waits for the answer of another, in `filling`.
    case following
    /// Is being answered from memory.
    case serving
  }

  var mode = Mode.off
  /// Why it was forwarded, in the words of RFC 9211 §2.2.
  var forward: StaticString = "uri-miss"
  var hash: UInt64 = 0
  var directives = RequestDirectives()
  var hasAuthorization = false
  var conditions: ClientConditions?
  var sentAt = Instant(milliseconds: 0)
  /// What the origin is asked about.
  var stale: StoredResponse?
  /// What is served stale while an origin is asked.
  var refreshes: StoredResponse?
  var filling: Filling?
  /// Our place among its readers, and our number for being called.
  var reader = 0
  var number = 0
  var isCollapsed = false
  /// The answer of another was waited for before: not a second time behind a different one.
  var hasFollowed = false

  /// Field lines that are for this client and not for the cache: `private="…"`.
  var ownLines: [UInt8] = []

  // While being served.
  var body: [UInt8] = []
  /// What is still to be sent of `body`.
  var rest = 0..<0
  /// The body came in one piece: after it there is nothing.
  var isWhole = false
  var isChunked = false
}

/// The conditions and the range of a request, kept for when the answer is here. RFC 9110 §13 and §14.
struct ClientConditions {
  var ifNoneMatch: [UInt8]?
  /// Seconds since 1970.
  var ifModifiedSince: Int?
  var range: [UInt8]?
  var ifRange: [UInt8]?

  enum Outcome: Equatable {
    case whole
    case notModified
    case unsatisfiable
    case ranges([Range<Int>])
  }

  /// `nil` where the request has none.
  static func read(_ bytes: Span<UInt8>, _ table: borrowing FieldTable) -> ClientConditions? {
    let names =
      FieldName.ifNoneMatch.bit | FieldName.ifModifiedSince.bit | FieldName.range.bit | FieldName.ifRange.bit
    guard table.present & names != 0 else { return nil }
    var conditions = ClientConditions()
    for index in 0..<table.count where table[index].name == .ifNoneMatch {
      if conditions.ifNoneMatch != nil { conditions.ifNoneMatch?.append(0x2C) }
      conditions.ifNoneMatch = (conditions.ifNoneMatch ?? []) + copy(bytes, table[index].valueRange)
    }
    if let field = table.first(.ifModifiedSince), !table.isRepeated(.ifModifiedSince) {
      conditions.ifModifiedSince = HTTPDate.parse(bytes, field.valueRange, now: WallClock.seconds())
    }
    if let field = table.first(.range), !table.isRepeated(.range) {
      conditions.range = copy(bytes, field.valueRange)
    }
    if let field = table.first(.ifRange) { conditions.ifRange = copy(bytes, field.valueRange) }
    return conditions
  }

  private static func copy(_ bytes: Span<UInt8>, _ range: Range<Int>) -> [UInt8] {
    range.map { bytes[$0] }
  }

  /// What they make of a stored answer. RFC 9110 §13.2.2.
  /// - Parameters:
  ///   - length: of the body, where all of it is here.
  ///   - isHead: HEAD has no ranges.
  func outcome(for head: StoredHead, length: Int?, isHead: Bool) -> Outcome {
    // RFC 9110 §13.2.1: of other answers there is nothing to be compared.
    guard head.status == 200 else { return .whole }
    if let ifNoneMatch {
      if EntityTag.list(ifNoneMatch.span, has: head.entityTag) { return .notModified }
    } else if let ifModifiedSince, head.modifiedAt <= ifModifiedSince {
      return .notModified
    }
    guard let range, let length, !isHead, mayUseRange(of: head) else { return .whole }
    switch ByteRanges.parse(range.span, 0..<range.count, length: length) {
    case .ignored: return .whole
    case .unsatisfiable: return .unsatisfiable
    case .ranges(let ranges): return .ranges(ranges)
    }
  }

  /// RFC 9110 §13.1.5: the same strong tag, or the very date of its last change.
  private func mayUseRange(of head: StoredHead) -> Bool {
    guard let ifRange else { return true }
    if ifRange.first == UInt8(ascii: "\"") { return head.entityTag == ifRange }
    return head.hasLastModified && head.lastModified == ifRange
  }
}

/// RFC 9110 §8.8.3.
enum EntityTag {
  /// Whether an If-None-Match list has `tag`, by weak comparison; `*` has any.
  static func list(_ list: Span<UInt8>, has tag: [UInt8]?) -> Bool {
    var at = 0
    let wanted = tag.map { opaque($0.span, 0, $0.count) }
    while at < list.count {
      while at < list.count, isSeparator(list[at]) { at += 1 }
      guard at < list.count else { return false }
      if list[at] == UInt8(ascii: "*") { return true }
      let start = at
      if list[at] == UInt8(ascii: "W"), at + 1 < list.count, list[at + 1] == UInt8(ascii: "/") { at += 2 }
      if at < list.count, list[at] == UInt8(ascii: "\"") {
        at += 1
        while at < list.count, list[at] != UInt8(ascii: "\"") { at += 1 }
        at = min(list.count, at + 1)
      } else {
        while at < list.count, !isSeparator(list[at]) { at += 1 }
      }
      guard let tag, let wanted else { continue }
      let found = opaque(list, start, at)
      if ByteHash.equal(list.extracting(found), tag.span.extracting(wanted)) { return true }
    }
    return false
  }

  private static func isSeparator(_ byte: UInt8) -> Bool { byte == 0x2C || byte == 0x20 || byte == 0x09 }

  /// Without the sign of weakness.
  private static func opaque(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Range<Int> {
    let isWeak =
      end - start > 2 && bytes[start] == UInt8(ascii: "W") && bytes[start + 1] == UInt8(ascii: "/")
    return (isWeak ? start + 2 : start)..<end
  }
}
