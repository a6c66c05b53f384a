internal import Base
internal import HTTP1
internal import Reactor
internal import TLS

/// What a connection tells the attempt that has it.
protocol OutboundHandler: AnyObject {
  func connectionOpened()
  func connectionAnswered(_ response: JobResponse, retryAfter: Interval?, isReusable: Bool)
  /// It ended, or said what is no HTTP.
  func connectionEnded(_ reason: String)
}

/// One connection to a destination, one exchange at a time. RFC 9112.
final class OutboundConnection: StreamHandler {
  private static let interimHeadsMax = 16
  private static let headBytesMax = 32 * 1024

  let address: SocketAddress
  let origin: String
  private unowned let outbound: Outbound
  private let stream: SocketStream
  private weak var handler: (any OutboundHandler)?
  private var inbox = ByteBuffer()
  private var table = FieldTable()
  private var method = Method.get
  private var interimHeads = 0
  private var response: JobResponse?
  private var retryAfter: Interval?
  private var isPersistent = false
  /// Of a body of known length.
  private var left = 0
  private var framing = BodyFraming.none
  private var chunks = ChunkedDecoder(trailerBytesMax: 16 * 1024)
  private(set) var hasSent = false
  private(set) var hasReceived = false
  private(set) var isClosed = false
  var idleSince = Instant.never

  init(_ destination: Destination, _ address: SocketAddress, on outbound: Outbound) {
    self.address = address
    self.outbound = outbound
    origin = destination.origin
    stream = SocketStream(towards: address, on: outbound.loop)
    if destination.isSecure { stream.secure(outbound.session(for: destination)) }
  }

  func setHandler(_ handler: (any OutboundHandler)?) { self.handler = handler }

  /// Whether it has come back to this process.
  var isOwn: Bool { outbound.destinations.isComeBack(stream.localAddress(), address) }

  func connect() -> UVError? { stream.connect(to: address, handler: self) }

  func close() {
    guard !isClosed else { return }
    isClosed = true
    handler = nil
    stream.close()
  }

  /// Whether it may be used again: nothing came that was not asked for, not even its end.
  var isQuiet: Bool { !isClosed && inbox.isEmpty && !stream.peekIsReadable() }

  /// Returns why it cannot be sent.
  func send(_ request: consuming ByteBuffer, method: String) -> String? {
    (hasReceived, interimHeads, response, retryAfter) = (false, 0, nil, nil)
    self.method = OutboundConnection.known(method)
    hasSent = true
    if case .failed(let error) = stream.write(request) { return stream.failure(error) }
    return nil
  }

  /// Only what an answer's length depends on.
  private static func known(_ method: String) -> Method { method == "HEAD" ? .head : .get }

  // MARK: Events

  func streamDidConnect() {
    stream.setNoDelay()
    stream.startReading()
    handler?.connectionOpened()
  }

  func streamIsReadable() {}
  func streamDidDrain() {}

  func streamDidEnd(_ error: UVError?) {
    guard !isClosed else { return }
    if error == nil, response != nil, framing == .untilClose { return finish(isReusable: false) }
    guard let handler else { return outbound.forget(self) }
    handler.connectionEnded(
      error.map { stream.failure($0) } ?? "the connection was closed before the answer was whole")
  }

  func streamDidReceive(_ bytes: Span<UInt8>) {
    guard !isClosed else { return }
    guard handler != nil, hasSent else { return outbound.forget(self) }
    hasReceived = true
    if response != nil, inbox.isEmpty { return receiveBody(bytes) }
    inbox.append(bytes)
    readHeads()
  }

  private func readHeads() {
    while response == nil {
      let limits = Limits(headBytesMax: OutboundConnection.headBytesMax)
      switch ResponseHead.parse(inbox.span, answering: method, into: &table, limits: limits) {
      case .incomplete: return
      case .failed(let error): return fail("the answer is malformed: \(error.rawValue)")
      case .complete(let head):
        if head.isInterim {
          interimHeads += 1
          guard interimHeads <= OutboundConnection.interimHeadsMax else {
            return fail("no end of 1xx answers")
          }
          inbox.consume(head.end)
          continue
        }
        guard head.status != 101 else { return fail("the answer switches protocols, which nobody asked for") }
        take(head)
      }
    }
    let body = ByteBuffer.taking(&inbox)
    receiveBody(body.span)
  }

  private func take(_ head: ResponseHead) {
    var response = JobResponse(status: head.status)
    for index in 0..<table.count {
      let field = table[index]
      response.fields.append(JobField(text(field.nameRange), text(field.valueRange)))
    }
    retryAfter = response.fields.first { $0.name.lowercased() == "retry-after" }.flatMap {
      Outbound.retryAfter($0.value)
    }
    framing = head.framing
    isPersistent = head.isPersistent
    if case .length(let count) = framing { left = count }
    if framing == .chunked { chunks = ChunkedDecoder(trailerBytesMax: 16 * 1024) }
    inbox.consume(head.end)
    self.response = response
  }

  private func text(_ range: Range<Int>) -> String {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(range.count)
    for index in range { bytes.append(inbox.span[index]) }
    return String(decoding: bytes, as: UTF8.self)
  }

  private func receiveBody(_ bytes: Span<UInt8>) {
    switch framing {
    case .none:
      finish(isReusable: isPersistent && bytes.isEmpty)
    case .length:
      let count = min(left, bytes.count)
      keep(bytes, 0..<count)
      left -= count
      if left == 0 { finish(isReusable: isPersistent && count == bytes.count) }
    case .untilClose: keep(bytes, 0..<bytes.count)
    case .chunked:
      var at = 0
      while true {
        switch chunks.next(bytes, &at) {
        case .data(let range): keep(bytes, range)
        case .needMore: return
        case .finished(let end): return finish(isReusable: isPersistent && end == bytes.count)
        case .failed(let error): return fail("the answer is malformed: \(error.rawValue)")
        }
      }
    }
  }

  /// The first of it; what comes behind is read and dropped, so that its sender sees no failure.
  private func keep(_ bytes: Span<UInt8>, _ range: Range<Int>) {
    guard let held = response?.body.count, !range.isEmpty else { return }
    let room = min(range.count, JobResponse.bodyBytesMax - held)
    if room < range.count { response?.isTruncated = true }
    for index in range.lowerBound..<range.lowerBound + room { response?.body.append(bytes[index]) }
  }

  private func finish(isReusable: Bool) {
    guard let response, let handler else { return }
    self.response = nil
    hasSent = false
    framing = .none
    handler.connectionAnswered(response, retryAfter: retryAfter, isReusable: isReusable)
  }

  private func fail(_ reason: String) { handler?.connectionEnded(reason) }
}
