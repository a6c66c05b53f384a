internal import Base

/// A response head that was accepted: offsets into its bytes and what they mean.
public struct ResponseHead: Sendable {
  public let status: Int
  /// The reason phrase; empty where there is none.
  public let reasonRange: Range<Int>
  public let isHTTP10: Bool
  public let fieldsStart: Int
  /// The head is `[..<end]`, its empty line included.
  public let end: Int
  public let framing: BodyFraming
  public let options: ConnectionOptions

  /// 1xx: another head follows. 101 ends HTTP instead. RFC 9110 §15.2.
  public var isInterim: Bool { status < 200 && status != 101 }

  /// Whether the origin keeps its connection open after this response.
  public var isPersistent: Bool {
    if framing == .untilClose || options.contains(.close) { return false }
    return isHTTP10 ? options.contains(.keepAlive) : true
  }
}

extension ResponseHead {
  /// Reads the response head at the front of `bytes`. RFC 9112 §4 and §5.
  ///
  /// Same contract as `RequestHead.parse`.
  /// - Parameter method: of the request that is answered: it decides whether there is a body.
  public static func parse(
    _ bytes: Span<UInt8>, answering method: Method, into table: inout FieldTable, limits: Limits
  ) -> HeadResult<ResponseHead> {
    table.removeAll()
    let line: StatusLine
    switch StatusLine.parse(bytes) {
    case .complete(let parsed): line = parsed
    case .failed(let error): return .failed(error)
    case .incomplete: return bytes.count > limits.headBytesMax ? .failed(.headTooLarge) : .incomplete
    }
    // Not a byte beyond the limit, as for requests.
    let head = bytes.extracting(0..<min(bytes.count, limits.headBytesMax))
    switch FieldParser.parse(head, from: min(line.end, head.count), into: &table, limits: limits) {
    case .failed(let error): return .failed(error)
    case .incomplete: return bytes.count > limits.headBytesMax ? .failed(.headTooLarge) : .incomplete
    case .complete(let end):
      let framing: BodyFraming
      switch FramingFields.read(bytes, table, isHTTP10: line.isHTTP10) {
      case .failed(let error): return .failed(error)
      case .absent: framing = .untilClose
      case .length(let count): framing = count == 0 ? .none : .length(count)
      case .chunked: framing = .chunked
      }
      // RFC 9112 §6.3, rule 1: these never have a body, whatever their fields say.
      let isBodiless = method == .head || line.status < 200 || line.status == 204 || line.status == 304
      return .complete(
        ResponseHead(
          status: line.status, reasonRange: line.reason, isHTTP10: line.isHTTP10, fieldsStart: line.end,
          end: end,
          framing: isBodiless ? .none : framing, options: ConnectionOptions.read(bytes, table)))
    }
  }
}

/// `HTTP-version SP status-code SP [ reason-phrase ] CRLF`. RFC 9112 §4.
private struct StatusLine {
  let status: Int
  let reason: Range<Int>
  let isHTTP10: Bool
  let end: Int

  static func parse(_ bytes: Span<UInt8>) -> HeadResult<StatusLine> {
    let version: HTTPVersion
    switch HTTPVersion.parse(bytes, from: 0) {
    case .incomplete: return .incomplete
    case .failed: return .failed(.malformedStatusLine)
    case .complete(let parsed): version = parsed
    }
    guard version != .other else { return .failed(.unsupportedVersion) }
    guard bytes.count > 8 else { return .incomplete }
    guard bytes[8] == 0x20 else { return .failed(.malformedStatusLine) }
    var status = 0
    for index in 9..<12 {
      guard index < bytes.count else { return .incomplete }
      guard ASCII.isDigit(bytes[index]) else { return .failed(.malformedStatusLine) }
      status = status * 10 + Int(bytes[index] - 0x30)
    }
    guard status >= 100 else { return .failed(.malformedStatusLine) }
    guard bytes.count > 12 else { return .incomplete }
    var at = 12
    // The grammar wants a space even before an empty phrase. Origins forget it, and nobody reads such
    // a line in two ways.
    if bytes[12] == 0x20 { at = 13 } else if bytes[12] != 0x0D { return .failed(.malformedStatusLine) }
    let reasonStart = at
    while true {
      at = ByteScan.firstControl(bytes, from: at)
      guard at < bytes.count else { return .incomplete }
      if bytes[at] == 0x09 {
        at += 1
        continue
      }
      guard bytes[at] == 0x0D else {
        return .failed(bytes[at] == 0x0A ? .bareLineFeed : .malformedStatusLine)
      }
      guard at + 1 < bytes.count else { return .incomplete }
      guard bytes[at + 1] == 0x0A else { return .failed(.bareCarriageReturn) }
      return .complete(
        StatusLine(status: status, reason: reasonStart..<at, isHTTP10: version == .http10, end: at + 2))
    }
  }
}
