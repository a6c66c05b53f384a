internal import Base
internal import Digest
internal import HTTP1

/// Whether the answer came from a cache, as far as it says.
enum CacheWord: Sendable { case unsaid, hit, miss }

/// Reads one answer after another off a connection. No socket, no clock.
struct AnswerReader: ~Copyable {
  enum Step: Equatable {
    case needMore
    /// The answer ends at this offset of the bytes that were given.
    case finished(Int)
    case failed(Failure)
  }

  private enum Phase { case head, counted(Int), chunked, untilClose, done }

  private var phase = Phase.head
  /// The front of a head that came in pieces.
  private var pending = ByteBuffer()
  private var decoder = ChunkedDecoder(trailerBytesMax: 32 * 1024)
  private(set) var status = 0
  private(set) var isPersistent = false
  private(set) var backend = -1
  private(set) var cache = CacheWord.unsaid
  /// Whether anything has come.
  private(set) var hasBegun = false

  /// A body so large that its reads should be, too.
  var isLong: Bool {
    switch phase {
    case .counted(let count): count > 32 * 1024
    case .chunked, .untilClose: true
    case .head, .done: false
    }
  }

  mutating func begin() {
    phase = .head
    if !pending.isEmpty { pending.removeAll() }
    backend = -1
    cache = .unsaid
    hasBegun = false
  }

  mutating func read(
    _ bytes: Span<UInt8>, method: Method, digest: SHA256?, in context: AnswerContext
  ) -> Step {
    hasBegun = true
    var at = 0
    while true {
      switch phase {
      case .head:
        switch readHead(bytes, &at, method, context) {
        case .needMore: return .needMore
        case .failed(let failure): return .failed(failure)
        case .finished: continue
        }
      case .counted(let count):
        let taken = min(count, bytes.count - at)
        digest?.add(bytes.extracting(at..<(at + taken)))
        at += taken
        if taken < count {
          phase = .counted(count - taken)
          return .needMore
        }
        phase = .done
      case .chunked:
        switch decoder.next(bytes, &at) {
        case .data(let range): digest?.add(bytes.extracting(range))
        case .needMore: return .needMore
        case .failed: return .failed(.malformed)
        case .finished: phase = .done
        }
      case .untilClose:
        digest?.add(bytes.extracting(at..<bytes.count))
        return .needMore
      case .done: return .finished(at)
      }
    }
  }

  /// The connection was closed. Returns whether that ended the answer rightly.
  mutating func end() -> Failure? {
    if case .untilClose = phase {
      phase = .done
      return nil
    }
    return hasBegun ? .truncated : .closed
  }

  /// `finished` means: the head is read, its body begins at `at`.
  private mutating func readHead(
    _ bytes: Span<UInt8>, _ at: inout Int, _ method: Method, _ context: AnswerContext
  ) -> Step {
    if pending.isEmpty, at == 0 {
      // The usual case: a whole head in one read.
      let result = ResponseHead.parse(bytes, answering: method, into: &context.table, limits: context.limits)
      let step = take(result, bytes, &at, context)
      if step == .needMore { pending.append(bytes) }
      return step
    }
    // Out of `self` while its bytes are lent.
    var held = exchange(&pending, with: ByteBuffer())
    let before = held.count
    held.append(bytes, from: at, to: bytes.count)
    let result = ResponseHead.parse(
      held.span, answering: method, into: &context.table, limits: context.limits)
    var end = 0
    let step = take(result, held.span, &end, context)
    switch step {
    case .needMore: pending = held
    case .finished: at += end - before
    case .failed: break
    }
    return step
  }

  private mutating func take(
    _ result: HeadResult<ResponseHead>, _ bytes: Span<UInt8>, _ end: inout Int, _ context: AnswerContext
  ) -> Step {
    switch result {
    case .failed: return .failed(.malformed)
    case .incomplete: return .needMore
    case .complete(let head):
      end = head.end
      // Nobody asked for another protocol.
      if head.status == 101 { return .failed(.malformed) }
      if head.isInterim { return .finished(0) }
      status = head.status
      isPersistent = head.isPersistent
      readFields(bytes, context)
      switch head.framing {
      case .none: phase = .done
      case .length(let count): phase = .counted(count)
      case .chunked:
        decoder = ChunkedDecoder(trailerBytesMax: 32 * 1024)
        phase = .chunked
      case .untilClose: phase = .untilClose
      }
      return .finished(0)
    }
  }

  private mutating func readFields(_ bytes: Span<UInt8>, _ context: AnswerContext) {
    let spreadField = context.spreadField
    let spread = spreadField.span
    for index in 0..<context.table.count {
      let field = context.table[index]
      if field.nameRange.count == spread.count,
        ASCII.equals(bytes, field.nameRange, spread, 0..<spread.count)
      {
        backend = context.backendIndex(bytes, field.valueRange)
      } else if cache == .unsaid || field.name == .age {
        cache = CacheField.word(bytes, field) ?? cache
      }
    }
  }
}

/// What the readers of one loop share.
final class AnswerContext {
  var table = FieldTable()
  let limits = Limits()
  let spreadField: [UInt8]
  /// Beyond these all others count as one.
  private static let backendsMax = 1000
  private(set) var backends: [[UInt8]] = []
  private var lastBackend = 0

  init(spreadField: [UInt8]) { self.spreadField = spreadField }

  func backendIndex(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Int {
    // Round robin is the usual case: the next one first.
    for step in 1...max(1, backends.count) where !backends.isEmpty {
      let index = (lastBackend + step) % backends.count
      let known = backends[index]
      if known.count == range.count, AnswerContext.matches(bytes, range, known.span) {
        lastBackend = index
        return index
      }
    }
    if backends.count == AnswerContext.backendsMax {
      backends.append(Array("(others)".utf8))
    }
    guard backends.count < AnswerContext.backendsMax else { return backends.count - 1 }
    backends.append(range.map { bytes[$0] })
    lastBackend = backends.count - 1
    return lastBackend
  }

  private static func matches(_ bytes: Span<UInt8>, _ range: Range<Int>, _ known: Span<UInt8>) -> Bool {
    for index in 0..<known.count where bytes[range.lowerBound + index] != known[index] { return false }
    return true
  }
}

/// What fields say of caches: `Cache-Status` (RFC 9211), `X-Cache` (by custom) and `Age` (RFC 9111 §5.1).
enum CacheField {
  static func word(_ bytes: Span<UInt8>, _ field: Field) -> CacheWord? {
    switch field.nameRange.count {
    case 3:
      // A cache that answers states an age; one of zero may come from a validation just made.
      guard field.name == .age else { return nil }
      return .hit
    case 7 where matches(bytes, field.nameRange, "x-cache"):
      return holds(bytes, field.valueRange, "hit") ? .hit : .miss
    case 12 where matches(bytes, field.nameRange, "cache-status"):
      return holds(bytes, lastMember(bytes, field.valueRange), "hit") ? .hit : .miss
    default: return nil
    }
  }

  private static func matches(_ bytes: Span<UInt8>, _ range: Range<Int>, _ text: StaticString) -> Bool {
    ASCII.equals(bytes, range.lowerBound, range.upperBound, ignoringCase: text)
  }

  /// The cache nearest to the client stands last (RFC 9211 §2).
  private static func lastMember(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Range<Int> {
    var start = range.lowerBound
    for index in range where bytes[index] == 0x2C { start = index + 1 }
    return start..<range.upperBound
  }

  /// Whether `word` stands in the value, not within another word.
  private static func holds(_ bytes: Span<UInt8>, _ range: Range<Int>, _ word: StaticString) -> Bool {
    let count = word.utf8CodeUnitCount
    guard range.count >= count else { return false }
    for start in range.lowerBound...(range.upperBound - count) {
      guard ASCII.equals(bytes, start, start + count, ignoringCase: word) else { continue }
      let startsWord = start == range.lowerBound || !isLetter(bytes[start - 1])
      let endsWord = start + count == range.upperBound || !isLetter(bytes[start + count])
      if startsWord, endsWord { return true }
    }
    return false
  }

  private static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- 0x61 < 26 }
}
