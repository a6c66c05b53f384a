public import Base

/// Where finished lines go: a thread that may block.
public protocol LineSink: Sendable {
  /// Takes whole lines. Never blocks; drops them (and counts that) when the reader is too slow.
  func submit(_ lines: consuming ByteBuffer)
}

/// What one exchange leaves behind. Ranges are offsets into `text`, which is as the client sent it.
public struct AccessRecord: ~Copyable {
  public var text: ByteBuffer
  public var requestLine = 0..<0
  public var referer = 0..<0
  public var userAgent = 0..<0
  public var host = 0..<0
  /// `X-Request-Id`, the client's or ours.
  public var requestID = 0..<0
  /// `traceparent` (W3C Trace Context), as it came.
  public var trace = 0..<0
  public var status = 0
  /// Body bytes sent to the client.
  public var bodyBytes = 0
  public var startNanoseconds: UInt64 = 0
  /// From the start; `nil` where that point was not reached.
  public var connectedNanoseconds: UInt64?
  public var respondedNanoseconds: UInt64?
  public var endpoint: String?
  public var tries = 0
  /// Why the exchange did not go as it should. `nil` when it did.
  public var reason: String?
  /// What the cache made of it. `nil` where it had nothing to do with it.
  public var cache: StaticString?

  public init() { text = ByteBuffer() }

  /// Ready for the next exchange; keeps its memory.
  public mutating func removeAll() {
    text.removeAll()
    (requestLine, referer, userAgent, host) = (0..<0, 0..<0, 0..<0, 0..<0)
    (requestID, trace) = (0..<0, 0..<0)
    (status, bodyBytes, tries) = (0, 0, 0)
    (connectedNanoseconds, respondedNanoseconds, endpoint, reason) = (nil, nil, nil, nil)
    cache = nil
  }

  /// Copies `bytes[range]` and returns where it is now.
  public mutating func keep(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Range<Int> {
    let start = text.count
    text.append(bytes, from: range.lowerBound, to: range.upperBound)
    return start..<text.count
  }
}

/// One loop's access log: lines are put together here and handed on in blocks.
public final class AccessLog {
  private static let blockBytes = 32 * 1024
  private let format: LogSettings.Format
  private let sink: any LineSink
  private var buffer = ByteBuffer()

  public init(format: LogSettings.Format, sink: any LineSink) {
    self.format = format
    self.sink = sink
  }

  /// Appends the line of one exchange.
  /// - Parameters:
  ///   - time: the wall clock as `21/Nov/2026:08:49:37 +0000`.
  ///   - client: the peer's address; `nil` for a unix-domain socket.
  public func record(
    _ record: borrowing AccessRecord, time: borrowing ByteBuffer, client: IPAddress?, endNanoseconds: UInt64
  ) {
    switch format {
    case .text: appendText(record, time: time, client: client, end: endNanoseconds)
    case .json: appendJSON(record, time: time, client: client, end: endNanoseconds)
    }
    if buffer.count >= AccessLog.blockBytes { flush() }
  }

  /// Hands on what there is. Called by a timer, so that a quiet server's lines are seen soon.
  public func flush() {
    guard !buffer.isEmpty else { return }
    let block = exchange(&buffer, with: ByteBuffer(capacity: AccessLog.blockBytes + 4096))
    sink.submit(block)
  }

  /// The combined log format that every reader of web logs knows, then ours as `name=value`.
  private func appendText(
    _ record: borrowing AccessRecord, time: borrowing ByteBuffer, client: IPAddress?, end: UInt64
  ) {
    if let client { buffer.append(client) } else { buffer.append("unix:") }
    buffer.append(" - - [")
    buffer.append(time)
    buffer.append("] \"")
    appendQuoted(record.text.span, record.requestLine)
    buffer.append("\" ")
    buffer.append(decimal: record.status)
    buffer.append(" ")
    buffer.append(decimal: record.bodyBytes)
    buffer.append(" \"")
    appendQuoted(record.text.span, record.referer)
    buffer.append("\" \"")
    appendQuoted(record.text.span, record.userAgent)
    buffer.append("\" upstream=")
    buffer.append(text: record.endpoint ?? "-")
    buffer.append(" total_ms=")
    appendMilliseconds(end &- record.startNanoseconds)
    buffer.append(" connect_ms=")
    appendMilliseconds(record.connectedNanoseconds)
    buffer.append(" response_ms=")
    appendMilliseconds(record.respondedNanoseconds)
    buffer.append(" tries=")
    buffer.append(decimal: record.tries)
    if let cache = record.cache {
      buffer.append(" cache=")
      buffer.append(cache)
    }
    if !record.requestID.isEmpty { appendWord(" id=", record.text.span, record.requestID) }
    if !record.trace.isEmpty { appendWord(" trace=", record.text.span, record.trace) }
    buffer.append(" reason=")
    buffer.append(text: record.reason ?? "-")
    buffer.append("\n")
  }

  private func appendJSON(
    _ record: borrowing AccessRecord, time: borrowing ByteBuffer, client: IPAddress?, end: UInt64
  ) {
    buffer.append("{\"time\":\"")
    buffer.append(time)
    buffer.append("\",\"client\":\"")
    if let client { buffer.append(client) } else { buffer.append("unix:") }
    buffer.append("\",\"request\":\"")
    appendQuoted(record.text.span, record.requestLine)
    buffer.append("\",\"host\":\"")
    appendQuoted(record.text.span, record.host)
    buffer.append("\",\"status\":")
    buffer.append(decimal: record.status)
    buffer.append(",\"bytes\":")
    buffer.append(decimal: record.bodyBytes)
    buffer.append(",\"referer\":\"")
    appendQuoted(record.text.span, record.referer)
    buffer.append("\",\"user_agent\":\"")
    appendQuoted(record.text.span, record.userAgent)
    buffer.append("\",\"upstream\":\"")
    appendQuoted(record.endpoint ?? "-")
    buffer.append("\",\"total_ms\":")
    appendMilliseconds(end &- record.startNanoseconds)
    if let connected = record.connectedNanoseconds {
      buffer.append(",\"connect_ms\":")
      appendMilliseconds(connected)
    }
    if let responded = record.respondedNanoseconds {
      buffer.append(",\"response_ms\":")
      appendMilliseconds(responded)
    }
    buffer.append(",\"tries\":")
    buffer.append(decimal: record.tries)
    if let cache = record.cache {
      buffer.append(",\"cache\":\"")
      buffer.append(cache)
      buffer.append("\"")
    }
    if !record.requestID.isEmpty {
      buffer.append(",\"request_id\":\"")
      appendQuoted(record.text.span, record.requestID)
      buffer.append("\"")
    }
    if !record.trace.isEmpty {
      buffer.append(",\"traceparent\":\"")
      appendQuoted(record.text.span, record.trace)
      buffer.append("\"")
    }
    buffer.append(",\"reason\":\"")
    appendQuoted(record.reason ?? "-")
    buffer.append("\"}\n")
  }

  /// A value without quotes: what is no visible character is escaped, spaces too, so that it stays one word.
  private func appendWord(_ name: StaticString, _ text: Span<UInt8>, _ range: Range<Int>) {
    buffer.append(name)
    appendEscaping(text, range, from: 0x21)
  }

  private func appendQuoted(_ text: String) {
    var text = text
    text.makeContiguousUTF8()
    let bytes = text.utf8Span.span
    appendQuoted(bytes, 0..<bytes.count)
  }

  /// Nothing a client sends can end a quoted value or a line, or reach a terminal as a control sequence.
  private func appendQuoted(_ text: Span<UInt8>, _ range: Range<Int>) {
    if range.isEmpty { return buffer.append("-") }
    appendEscaping(text, range, from: 0x20)
  }

  /// Stretches of what needs no escape are copied whole: nearly always that is all of it.
  private func appendEscaping(_ text: Span<UInt8>, _ range: Range<Int>, from lowest: UInt8) {
    var begin = range.lowerBound
    for index in range {
      let byte = text[index]
      if byte >= lowest, byte < 0x7F, byte != 0x22, byte != 0x5C { continue }
      buffer.append(text, from: begin, to: index)
      begin = index + 1
      // In JSON as Latin-1, as RFC 9110 §5.5 has obs-text: always valid.
      buffer.append(format == .json ? "\\u00" : "\\x")
      appendHexPair(byte)
    }
    buffer.append(text, from: begin, to: range.upperBound)
  }

  private func appendHexPair(_ byte: UInt8) {
    if byte < 16 { buffer.append("0") }
    buffer.append(hex: Int(byte))
  }

  private func appendMilliseconds(_ nanoseconds: UInt64?) {
    guard let nanoseconds else { return buffer.append("-") }
    let microseconds = Int(nanoseconds / 1000)
    buffer.append(decimal: microseconds / 1000)
    buffer.append(".")
    buffer.append(decimal: microseconds % 1000, width: 3)
  }
}
