internal import Base
internal import HTTP1
internal import Reactor

/// One client's connection: requests one after the other, each with its whole body in memory, which is bounded.
final class IntakeConnection: StreamHandler, TimeoutHandler {
  private static let headBytesMax = 16 * 1024
  private static let idleMax = Interval.seconds(75)
  /// After a refusal amid a body, what still comes is dropped for so long, so that the answer is read.
  private static let lingerMax = Interval.seconds(2)

  private enum Phase { case head, body, answering, writing, closing }

  let server: IntakeServer
  private let stream: SocketStream
  private let timer = WheelTimer()
  private var inbox = ByteBuffer()
  private var table = FieldTable()
  private var phase = Phase.head
  private var request = IntakeRequest()
  private var body: [UInt8] = []
  private var left = 0
  private var chunks: ChunkedDecoder?
  private var isPersistent = true
  private var isHeadRequest = false
  private var isClosed = false
  private var peerHasEnded = false
  private var isAdvancing = false
  /// Of the room for bodies.
  private var reserved = 0

  init(_ stream: SocketStream, of server: IntakeServer) {
    self.stream = stream
    self.server = server
  }

  func start() {
    stream.setHandler(self)
    stream.setNoDelay()
    timer.setHandler(self)
    arm(IntakeConnection.idleMax)
    stream.startReading()
  }

  func drain() { if phase == .head, inbox.isEmpty { close() } }

  func close() {
    guard !isClosed else { return }
    isClosed = true
    server.loop.cancel(timer)
    stream.close()
    // A body that is with the store is counted until its answer.
    if phase != .answering { giveBack() }
    server.remove(self)
  }

  private func giveBack() {
    server.release(reserved)
    reserved = 0
  }

  private func arm(_ interval: Interval) {
    server.loop.arm(timer, deadline: server.loop.now.advanced(by: interval))
  }

  // MARK: Events

  func streamDidConnect() {}
  func streamIsReadable() {}
  func streamDidDrain() {
    switch phase {
    case .closing: endWritten()
    case .writing: goOn()
    case .head, .body, .answering: break
    }
  }

  /// The last answer is with the kernel.
  private func endWritten() {
    if peerHasEnded { return close() }
    arm(IntakeConnection.lingerMax)
    stream.shutDown()
  }

  /// A client may end its side as soon as it has asked: it still wants the answer.
  func streamDidEnd(_ error: UVError?) {
    guard error == nil, phase == .answering || phase == .writing else { return close() }
    peerHasEnded = true
    isPersistent = false
  }

  func timeoutPassed(_ timer: WheelTimer) {
    switch phase {
    case .head where inbox.isEmpty: close()
    case .head, .body:
      // What still comes of it is no request of its own.
      isPersistent = false
      refuse(Problem(408, "The request did not come in time."))
    // The store answers, sooner or later.
    case .answering: break
    case .writing, .closing: close()
    }
  }

  func streamDidReceive(_ bytes: Span<UInt8>) {
    guard phase != .closing else { return }
    if phase == .head, inbox.isEmpty { arm(server.settings.requestTimeout) }
    inbox.append(bytes)
    if phase == .answering || phase == .writing {
      // Requests that come early wait; not without bound.
      if inbox.count > IntakeConnection.headBytesMax + server.settings.bodyBytesMax { stream.pauseReading() }
      return
    }
    advance()
  }

  /// Goes through what has come, as far as it goes without an answer.
  private func advance() {
    guard !isAdvancing else { return }
    isAdvancing = true
    defer { isAdvancing = false }
    while !isClosed {
      switch phase {
      case .head: if !readHead() { return }
      case .body: if !readBody() { return }
      case .answering, .writing, .closing: return
      }
    }
  }

  /// `true` when the phase changed.
  private func readHead() -> Bool {
    guard !inbox.isEmpty else { return false }
    let limits = Limits(headBytesMax: IntakeConnection.headBytesMax)
    switch RequestHead.parse(inbox.span, into: &table, limits: limits) {
    case .incomplete: return false
    case .failed(let error):
      isPersistent = false
      refuse(Problem(error.status, "The request is malformed: \(error.rawValue)."))
      return true
    case .complete(let head):
      take(head)
      return true
    }
  }

  private func take(_ head: RequestHead) {
    isPersistent = head.isPersistent && !server.isDraining
    isHeadRequest = head.method == .head
    request = IntakeRequest(inbox.span, head, table)
    inbox.consume(head.end)
    body = []
    chunks = nil
    switch head.framing {
    case .none: left = 0
    case .length(let count): left = count
    case .chunked, .untilClose: chunks = ChunkedDecoder(trailerBytesMax: 4096)
    }
    phase = .body
    // What needs no body to be refused is refused before it comes.
    if let problem = IntakeRoute.check(request, bodyBytes: left, of: server) {
      if left > 0 || chunks != nil { isPersistent = false }
      return refuse(problem)
    }
    let room = chunks == nil ? left : server.settings.bodyBytesMax
    guard server.reserve(room) else {
      isPersistent = false
      return refuse(Problem(503, "There is no room for more bodies now.", retryAfter: 1))
    }
    reserved = room
    body.reserveCapacity(left)
    if head.expectsContinue, left > 0 || chunks != nil, inbox.isEmpty {
      var interim = ByteBuffer()
      interim.append("HTTP/1.1 100 Continue\r\n\r\n")
      _ = stream.write(interim)
    }
  }

  private func readBody() -> Bool {
    if chunks != nil { return readChunks() }
    let count = min(left, inbox.count)
    for index in 0..<count { body.append(inbox.span[index]) }
    inbox.consume(count)
    left -= count
    guard left == 0 else { return false }
    handle()
    return true
  }

  private func readChunks() -> Bool {
    var at = 0
    while true {
      switch chunks?.next(inbox.span, &at) {
      case .data(let range):
        guard body.count + range.count <= server.settings.bodyBytesMax else {
          isPersistent = false
          refuse(IntakeRoute.tooLarge(server))
          return true
        }
        for index in range { body.append(inbox.span[index]) }
      case .needMore, nil:
        inbox.consume(at)
        return false
      case .finished(let end):
        inbox.consume(end)
        handle()
        return true
      case .failed(let error):
        isPersistent = false
        refuse(Problem(400, "The body is malformed: \(error.rawValue)."))
        return true
      }
    }
  }

  private func handle() {
    phase = .answering
    server.loop.cancel(timer)
    let taken = body
    body = []
    // The connection is held until the answer comes.
    IntakeRoute.answer(request, taken, of: server) { [self] answer in reply(answer) }
  }

  // MARK: Answers

  private func refuse(_ problem: Problem) {
    phase = .answering
    server.deliverer.countRefusal()
    reply(IntakeAnswer(problem))
  }

  private func reply(_ answer: consuming IntakeAnswer) {
    giveBack()
    guard !isClosed else { return }
    let staysOpen = isPersistent && !peerHasEnded && !server.isDraining
    let written = stream.write(answer.encoded(staysOpen: staysOpen, isHead: isHeadRequest))
    if case .failed = written { return close() }
    var isSent = false
    if case .sent = written { isSent = true }
    // The next request waits until this answer is taken: who asks and never reads has one answer held for him.
    phase = staysOpen ? .writing : .closing
    arm(server.settings.requestTimeout)
    guard isSent else { return }
    if staysOpen { goOn() } else { endWritten() }
  }

  private func goOn() {
    guard !peerHasEnded, !server.isDraining else {
      phase = .closing
      return endWritten()
    }
    phase = .head
    arm(inbox.isEmpty ? IntakeConnection.idleMax : server.settings.requestTimeout)
    stream.startReading()
    advance()
  }
}

/// What is looked at of a request's head.
struct IntakeRequest {
  var method = ""
  var path = ""
  var query = ""
  var contentType: String?
  var token: [UInt8]?
  var idempotencyKey: String?
  var hasContentCoding = false

  init() {}

  init(_ bytes: Span<UInt8>, _ head: RequestHead, _ table: borrowing FieldTable) {
    func text(_ range: Range<Int>) -> String {
      var text = [UInt8]()
      for index in range { text.append(bytes[index]) }
      return String(decoding: text, as: UTF8.self)
    }
    method = text(head.methodRange)
    let target = text(head.pathRange)
    let mark = target.firstIndex(of: "?")
    path = mark.map { String(target[..<$0]) } ?? target
    query = mark.map { String(target[target.index(after: $0)...]) } ?? ""
    contentType = table.first(.contentType).map { text($0.valueRange) }
    hasContentCoding = table.contains(.contentEncoding)
    if let field = table.first(.authorization) {
      let value = text(field.valueRange)
      if value.lowercased().hasPrefix("bearer ") {
        token = Array(value.dropFirst("bearer ".count).drop { $0 == " " }.utf8)
      }
    }
    let name: StaticString = "idempotency-key"
    if let field = table.first(named: name.bytes, in: bytes) {
      var value = text(field.valueRange)
      // The draft has a quoted string; most clients send the bare text.
      if value.count >= 2, value.hasPrefix("\""), value.hasSuffix("\"") {
        value = String(value.dropFirst().dropLast())
      }
      idempotencyKey = value
    }
  }
}

/// An answer before it is written.
struct IntakeAnswer: ~Copyable {
  let status: Int
  private let type: StaticString
  private var body: ByteBuffer
  private var fields: [(name: StaticString, value: String)] = []

  init(_ problem: Problem) {
    status = problem.status
    type = "application/problem+json"
    body = problem.body
    if let seconds = problem.retryAfter { fields.append(("Retry-After", "\(seconds)")) }
    if let allow = problem.allow { fields.append(("Allow", allow)) }
    if problem.status == 401 { fields.append(("WWW-Authenticate", "Bearer")) }
  }

  init(_ status: Int, _ json: consuming ByteBuffer, location: String? = nil) {
    self.status = status
    type = "application/json"
    body = json
    if let location { fields.append(("Location", location)) }
  }

  func encoded(staysOpen: Bool, isHead: Bool) -> ByteBuffer {
    var out = ByteBuffer(capacity: 256 + body.count)
    out.append("HTTP/1.1 ")
    out.append(decimal: status)
    out.append(" ")
    out.append(text: Problem.title(status))
    out.append("\r\nContent-Type: ")
    out.append(type)
    out.append("\r\nContent-Length: ")
    out.append(decimal: body.count + 1)
    for (name, value) in fields {
      out.append("\r\n")
      out.append(name)
      out.append(": ")
      out.append(text: value)
    }
    out.append("\r\nCache-Control: no-store")
    if !staysOpen { out.append("\r\nConnection: close") }
    out.append("\r\n\r\n")
    if !isHead {
      out.append(body)
      out.append("\n")
    }
    return out
  }
}
