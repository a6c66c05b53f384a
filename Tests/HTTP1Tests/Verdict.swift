import Base
import HTTP1

/// What a head parser found, in a form that can be compared.
enum Verdict: Equatable {
  /// The head ends at this offset.
  case complete(Int)
  case incomplete
  case failed(HTTP1Error)

  var isComplete: Bool { if case .complete = self { true } else { false } }

  static func ofRequest(_ bytes: [UInt8], limits: Limits = Limits()) -> Verdict {
    var table = FieldTable()
    switch RequestHead.parse(bytes.span, into: &table, limits: limits) {
    case .complete(let head): return .complete(head.end)
    case .incomplete: return .incomplete
    case .failed(let error): return .failed(error)
    }
  }

  static func ofResponse(_ bytes: [UInt8], answering method: Method = .get) -> Verdict {
    var table = FieldTable()
    switch ResponseHead.parse(bytes.span, answering: method, into: &table, limits: Limits()) {
    case .complete(let head): return .complete(head.end)
    case .incomplete: return .incomplete
    case .failed(let error): return .failed(error)
    }
  }
}

/// A chunked body as the decoder sees it, cut into pieces of one size.
struct Decoded: Equatable {
  private(set) var body: [UInt8] = []
  /// The trailer section, its empty line included; set with `end`.
  private(set) var trailers: [UInt8] = []
  /// Where the next message begins. `nil` while the body is not complete.
  private(set) var end: Int?
  private(set) var error: HTTP1Error?

  init(_ bytes: [UInt8], pieceBytes: Int = .max, trailerBytesMax: Int = 32 * 1024) {
    var decoder = ChunkedDecoder(trailerBytesMax: trailerBytesMax)
    var from = 0
    while from < bytes.count {
      let to = bytes.count - from > pieceBytes ? from + pieceBytes : bytes.count
      let piece = Array(bytes[from..<to])
      var at = 0
      reading: while true {
        let event = decoder.next(piece.span, &at)
        switch event {
        case .data(let range): body += piece[range]
        case .needMore: break reading
        case .failed(let found):
          error = found
          return
        case .finished(let offset):
          end = from + offset
          trailers = decoder.trailerBytes.array()
          return
        }
      }
      from = to
    }
  }
}
