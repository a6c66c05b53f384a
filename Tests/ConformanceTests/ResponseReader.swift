import Base
import HTTP1

/// Reads the answer of an origin as `Exchange` does, without sockets, on behalf of a client that speaks
/// HTTP/1.1 and asked for no upgrade.
struct ResponseReader: ~Copyable {
  enum Outcome: Equatable {
    /// The answer is not complete and nothing is wrong with it.
    case pending
    case forwarded(status: Int, body: [UInt8], isReusable: Bool)
    /// Before the head was accepted: 502.
    case refused
    /// After the head was accepted.
    case cut
  }

  private(set) var outcome = Outcome.pending
  /// The status of each interim answer that was passed on.
  private(set) var interim: [Int] = []
  private let method: Method
  private let limits = Limits()
  private var inbox = ByteBuffer()
  private var table = FieldTable()
  /// Non-nil from the final head on.
  private var head: ResponseHead?
  private var remaining = 0
  private var decoder = ChunkedDecoder(trailerBytesMax: Limits().headBytesMax)
  private var body: [UInt8] = []
  private var isReusable = false

  init(answering method: Method) { self.method = method }

  /// What comes of `bytes` when they arrive cut at `cuts`, ascending offsets inside them.
  static func outcome(
    of bytes: [UInt8], answering method: Method, closes: Bool, cutAt cuts: [Int] = []
  ) -> Outcome {
    var reader = ResponseReader(answering: method)
    var from = 0
    for cut in cuts + [bytes.count] {
      reader.receive(bytes.span.extracting(from..<cut))
      from = cut
    }
    if closes { reader.end() }
    return reader.outcome
  }

  mutating func receive(_ bytes: Span<UInt8>) {
    if head != nil { return readBody(bytes, from: 0) }
    inbox.append(bytes)
    var buffer = ByteBuffer()
    swap(&buffer, &inbox)
    readHeads(buffer.span)
  }

  /// The origin closed its connection.
  mutating func end() {
    guard outcome == .pending else { return }
    guard let head else {
      outcome = .refused
      return
    }
    outcome =
      head.framing == .untilClose ? .forwarded(status: head.status, body: body, isReusable: false) : .cut
  }

  private mutating func readHeads(_ bytes: Span<UInt8>) {
    var at = 0
    while at < bytes.count, outcome == .pending {
      let rest = bytes.extracting(at..<bytes.count)
      switch ResponseHead.parse(rest, answering: method, into: &table, limits: limits) {
      case .incomplete: return inbox.append(rest)
      case .failed: outcome = .refused
      case .complete(let parsed) where parsed.status == 101:
        // RFC 9110 §15.2.2: nobody asked for it.
        outcome = .refused
      case .complete(let parsed) where parsed.isInterim:
        interim.append(parsed.status)
        at += parsed.end
      case .complete(let parsed):
        head = parsed
        isReusable = parsed.isPersistent
        if case .length(let count) = parsed.framing { remaining = count }
        return readBody(rest, from: parsed.end)
      }
    }
  }

  private mutating func readBody(_ bytes: Span<UInt8>, from: Int) {
    if case .forwarded(let status, let body, _) = outcome, from < bytes.count {
      // The origin speaks between exchanges: whatever it means, its connection is of no further use.
      outcome = .forwarded(status: status, body: body, isReusable: false)
    }
    guard outcome == .pending, let framing = head?.framing else { return }
    switch framing {
    case .none: finish(excess: bytes.count - from)
    case .length:
      let count = min(remaining, bytes.count - from)
      remaining -= count
      append(bytes, from..<(from + count))
      if remaining == 0 { finish(excess: bytes.count - from - count) }
    case .chunked: readChunks(bytes, from: from)
    case .untilClose: append(bytes, from..<bytes.count)
    }
  }

  private mutating func readChunks(_ bytes: Span<UInt8>, from: Int) {
    var at = from
    while true {
      let event = decoder.next(bytes, &at)
      switch event {
      case .data(let range): append(bytes, range)
      case .needMore: return
      case .failed:
        outcome = .cut
        return
      case .finished(let end):
        guard trailersAreGood() else {
          outcome = .cut
          return
        }
        return finish(excess: bytes.count - end)
      }
    }
  }

  private func trailersAreGood() -> Bool {
    guard decoder.hasTrailers else { return true }
    var fields = FieldTable()
    return fields.parseTrailers(decoder.trailerBytes.span, limits: limits) == nil
  }

  private mutating func append(_ bytes: Span<UInt8>, _ range: Range<Int>) {
    for index in range { body.append(bytes[index]) }
  }

  private mutating func finish(excess: Int) {
    outcome = .forwarded(status: head!.status, body: body, isReusable: isReusable && excess == 0)
  }
}
