internal import Base
internal import HTTP1

/// The body of the request being read, whatever frames it.
struct RequestBody: ~Copyable {
  private let isChunked: Bool
  /// Bytes still to come where the length is known.
  private var remaining = 0
  private var decoder: ChunkedDecoder

  init(_ framing: BodyFraming, limits: Limits) {
    decoder = ChunkedDecoder(trailerBytesMax: limits.headBytesMax)
    switch framing {
    case .none: isChunked = false
    case .length(let count):
      isChunked = false
      remaining = count
    case .chunked: isChunked = true
    case .untilClose: preconditionFailure("a request body does not end by closing")
    }
  }

  var isComplete: Bool { isChunked ? decoder.isFinished : remaining == 0 }

  /// Continues at `bytes[position...]` and moves `position` past what was consumed.
  mutating func next(_ bytes: Span<UInt8>, _ position: inout Int) -> ChunkedDecoder.Event {
    if isChunked { return decoder.next(bytes, &position) }
    if remaining == 0 { return .finished(position) }
    let taken = min(remaining, bytes.count - position)
    if taken == 0 { return .needMore }
    remaining -= taken
    position += taken
    return .data((position - taken)..<position)
  }

  /// Once complete: appends the trailers to a report. `false` when they are malformed.
  func appendTrailers(_ table: inout FieldTable, limits: Limits, to report: inout ByteBuffer) -> Bool {
    precondition(isComplete)
    guard isChunked, decoder.hasTrailers else { return true }
    guard table.parseTrailers(decoder.trailerBytes.span, limits: limits) == nil else { return false }
    report.append(",\n  \"trailers\": ")
    Report.append(table, decoder.trailerBytes.span, to: &report)
    return true
  }
}
