internal import Base

/// The methods that change how a message is framed, forwarded or retried. RFC 9110 §9.
public enum Method: UInt8, Sendable {
  case get, head, post, put, delete, options, trace, connect, patch, other

  /// RFC 9110 §9.2.2: sending it twice has the effect of sending it once.
  public var isIdempotent: Bool {
    switch self {
    case .get, .head, .put, .delete, .options, .trace: true
    case .post, .connect, .patch, .other: false
    }
  }

  static func find(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Method {
    func matches(_ text: StaticString) -> Bool {
      guard range.count == text.utf8CodeUnitCount else { return false }
      // Methods are case-sensitive (RFC 9110 §9.1), so an upper-case letter is required as well.
      for index in range where bytes[index] & 0x20 != 0 { return false }
      return ASCII.equals(bytes, range.lowerBound, range.upperBound, ignoringCase: text)
    }
    switch range.count {
    case 3: return matches("get") ? .get : matches("put") ? .put : .other
    case 4: return matches("post") ? .post : matches("head") ? .head : .other
    case 5: return matches("patch") ? .patch : matches("trace") ? .trace : .other
    case 6: return matches("delete") ? .delete : .other
    case 7: return matches("options") ? .options : matches("connect") ? .connect : .other
    default: return .other
    }
  }
}

/// A request head that was accepted: offsets into its bytes and what they mean.
public struct RequestHead: Sendable {
  public let method: Method
  public let methodRange: Range<Int>
  public let targetForm: TargetForm
  /// The target as it was sent.
  public let targetRange: Range<Int>
  /// Path and query; empty where an absolute target has no path (then it means `/`, or `*` for OPTIONS).
  public let pathRange: Range<Int>
  /// The authority of an absolute target, else the value of Host. `nil` for HTTP/1.0 without Host.
  public let authorityRange: Range<Int>?
  public let isHTTP10: Bool
  /// The field lines begin here.
  public let fieldsStart: Int
  /// The head is `[..<end]`, its empty line included.
  public let end: Int
  public let framing: BodyFraming
  public let options: ConnectionOptions
  /// The client waits for 100 (Continue) before it sends the body. RFC 9110 §10.1.1.
  public let expectsContinue: Bool
  /// The client asks to change the protocol and we may pass that on. RFC 9110 §7.8.
  public let wantsUpgrade: Bool
  /// The client reads trailers. RFC 9110 §10.1.4.
  public let acceptsTrailers: Bool

  /// Whether the client means to send another request on this connection. RFC 9112 §9.3.
  public var isPersistent: Bool {
    if options.contains(.close) { return false }
    return isHTTP10 ? options.contains(.keepAlive) : true
  }
}

/// What a head parser found.
public enum HeadResult<Head: Sendable>: Sendable {
  case complete(Head)
  /// No fault so far; more bytes are needed.
  case incomplete
  /// The connection cannot be used any further.
  case failed(HTTP1Error)
}

extension RequestHead {
  /// Reads the request head at the front of `bytes`. RFC 9112 §3 and §5.
  ///
  /// Any prefix of a head gives `.incomplete` or the fault the whole would have; nothing is kept between
  /// calls.
  /// - Parameters:
  ///   - table: refilled with the field lines; meaningful only after `.complete`.
  ///   - isSecured: it came over TLS, so that the target may say `https`.
  public static func parse(
    _ bytes: Span<UInt8>, into table: inout FieldTable, limits: Limits, isSecured: Bool = false
  ) -> HeadResult<RequestHead> {
    table.removeAll()
    let line: RequestLine
    switch RequestLine.parse(bytes, limits: limits) {
    case .complete(let parsed): line = parsed
    case .failed(let error): return .failed(error)
    case .incomplete: return bytes.count > limits.headBytesMax ? .failed(.headTooLarge) : .incomplete
    }
    // Not a byte beyond the limit: a fault there must not hide that the head is too large already.
    let head = bytes.extracting(0..<min(bytes.count, limits.headBytesMax))
    switch FieldParser.parse(head, from: line.end, into: &table, limits: limits) {
    case .failed(let error): return .failed(error)
    case .incomplete:
      return bytes.count > limits.headBytesMax ? .failed(.headTooLarge) : .incomplete
    case .complete(let end): return interpret(bytes, line, table, end: end, isSecured: isSecured)
    }
  }

  /// Decides what the fields mean, once, for everything that follows.
  private static func interpret(
    _ bytes: Span<UInt8>, _ line: RequestLine, _ table: borrowing FieldTable, end: Int, isSecured: Bool
  ) -> HeadResult<RequestHead> {
    let target: RequestTarget
    switch RequestTarget.parse(bytes, line.target, method: line.method, isSecured: isSecured) {
    case .success(let parsed): target = parsed
    case .failure(let error): return .failed(error)
    }
    // RFC 9112 §3.2: missing, repeated or malformed Host is refused, absolute target or not.
    if table.isRepeated(.host) { return .failed(.duplicateHost) }
    let host = table.first(.host)
    if let host {
      guard Authority.isValid(bytes, host.valueRange) else { return .failed(.malformedHost) }
    } else if !line.isHTTP10 {
      return .failed(.missingHost)
    }
    var framing = BodyFraming.none
    switch FramingFields.read(bytes, table, isHTTP10: line.isHTTP10) {
    case .failed(let error): return .failed(error)
    case .absent, .length(0): break
    case .length(let count): framing = .length(count)
    case .chunked: framing = .chunked
    }
    var expectsContinue = false
    // RFC 9110 §10.1.1: an expectation in an HTTP/1.0 request is ignored.
    if table.contains(.expect), !line.isHTTP10 {
      guard !table.isRepeated(.expect), let expect = table.first(.expect),
        ASCII.equals(bytes, Int(expect.valueStart), Int(expect.valueEnd), ignoringCase: "100-continue")
      else { return .failed(.unmetExpectation) }
      expectsContinue = framing != .none
    }
    let options = ConnectionOptions.read(bytes, table)
    // h2c would let the client talk past every check here (RFC 9113 dropped it): never passed on. Nor
    // is an upgrade with a body, whose bytes and the new protocol's could not be told apart safely.
    let wantsUpgrade =
      options.contains(.upgrade) && table.contains(.upgrade) && !line.isHTTP10 && framing == .none
      && !table.list(.upgrade, in: bytes, has: "h2c")
    return .complete(
      RequestHead(
        method: line.method, methodRange: line.methodRange, targetForm: target.form, targetRange: line.target,
        pathRange: target.pathAndQuery, authorityRange: target.authority ?? host?.valueRange,
        isHTTP10: line.isHTTP10, fieldsStart: line.end, end: end, framing: framing, options: options,
        expectsContinue: expectsContinue, wantsUpgrade: wantsUpgrade,
        acceptsTrailers: table.list(.te, in: bytes, has: "trailers")))
  }
}

/// `method SP request-target SP HTTP-version CRLF`. RFC 9112 §3.
private struct RequestLine {
  let method: Method
  let methodRange: Range<Int>
  let target: Range<Int>
  let isHTTP10: Bool
  let end: Int

  enum Outcome {
    case complete(RequestLine)
    case incomplete
    case failed(HTTP1Error)
  }

  static func parse(_ bytes: Span<UInt8>, limits: Limits) -> Outcome {
    let count = bytes.count
    var at = 0
    // RFC 9112 §2.2: an empty line before the request line is to be ignored; one is, not more.
    if count > 0, bytes[0] == 0x0D {
      guard count > 1 else { return .incomplete }
      guard bytes[1] == 0x0A else { return .failed(.bareCarriageReturn) }
      at = 2
    }
    let start = at
    at = Token.end(bytes, from: at)
    // Before any other fault, so that the answer does not depend on how much has arrived.
    if at - start > limits.requestLineBytesMax { return .failed(.targetTooLong) }
    guard at < count else { return .incomplete }
    guard bytes[at] == 0x20, at > start else { return .failed(.malformedRequestLine) }
    let methodRange = start..<at
    at += 1
    let targetStart = at
    at = Token.targetEnd(bytes, from: at)
    if at - start > limits.requestLineBytesMax { return .failed(.targetTooLong) }
    guard at < count else { return .incomplete }
    guard bytes[at] == 0x20, at > targetStart else {
      // `GET /` and a line end is HTTP/0.9, which has no version to agree on.
      return .failed(bytes[at] == 0x0D || bytes[at] == 0x0A ? .malformedRequestLine : .malformedTarget)
    }
    let target = targetStart..<at
    at += 1
    let version: HTTPVersion
    switch HTTPVersion.parse(bytes, from: at) {
    case .incomplete: return .incomplete
    case .failed(let error): return .failed(error)
    case .complete(let parsed): version = parsed
    }
    at += 8
    guard at < count else { return .incomplete }
    guard bytes[at] == 0x0D else {
      return .failed(bytes[at] == 0x0A ? .bareLineFeed : .malformedVersion)
    }
    guard at + 1 < count else { return .incomplete }
    guard bytes[at + 1] == 0x0A else { return .failed(.bareCarriageReturn) }
    guard version != .other else { return .failed(.unsupportedVersion) }
    if at + 2 - start > limits.requestLineBytesMax { return .failed(.targetTooLong) }
    return .complete(
      RequestLine(
        method: Method.find(bytes, methodRange), methodRange: methodRange, target: target,
        isHTTP10: version == .http10, end: at + 2))
  }
}

/// `"HTTP/" DIGIT "." DIGIT`, case-sensitive. RFC 9112 §2.3.
enum HTTPVersion {
  case http10, http11, other

  static func parse(_ bytes: Span<UInt8>, from: Int) -> HeadResult<HTTPVersion> {
    let pattern: StaticString = "HTTP/0.0"
    let expected = pattern.bytes
    for index in 0..<8 {
      guard from + index < bytes.count else { return .incomplete }
      let byte = bytes[from + index]
      let isGood = expected[index] == 0x30 ? ASCII.isDigit(byte) : byte == expected[index]
      guard isGood else { return .failed(.malformedVersion) }
    }
    guard bytes[from + 5] == 0x31 else { return .complete(.other) }
    switch bytes[from + 7] {
    case 0x30: return .complete(.http10)
    case 0x31: return .complete(.http11)
    default: return .complete(.other)
    }
  }
}
