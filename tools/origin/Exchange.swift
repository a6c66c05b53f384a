internal import Base
internal import HTTP1

/// One request and how it is to be answered.
struct Exchange {
  var query: Query
  var upgrade: Upgrade
  let isHead: Bool
  let isHTTP10: Bool
  /// Of the request's body.
  let framing: BodyFraming
  /// The connection ends with this exchange.
  var closes: Bool
  /// The answer does not wait for the request's body and does not read it.
  var leavesBodyUnread = false
  /// Of the request's body, as far as it was read. The sum only where it will be told.
  var bodyBytes = 0
  var checksum = CRC32()

  init(_ head: RequestHead, _ bytes: Span<UInt8>, _ table: borrowing FieldTable, query: Query) {
    self.query = query
    isHead = head.method == .head
    isHTTP10 = head.isHTTP10
    framing = head.framing
    closes = !head.isPersistent || query.flags.contains(.close) || query.flags.contains(.untilClose)
    upgrade = .none
    // Whoever asks for a status or a body wants those.
    if head.wantsUpgrade, query.content == .report, query.status == nil {
      upgrade = Upgrade(head, bytes, table)
    }
    if case .refused(let status) = upgrade {
      self.query.status = status
      self.query.fieldLines += Array("Sec-WebSocket-Version: 13\r\n".utf8)
      upgrade = .none
    }
    if head.expectsContinue, query.flags.contains(.refusesExpectation) {
      self.query.status = 417
      leavesBodyUnread = true
    }
    if query.flags.contains(.early), head.framing != .none { leavesBodyUnread = true }
    if leavesBodyUnread { closes = true }
    if case .problem = query.content { self.query.status = 400 }
    if usesClosing { closes = true }
  }

  var status: Int { query.status ?? 200 }

  var hasBody: Bool { !isHead && status != 204 && status != 205 && status != 304 }

  /// The request's body goes straight into the answer's.
  var isStreamingEcho: Bool { query.content == .echo && hasBody && !leavesBodyUnread }

  /// Whether the sum over the request's body will be told.
  var wantsChecksum: Bool { query.content == .report }

  var isCut: Bool { query.abort == .body || query.abort == .bodyReset }

  /// The end of the answer's body is the end of the connection.
  private var usesClosing: Bool {
    if query.flags.contains(.untilClose) { return true }
    guard isHTTP10, case .events = query.content else { return false }
    return true
  }

  // MARK: The answer

  /// - Parameter fixedCount: the length of a report or a text.
  func length(fixedCount: Int) -> AnswerHead.Length {
    if status == 204 || status == 304 || usesClosing { return .untold }
    if status == 205 { return .bytes(0) }
    if query.flags.contains(.chunked), !isHTTP10 { return .chunked }
    switch query.content {
    case .small(let count), .bytes(let count): return .bytes(count)
    case .events: return .chunked
    case .report, .problem: return .bytes(fixedCount)
    case .echo:
      switch framing {
      case .none, .untilClose: return .bytes(0)
      case .length(let count): return .bytes(leavesBodyUnread ? 0 : count)
      case .chunked: return leavesBodyUnread ? .bytes(0) : .chunked
      }
    }
  }

  var contentType: StaticString {
    switch query.content {
    case .report: "application/json"
    case .small, .problem: "text/plain"
    case .bytes, .echo: "application/octet-stream"
    case .events: "text/event-stream"
    }
  }

  func encoder(for length: AnswerHead.Length) -> BodyEncoder {
    guard case .chunked = length else { return BodyEncoder() }
    let whole: Bool
    switch query.content {
    case .events, .echo: whole = true
    case .report, .problem, .small, .bytes: whole = false
    }
    return BodyEncoder(
      chunkBytes: query.chunkBytes ?? (whole ? .max : 16 * 1024), hasTrailer: query.flags.contains(.trailers))
  }

  /// - Parameter fixed: the report or the text, where that is the content.
  func source(_ fixed: consuming ByteBuffer, _ encoder: BodyEncoder) -> BodySource {
    guard hasBody else { return .none(isCut: isCut) }
    switch query.content {
    case .report, .problem: return .fixed(fixed, encoder, isCut: isCut)
    case .small(let count): return .generated(.letters, count: count, encoder, isCut: isCut)
    case .bytes(let count): return .generated(.counting, count: count, encoder, isCut: isCut)
    case .events(let count):
      return .events(count, hasInterval: query.interval.milliseconds > 0, encoder, isCut: isCut)
    case .echo:
      switch framing {
      case _ where leavesBodyUnread, .none, .untilClose: return .echo(length: 0, encoder, isCut: isCut)
      case .length(let count): return .echo(length: count, encoder, isCut: isCut)
      case .chunked: return .echo(length: nil, encoder, isCut: isCut)
      }
    }
  }
}
