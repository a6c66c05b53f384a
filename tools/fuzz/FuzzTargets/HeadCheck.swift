internal import Base
internal import HTTP1

/// What a head parser said, in a form that can be compared.
enum Verdict: Equatable {
  case incomplete
  case refused(status: Int)
  case accepted(Facts)
}

/// Everything a parser found out about a head.
struct Facts: Equatable {
  /// Offsets, which depend on how the head was written.
  var places: [Int] = []
  /// What the head means, which does not.
  var meaning: [Int] = []
  var texts: [[UInt8]] = []
  var end = 0

  mutating func place(_ range: Range<Int>, in bytes: Span<UInt8>) {
    places += [range.lowerBound, range.upperBound]
    texts.append(bytes.array(range))
  }

  mutating func place(_ table: borrowing FieldTable, in bytes: Span<UInt8>) {
    for index in 0..<table.count {
      place(table[index].nameRange, in: bytes)
      place(table[index].valueRange, in: bytes)
      places += [Int(table[index].start), Int(table[index].end)]
      meaning.append(Int(table[index].name.rawValue))
    }
  }

  func means(_ other: Facts) -> Bool { meaning == other.meaning && texts == other.texts }
}

/// The invariants that hold for heads of both directions.
protocol HeadCheck {
  var limits: Limits { get }
  /// The parser, and a check of what it found against the bytes.
  func verdict(_ bytes: Span<UInt8>, _ table: inout FieldTable, _ limits: Limits) -> Verdict
  /// The same head written plainly.
  func startLine(_ bytes: Span<UInt8>, _ facts: Facts) -> [UInt8]
  /// How many of `Facts.texts` come before those of the fields.
  var textsBeforeFields: Int { get }
}

extension HeadCheck {
  func run(_ bytes: Span<UInt8>, seed: UInt8) {
    var table = FieldTable()
    let whole = verdict(bytes, &table, limits)
    // One table is used over and over: nothing of an earlier head may stay in it.
    require(verdict(bytes, &table, limits) == whole, "the second parse differs")
    checkSurroundings(bytes, &table, whole)
    for count in Prefixes(of: bytes.count, seed: seed) { checkPrefix(bytes, count, &table, whole) }
    if case .accepted(let facts) = whole {
      checkEnd(bytes, &table, facts)
      checkRewritten(bytes, &table, facts)
    }
  }

  /// Bytes outside the span make no difference. They are there to be read by mistake.
  private func checkSurroundings(_ bytes: Span<UInt8>, _ table: inout FieldTable, _ whole: Verdict) {
    for filler: UInt8 in [0x0A, 0x61] {
      let around = [UInt8](repeating: filler, count: 9)
      let copy = around + bytes.array(0..<bytes.count) + around
      let inner = copy.span.extracting(9..<(9 + bytes.count))
      require(verdict(inner, &table, limits) == whole, "bytes outside the span were read")
    }
  }

  /// What has arrived so far never says anything else than all of it.
  private func checkPrefix(
    _ bytes: Span<UInt8>, _ count: Int, _ table: inout FieldTable, _ whole: Verdict
  ) {
    // A copy of its own size, so that the address sanitizer sees a read past its end.
    let prefix = bytes.array(0..<count)
    switch (verdict(prefix.span, &table, limits), whole) {
    case (.incomplete, .accepted(let facts)): require(count < facts.end, "no end where it was")
    case (.incomplete, _): break
    case (.accepted(let facts), .accepted): require(.accepted(facts) == whole)
    case (.accepted, _): unreachable("a prefix of a bad head was accepted")
    case (.refused, .accepted), (.refused, .incomplete):
      unreachable("a prefix of a good head was refused")
    case (.refused(let status), .refused(let wholeStatus)):
      // Too much without an end is known before a fault further on can be.
      require(
        status == wholeStatus || (status == 431 && count > limits.headBytesMax), "the status depends on cuts")
    }
  }

  /// The head ends where it says, and what follows makes no difference.
  private func checkEnd(_ bytes: Span<UInt8>, _ table: inout FieldTable, _ facts: Facts) {
    require(facts.end <= limits.headBytesMax)
    let head = bytes.array(0..<facts.end)
    require(head.suffix(4) == [0x0D, 0x0A, 0x0D, 0x0A])
    require(verdict(head.span, &table, limits) == .accepted(facts), "what follows was read")
    let shorter = head.span.extracting(0..<(facts.end - 1))
    require(verdict(shorter, &table, limits) == .incomplete, "accepted before its last byte")
  }

  private func checkRewritten(_ bytes: Span<UInt8>, _ table: inout FieldTable, _ facts: Facts) {
    var plain = startLine(bytes, facts)
    for index in stride(from: textsBeforeFields, to: facts.texts.count, by: 2) {
      plain += facts.texts[index] + [0x3A, 0x20] + facts.texts[index + 1] + [0x0D, 0x0A]
    }
    plain += [0x0D, 0x0A]
    // A space after each colon may be more than there was.
    let roomy = Limits(headBytesMax: 256 * 1024, fieldCountMax: limits.fieldCountMax)
    guard case .accepted(let again) = verdict(plain.span, &table, roomy) else {
      unreachable("the head is refused when it is written plainly")
    }
    require(again.means(facts), "the head means something else when it is written plainly")
    require(again.end == plain.count)
  }
}

/// Checks of places in a head, which each parser's verdict makes as it goes.
enum Places {
  static func check(_ range: Range<Int>, after start: Int, before end: Int) {
    require(range.lowerBound >= start, "a range begins too early")
    require(range.upperBound <= end, "a range ends too late")
  }

  /// The field lines fill `start..<end` but for the empty line, in their order, and have no control in them.
  static func check(_ table: borrowing FieldTable, in bytes: Span<UInt8>, from start: Int, to end: Int) {
    require(end <= bytes.count)
    var at = start
    for index in 0..<table.count {
      let field = table[index]
      require(Int(field.start) == at, "a gap between field lines")
      require(field.start < field.nameEnd && field.nameEnd < field.valueStart)
      require(field.valueStart <= field.valueEnd && field.valueEnd <= field.end - 2)
      at = Int(field.end)
      require(bytes[at - 2] == 0x0D && bytes[at - 1] == 0x0A)
      require(bytes[Int(field.nameEnd)] == 0x3A)
      for place in field.nameRange { require(bytes[place] > 0x20 && bytes[place] < 0x7F) }
      for place in field.valueRange {
        require(bytes[place] == 0x09 || (bytes[place] >= 0x20 && bytes[place] != 0x7F))
      }
      if let first = field.valueRange.first, let last = field.valueRange.last {
        require(bytes[first] > 0x20 && bytes[last] > 0x20, "blanks around a value")
      }
    }
    require(at + 2 == end, "the fields do not end with the head")
    require(bytes[at] == 0x0D && bytes[at + 1] == 0x0A)
  }
}

extension BodyFraming {
  /// A number of its own for each.
  var number: Int {
    switch self {
    case .none: -1
    case .length(let count): count
    case .chunked: -2
    case .untilClose: -3
    }
  }
}

extension Span<UInt8> {
  func array(_ range: Range<Int>) -> [UInt8] { range.map { self[$0] } }
}
