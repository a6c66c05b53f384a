internal import Base
internal import Cache
internal import HTTP1
internal import Observe
internal import Reactor

/// One request and its answer; then the connection ends.
final class AdminConnection: StreamHandler, TimeoutHandler {
  private static let headBytesMax = 8 * 1024
  private static let patience = Interval.seconds(5)

  private let stream: SocketStream
  private unowned let server: AdminServer
  private let timer = WheelTimer()
  private var inbox = ByteBuffer()
  private var table = FieldTable()
  private var hasAsked = false
  private var hasAnswered = false
  private var peerHasEnded = false
  private var isClosed = false

  init(_ stream: SocketStream, of server: AdminServer) {
    self.stream = stream
    self.server = server
  }

  func start() {
    stream.setHandler(self)
    timer.setHandler(self)
    server.loop.arm(timer, deadline: server.loop.now.advanced(by: AdminConnection.patience))
    stream.startReading()
  }

  func close() {
    guard !isClosed else { return }
    isClosed = true
    server.loop.cancel(timer)
    stream.close()
    server.remove(self)
  }

  // MARK: Events

  func streamDidConnect() {}
  func streamIsReadable() {}
  func streamDidDrain() { if peerHasEnded { close() } }

  /// A client may end its side as soon as it has asked: it still wants the answer.
  func streamDidEnd(_ error: UVError?) {
    guard error == nil, hasAsked, !hasAnswered else { return close() }
    peerHasEnded = true
  }
  func timeoutPassed(_ timer: WheelTimer) { close() }

  func streamDidReceive(_ bytes: Span<UInt8>) {
    // After the answer what still comes is read and dropped, so that no reset overtakes it.
    guard !hasAsked else { return }
    inbox.append(bytes)
    let limits = Limits(headBytesMax: AdminConnection.headBytesMax)
    switch RequestHead.parse(inbox.span, into: &table, limits: limits) {
    case .incomplete: return
    case .failed(let error):
      hasAsked = true
      reply(error.status, text: "the request is malformed\n")
    case .complete(let head):
      hasAsked = true
      if Purge.isMethod(inbox.span, head) { return purge(head) }
      guard head.method == .get || head.method == .head else {
        return reply(405, text: "GET, HEAD and PURGE are served here\n")
      }
      var path = ""
      for index in head.pathRange {
        if inbox.span[index] == UInt8(ascii: "?") { break }
        path.unicodeScalars.append(Unicode.Scalar(inbox.span[index]))
      }
      answer(path, isHead: head.method == .head)
    }
  }

  private func purge(_ head: RequestHead) {
    guard let cache = server.source?.cache else { return reply(404, text: "nothing is cached\n") }
    guard let text = Purge.run(inbox.span, head, table, in: cache, now: server.loop.now) else {
      return reply(400, text: "a Host is needed, and a path or Cache-Groups\n")
    }
    var body = ByteBuffer()
    body.append(text: text)
    reply(200, "application/json", body, isHead: false)
  }

  private func answer(_ path: String, isHead: Bool) {
    guard let source = server.source else { return close() }
    switch path {
    case "/livez": reply(200, text: "alive\n", isHead: isHead)
    case "/readyz":
      let problems = HealthPage.problems(source.isDraining, source.groups)
      if problems.isEmpty { return reply(200, text: "ready\n", isHead: isHead) }
      reply(503, text: "not ready: \(problems.joined(separator: "; "))\n", isHead: isHead)
    case "/metrics":
      source.gather { [self] snapshot in
        var body = ByteBuffer()
        MetricsPage.write(snapshot, to: &body)
        reply(200, PrometheusText.contentType, body, isHead: isHead)
      }
    case "/status":
      source.gather { [self] snapshot in
        var body = ByteBuffer()
        do {
          try StatusPage.write(snapshot, to: &body)
        } catch {
          return reply(500, text: "the status cannot be written as JSON\n", isHead: isHead)
        }
        reply(200, "application/json", body, isHead: isHead)
      }
    case "/": reply(200, text: "/livez /readyz /status /metrics\n", isHead: isHead)
    default: reply(404, text: "there are /livez, /readyz, /status and /metrics\n", isHead: isHead)
    }
  }

  private func reply(_ status: Int, text: String, isHead: Bool = false) {
    var body = ByteBuffer()
    body.append(text: text)
    reply(status, "text/plain; charset=utf-8", body, isHead: isHead)
  }

  private func reply(_ status: Int, _ type: StaticString, _ body: borrowing ByteBuffer, isHead: Bool) {
    guard !isClosed else { return }
    var answer = ByteBuffer()
    answer.append("HTTP/1.1 ")
    answer.append(decimal: status)
    answer.append(" ")
    answer.append(AdminConnection.phrase(status))
    if status == 405 { answer.append("\r\nAllow: GET, HEAD, PURGE") }
    answer.append("\r\nContent-Type: ")
    answer.append(type)
    answer.append("\r\nCache-Control: no-store\r\nConnection: close\r\nContent-Length: ")
    answer.append(decimal: body.count)
    answer.append("\r\n\r\n")
    if !isHead { answer.append(body) }
    hasAnswered = true
    switch stream.write(answer) {
    case .failed: close()
    case .sent where peerHasEnded: close()
    case .sent, .queued: stream.shutDown()
    }
  }

  private static func phrase(_ status: Int) -> StaticString {
    switch status {
    case 200: "OK"
    case 400: "Bad Request"
    case 404: "Not Found"
    case 405: "Method Not Allowed"
    case 503: "Service Unavailable"
    default: "Error"
    }
  }
}
