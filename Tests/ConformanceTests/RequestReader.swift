import Base
import HTTP1

/// Reads the requests of one client connection as `ClientConnection` and `Exchange` do, without sockets:
/// every answer is a complete 200 of known length that is written at once.
struct RequestReader: ~Copyable {
  /// One request as an origin would get it.
  struct Message: Equatable {
    var method: [UInt8] = []
    var target: [UInt8] = []
    var host: [UInt8]?
    var body: [UInt8] = []
    /// Trailer lines as `Name: value`, each with what its name is.
    var trailers: [Trailer] = []
    var isHTTP10 = false
    var isKeptAlive = false
  }
  struct Trailer: Equatable {
    var line: [UInt8]
    var isKnownName: Bool
  }
  struct Outcome: Equatable {
    var messages: [Message] = []
    /// The head of a further request was accepted, its body is not complete.
    var hasPartialMessage = false
    /// With which status the connection was ended.
    var refusal: Int?
  }

  private enum Phase { case head, length(Int), chunked, ended }

  private(set) var outcome = Outcome()
  private let limits = Limits()
  private var phase = Phase.head
  /// Part of a head.
  private var inbox = ByteBuffer()
  private var table = FieldTable()
  /// Begins anew with each chunked message.
  private var decoder = ChunkedDecoder(trailerBytesMax: Limits().headBytesMax)
  private var message = Message()

  /// What comes of `bytes` when they arrive cut at `cuts`, ascending offsets inside them.
  static func outcome(of bytes: [UInt8], cutAt cuts: [Int] = []) -> Outcome {
    var reader = RequestReader()
    var from = 0
    for cut in cuts + [bytes.count] {
      reader.receive(bytes.span.extracting(from..<cut))
      from = cut
    }
    return reader.outcome
  }

  mutating func receive(_ bytes: Span<UInt8>) {
    if inbox.isEmpty {
      let used = feed(bytes)
      inbox.append(bytes, from: used, to: bytes.count)
      return
    }
    inbox.append(bytes)
    var buffer = ByteBuffer()
    swap(&buffer, &inbox)
    let used = feed(buffer.span)
    buffer.consume(used)
    swap(&buffer, &inbox)
  }

  private mutating func feed(_ bytes: Span<UInt8>) -> Int {
    var at = 0
    while at < bytes.count {
      switch phase {
      case .head:
        guard let used = readHead(bytes.extracting(at..<bytes.count)) else { return at }
        at += used
      case .length(let remaining):
        let count = min(remaining, bytes.count - at)
        append(bytes, at..<(at + count))
        at += count
        phase = .length(remaining - count)
        if remaining == count { finishMessage() }
      case .chunked: readChunks(bytes, &at)
      case .ended: return bytes.count
      }
    }
    return at
  }

  private mutating func readHead(_ bytes: Span<UInt8>) -> Int? {
    switch RequestHead.parse(bytes, into: &table, limits: limits) {
    case .incomplete: return nil
    case .failed(let error):
      refuse(error)
      return bytes.count
    case .complete(let head):
      message = Message(
        method: bytes.array(head.methodRange), target: RequestReader.forwardedTarget(head, bytes),
        host: head.authorityRange.map { bytes.array($0) }, isHTTP10: head.isHTTP10,
        isKeptAlive: head.isPersistent)
      outcome.hasPartialMessage = true
      switch head.framing {
      case .none: finishMessage()
      case .length(let count): phase = .length(count)
      case .chunked:
        phase = .chunked
        decoder = ChunkedDecoder(trailerBytesMax: limits.headBytesMax)
      case .untilClose: preconditionFailure("no request ends with its connection")
      }
      return head.end
    }
  }

  private mutating func readChunks(_ bytes: Span<UInt8>, _ at: inout Int) {
    while true {
      let event = decoder.next(bytes, &at)
      switch event {
      case .data(let range): append(bytes, range)
      case .needMore: return
      case .failed(let error): return refuse(error)
      case .finished:
        if let error = readTrailers() { return refuse(error) }
        return finishMessage()
      }
    }
  }

  private mutating func readTrailers() -> HTTP1Error? {
    guard decoder.hasTrailers else { return nil }
    // A copy: the table and the decoder are both parts of `self`.
    let copy = decoder.trailerBytes.array()
    let trailers = copy.span
    var fields = FieldTable()
    if let error = fields.parseTrailers(trailers, limits: limits) { return error }
    for index in 0..<fields.count {
      let field = fields[index]
      let line = trailers.array(field.nameRange) + Array(": ".utf8) + trailers.array(field.valueRange)
      message.trailers.append(Trailer(line: line, isKnownName: field.name != .other))
    }
    return nil
  }

  private mutating func append(_ bytes: Span<UInt8>, _ range: Range<Int>) {
    for index in range { message.body.append(bytes[index]) }
  }

  private mutating func finishMessage() {
    outcome.messages.append(message)
    outcome.hasPartialMessage = false
    phase = message.isKeptAlive ? .head : .ended
  }

  private mutating func refuse(_ error: HTTP1Error) {
    outcome.refusal = error.status
    phase = .ended
  }

  /// RFC 9112 §3.2.4 for absolute targets without a path.
  private static func forwardedTarget(_ head: RequestHead, _ bytes: Span<UInt8>) -> [UInt8] {
    let path = bytes.array(head.pathRange)
    if path.isEmpty { return head.method == .options ? Array("*".utf8) : Array("/".utf8) }
    return path.first == UInt8(ascii: "?") ? Array("/".utf8) + path : path
  }
}

extension Span<UInt8> {
  func array(_ range: Range<Int>) -> [UInt8] { range.map { self[$0] } }
}
