internal import Base
internal import HTTP1

/// What holds for every body in the chunked coding.
struct ChunkedCheck {
  let limits: Limits

  /// What a decoder made of an input that came in some pieces.
  private struct Outcome: Equatable {
    var data: [UInt8] = []
    var ending = Ending.needMore
    var trailers: [UInt8] = []
  }
  private enum Ending: Equatable {
    case needMore
    case finished(Int)
    case failed(HTTP1Error)
  }

  func run(_ bytes: Span<UInt8>, seed: UInt8) {
    let whole = decode(bytes) { $0 }
    require(decode(bytes) { _ in 1 } == whole, "single bytes give something else")
    var cuts = Cuts(seed: seed)
    require(decode(bytes) { _ in cuts.next(upTo: 7) } == whole, "small pieces give something else")
    require(decode(bytes) { cuts.next(upTo: $0) } == whole, "pieces give something else")
    let first = cuts.next(upTo: max(bytes.count, 1))
    var isFirst = true
    let halves = decode(bytes) { left in
      defer { isFirst = false }
      return isFirst ? first : left
    }
    require(halves == whole, "two halves give something else")
    guard case .finished(let end) = whole.ending else { return }
    checkEnd(bytes, end, whole)
    checkTrailers(whole)
  }

  /// Decodes `bytes` in pieces; `piece` says how long the next is, of so many bytes that are left.
  private func decode(_ bytes: Span<UInt8>, piece: (Int) -> Int) -> Outcome {
    var decoder = ChunkedDecoder(trailerBytesMax: limits.headBytesMax)
    var outcome = Outcome()
    var from = 0
    while from < bytes.count {
      let to = min(bytes.count, from + piece(bytes.count - from))
      // A copy of its own size, so that the address sanitizer sees a read past its end.
      let copy = bytes.array(from..<to)
      guard let ending = feed(&decoder, copy.span, &outcome.data) else {
        from = to
        continue
      }
      outcome.ending = ending
      if case .finished(let end) = ending {
        outcome.ending = .finished(from + end)
        outcome.trailers = decoder.trailerBytes.array()
      }
      break
    }
    require(outcome.data.count <= bytes.count)
    return outcome
  }

  /// `nil` when more bytes are needed.
  private func feed(_ decoder: inout ChunkedDecoder, _ bytes: Span<UInt8>, _ data: inout [UInt8]) -> Ending? {
    var at = 0
    while true {
      let before = at
      let event = decoder.next(bytes, &at)
      require(at >= before && at <= bytes.count, "the position left the input")
      switch event {
      case .data(let range):
        require(!range.isEmpty && range.lowerBound >= before && range.upperBound == at)
        data += bytes.array(range)
      case .needMore:
        require(at == bytes.count && !decoder.isFinished)
        return nil
      case .finished(let end):
        require(end == at && decoder.isFinished)
        return .finished(end)
      case .failed(let error):
        require(!decoder.isFinished)
        return .failed(error)
      }
    }
  }

  /// The body ends where it says: one byte less is too few, and what follows makes no difference.
  private func checkEnd(_ bytes: Span<UInt8>, _ end: Int, _ whole: Outcome) {
    require(end >= 5 && end <= bytes.count)
    require(decode(bytes.extracting(0..<end)) { $0 } == whole)
    require(decode(bytes.extracting(0..<(end - 1))) { $0 }.ending == .needMore)
    let tail = bytes.array((end - whole.trailers.count)..<end)
    require(tail == whole.trailers, "the trailers are not what was sent last")
  }

  /// The trailer section is whole, and the message as we would send it decodes to the same.
  private func checkTrailers(_ whole: Outcome) {
    let trailers = whole.trailers
    require(trailers.count >= 2 && trailers.count <= limits.headBytesMax)
    require(trailers.suffix(2) == [0x0D, 0x0A])
    var table = FieldTable()
    guard table.parseTrailers(trailers.span, limits: limits) == nil else { return }
    Places.check(table, in: trailers.span, from: 0, to: trailers.count)
    require((table.count > 0) == (trailers.count > 2))
    var plain = ByteBuffer()
    for chunk in [whole.data[..<(whole.data.count / 2)], whole.data[(whole.data.count / 2)...]] {
      guard !chunk.isEmpty else { continue }
      plain.append(hex: chunk.count)
      plain.append("\r\n")
      plain.append(contentsOf: Array(chunk))
      plain.append("\r\n")
    }
    plain.append("0\r\n")
    plain.append(contentsOf: trailers)
    let again = decode(plain.span) { $0 }
    require(again.data == whole.data && again.trailers == trailers, "sent on, it is something else")
    require(again.ending == .finished(plain.count))
  }
}
