/// A field line as it stood on the wire.
public struct WireField: Sendable, Hashable {
  public let name: String
  public let value: String

  public init(name: String, value: String) {
    self.name = name
    self.value = value
  }
}

/// What requests and responses have in common.
public protocol WireMessage: Sendable {
  var fields: [WireField] { get }
}

extension WireMessage {
  /// The value of the first field of that name, whatever its case.
  public subscript(_ name: String) -> String? {
    fields.first { $0.name.lowercased() == name.lowercased() }?.value
  }

  /// The values of all fields of that name, in their order.
  public func all(_ name: String) -> [String] {
    fields.filter { $0.name.lowercased() == name.lowercased() }.map(\.value)
  }

  public func has(_ name: String) -> Bool { self[name] != nil }
}

/// A request as an origin receives it.
public struct WireRequest: WireMessage {
  public let method: String
  public let target: String
  public let version: String
  public let fields: [WireField]
  /// Start line and fields with their empty line, as they came.
  public let head: String
  /// Without its transfer coding.
  public let body: [UInt8]
  public let trailers: [WireField]
  public let isChunked: Bool

  public var text: String { String(decoding: body, as: UTF8.self) }

  /// The request at the front of `bytes` and its length. `nil` while it is not complete.
  public static func parse(_ bytes: ArraySlice<UInt8>) throws -> (WireRequest, Int)? {
    guard let head = try WireHead.parse(bytes) else { return nil }
    let parts = head.startLine.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 3, parts[2].hasPrefix("HTTP/1.") else {
      throw WireError.malformed("request line \(head.startLine)")
    }
    guard
      let body = try WireBody.parse(
        bytes.dropFirst(head.count), head.fields, isUntilClose: false, isEnd: false)
    else { return nil }
    let request = WireRequest(
      method: parts[0], target: parts[1], version: parts[2], fields: head.fields, head: head.text,
      body: body.bytes, trailers: body.trailers, isChunked: body.isChunked)
    return (request, head.count + body.count)
  }
}

/// A response as a client receives it.
public struct WireResponse: WireMessage {
  public let status: Int
  public let reason: String
  public let fields: [WireField]
  public let head: String
  public let body: [UInt8]
  public let trailers: [WireField]
  public let isChunked: Bool

  public var text: String { String(decoding: body, as: UTF8.self) }

  /// The response at the front of `bytes` and its length. `nil` while it is not complete.
  /// - Parameter isEnd: the connection has ended, and with it a body without a length.
  public static func parse(
    _ bytes: ArraySlice<UInt8>, answering method: String, isEnd: Bool
  ) throws -> (WireResponse, Int)? {
    guard let head = try WireHead.parse(bytes) else { return nil }
    let parts = head.startLine.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 3, parts[0] == "HTTP/1.1", let status = Int(parts[1]), (100...999).contains(status)
    else {
      throw WireError.malformed("status line \(head.startLine)")
    }
    let isBodiless = method == "HEAD" || status < 200 || status == 204 || status == 304
    let body =
      isBodiless
      ? WireBody()
      : try WireBody.parse(bytes.dropFirst(head.count), head.fields, isUntilClose: true, isEnd: isEnd)
    guard let body else { return nil }
    let response = WireResponse(
      status: status, reason: String(parts[2]), fields: head.fields, head: head.text, body: body.bytes,
      trailers: body.trailers, isChunked: body.isChunked)
    return (response, head.count + body.count)
  }
}

/// A head: start line and fields.
private struct WireHead {
  let startLine: String
  let fields: [WireField]
  let text: String
  let count: Int

  static func parse(_ bytes: ArraySlice<UInt8>) throws -> WireHead? {
    guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
    let head = Array(bytes[..<end.upperBound])
    // Latin-1, so that no byte is lost.
    let text = String(String.UnicodeScalarView(head.map { Unicode.Scalar($0) }))
    var lines = try splitLines(head.dropLast(2))
    guard !lines.isEmpty else { throw WireError.malformed("no start line") }
    let startLine = lines.removeFirst()
    return WireHead(
      startLine: startLine, fields: try lines.map(field), text: text, count: head.count)
  }

  static func splitLines(_ bytes: ArraySlice<UInt8>) throws -> [String] {
    var lines: [String] = []
    var rest = bytes
    while !rest.isEmpty {
      guard let end = rest.firstRange(of: [0x0D, 0x0A]) else {
        throw WireError.malformed("a line without end")
      }
      let line = rest[..<end.lowerBound]
      if line.contains(0x0A) || line.contains(0x0D) { throw WireError.malformed("a bare CR or LF") }
      lines.append(String(String.UnicodeScalarView(line.map { Unicode.Scalar($0) })))
      rest = rest[end.upperBound...]
    }
    return lines
  }

  static func field(_ line: String) throws -> WireField {
    guard let colon = line.firstIndex(of: ":"), colon != line.startIndex, !line[..<colon].contains(" ") else {
      throw WireError.malformed("field line \(line)")
    }
    let value = line[line.index(after: colon)...]
    let blanks: Set<Character> = [" ", "\t"]
    let start = value.firstIndex { !blanks.contains($0) } ?? value.endIndex
    let end = value.lastIndex { !blanks.contains($0) }.map { value.index(after: $0) } ?? start
    return WireField(name: String(line[..<colon]), value: String(value[start..<end]))
  }
}

/// A body without its transfer coding.
private struct WireBody {
  var bytes: [UInt8] = []
  var trailers: [WireField] = []
  var isChunked = false
  /// Bytes on the wire.
  var count = 0

  static func parse(
    _ bytes: ArraySlice<UInt8>, _ fields: [WireField], isUntilClose: Bool, isEnd: Bool
  ) throws -> WireBody? {
    let lengths = fields.filter { $0.name.lowercased() == "content-length" }
    let codings = fields.filter { $0.name.lowercased() == "transfer-encoding" }
    guard lengths.count + codings.count <= 1 else { throw WireError.malformed("more than one framing field") }
    if let coding = codings.first {
      guard coding.value.lowercased() == "chunked" else {
        throw WireError.malformed("transfer coding \(coding.value)")
      }
      return try parseChunked(bytes)
    }
    if let length = lengths.first {
      guard let wanted = Int(length.value), wanted >= 0 else {
        throw WireError.malformed("length \(length.value)")
      }
      guard bytes.count >= wanted else { return nil }
      return WireBody(bytes: Array(bytes.prefix(wanted)), count: wanted)
    }
    guard isUntilClose else { return WireBody() }
    return isEnd ? WireBody(bytes: Array(bytes), count: bytes.count) : nil
  }

  /// Stricter than the grammar: what we write has no extensions and no leading zeros.
  private static func parseChunked(_ bytes: ArraySlice<UInt8>) throws -> WireBody? {
    var body = WireBody(isChunked: true)
    var rest = bytes
    while true {
      guard let end = rest.prefix(20).firstRange(of: [0x0D, 0x0A]) else {
        if rest.count >= 20 { throw WireError.malformed("a chunk size without end") }
        return nil
      }
      let digits = String(decoding: rest[..<end.lowerBound], as: UTF8.self)
      guard let size = Int(digits, radix: 16), digits == String(size, radix: 16) else {
        throw WireError.malformed("chunk size \(digits)")
      }
      rest = rest[end.upperBound...]
      if size == 0 { break }
      guard rest.count >= size + 2 else { return nil }
      body.bytes += rest.prefix(size)
      rest = rest.dropFirst(size)
      guard rest.starts(with: [0x0D, 0x0A]) else { throw WireError.malformed("no line end after a chunk") }
      rest = rest.dropFirst(2)
    }
    if rest.starts(with: [0x0D, 0x0A]) {
      rest = rest.dropFirst(2)
    } else {
      guard let end = rest.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
      let section = rest[..<(end.upperBound - 2)]
      body.trailers = try WireHead.splitLines(section).map(WireHead.field)
      rest = rest[end.upperBound...]
    }
    body.count = rest.startIndex - bytes.startIndex
    return body
  }
}
