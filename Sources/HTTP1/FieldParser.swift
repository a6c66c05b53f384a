internal import Base

/// How far a parser came with the bytes there are.
enum LineResult {
  /// The section ended; the next byte is at this offset.
  case complete(Int)
  case incomplete
  case failed(HTTP1Error)
}

/// Field lines up to the empty line: of heads and of trailer sections. RFC 9112 §5.
enum FieldParser {
  /// Fills `table` from `bytes[from...]`.
  static func parse(_ bytes: Span<UInt8>, from: Int, into table: inout FieldTable, limits: Limits)
    -> LineResult
  {
    var at = from
    let count = bytes.count
    while true {
      guard at < count else { return .incomplete }
      let lineStart = at
      let firstByte = bytes[at]
      if firstByte == 0x0D {
        guard at + 1 < count else { return .incomplete }
        guard bytes[at + 1] == 0x0A else { return .failed(.bareCarriageReturn) }
        return .complete(at + 2)
      }
      at = Token.end(bytes, from: at)
      guard at < count else { return .incomplete }
      guard bytes[at] == 0x3A, at > lineStart else {
        return .failed(nameFault(bytes[at], isFirst: at == lineStart))
      }
      let nameEnd = at
      at += 1
      while at < count, Token.isBlank(bytes[at]) { at += 1 }
      let valueStart = at
      switch valueEnd(bytes, from: at) {
      case .failed(let error): return .failed(error)
      case .incomplete: return .incomplete
      case .complete(let lineFeed):
        guard table.count < limits.fieldCountMax else { return .failed(.tooManyFields) }
        var end = lineFeed - 1
        while end > valueStart, Token.isBlank(bytes[end - 1]) { end -= 1 }
        table.append(
          Field(
            name: FieldName.find(bytes, lineStart, nameEnd), start: Int32(lineStart), nameEnd: Int32(nameEnd),
            valueStart: Int32(valueStart), valueEnd: Int32(end), end: Int32(lineFeed + 1)))
        at = lineFeed + 1
      }
    }
  }

  /// `.complete` gives the offset of the line feed.
  @inline(__always) private static func valueEnd(_ bytes: Span<UInt8>, from: Int) -> LineResult {
    var at = from
    while true {
      at = ByteScan.firstControl(bytes, from: at)
      guard at < bytes.count else { return .incomplete }
      switch bytes[at] {
      case 0x09: at += 1
      case 0x0D:
        guard at + 1 < bytes.count else { return .incomplete }
        // RFC 9112 §2.2: a bare CR is invalid or replaced; replacing would make us guess.
        guard bytes[at + 1] == 0x0A else { return .failed(.bareCarriageReturn) }
        return .complete(at + 1)
      case 0x0A: return .failed(.bareLineFeed)
      default: return .failed(.malformedFieldValue)
      }
    }
  }

  private static func nameFault(_ byte: UInt8, isFirst: Bool) -> HTTP1Error {
    switch byte {
    // A line that begins with white space continues the one before. RFC 9112 §5.2.
    case 0x20, 0x09: isFirst ? .lineFolding : .malformedFieldName
    case 0x0A: .bareLineFeed
    case 0x0D: .bareCarriageReturn
    default: .malformedFieldName
    }
  }
}

/// Splitting comma-separated lists. RFC 9110 §5.6.1.
struct ListElements: ~Copyable {
  private var at: Int
  private let end: Int

  init(_ range: Range<Int>) {
    at = range.lowerBound
    end = range.upperBound
  }

  /// The next element without white space around it; empty elements are left out.
  mutating func next(_ bytes: Span<UInt8>) -> Range<Int>? {
    while at < end {
      while at < end, Token.isBlank(bytes[at]) || bytes[at] == 0x2C { at += 1 }
      let start = at
      while at < end, bytes[at] != 0x2C { at += 1 }
      var stop = at
      while stop > start, Token.isBlank(bytes[stop - 1]) { stop -= 1 }
      if stop > start { return start..<stop }
    }
    return nil
  }
}
