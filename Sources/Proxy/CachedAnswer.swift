internal import Base
internal import Cache
internal import HTTP1
internal import RateLimit

/// Writes the heads of answers that come from memory. RFC 9111 §4.
enum CachedAnswer {
  /// What the client's connection needs to be told, and how the answer came about.
  struct Told {
    var closes = false
    var saysKeepAlive = false
    var age: Int?
    /// After `Cache-Status: sluice; `.
    var status: CacheStatus
    /// `nil` where the body's length is not known: `isChunked` then, or the end of the connection.
    var length: Int?
    var isChunked = false
    /// Lines that are for this client alone.
    var ownLines: [UInt8] = []
    var rate: RateDecision?
    var rateNote: RateNote?
  }

  /// The whole stored answer: 200, 404 and so on.
  static func whole(_ head: StoredHead, _ told: Told, to out: inout ByteBuffer) {
    let lines = head.bytes
    out.append(lines.span, from: 0, to: lines.count - 2)
    // RFC 9110 §8.6: 204 has none.
    if let length = told.length, head.status != 204 { appendLength(length, to: &out) }
    if told.isChunked { out.append("Transfer-Encoding: chunked\r\n") }
    finish(told, to: &out)
  }

  /// 304 with the fields that a 200 would have had and that a cache needs. RFC 9110 §15.4.5.
  static func notModified(_ head: StoredHead, _ told: Told, to out: inout ByteBuffer) {
    out.append("HTTP/1.1 304 Not Modified\r\n")
    let kept =
      FieldName.cacheControl.bit | FieldName.contentLocation.bit | FieldName.date.bit | FieldName.etag.bit
      | FieldName.expires.bit | FieldName.vary.bit | FieldName.lastModified.bit | FieldName.via.bit
      | FieldName.cacheStatus.bit | FieldName.cdnCacheControl.bit
    eachField(head) { field, bytes in
      if field.name != .other, kept & field.name.bit != 0 {
        out.append(bytes, from: Int(field.start), to: Int(field.end))
      }
    }
    finish(told, to: &out)
  }

  /// RFC 9110 §15.5.17.
  static func unsatisfiable(_ head: StoredHead, of length: Int, _ told: Told, to out: inout ByteBuffer) {
    out.append("HTTP/1.1 416 Range Not Satisfiable\r\n")
    eachField(head) { field, bytes in
      if field.name == .date || field.name == .via {
        out.append(bytes, from: Int(field.start), to: Int(field.end))
      }
    }
    out.append("Content-Range: bytes */")
    out.append(decimal: length)
    out.append("\r\nContent-Length: 0\r\n")
    finish(told, to: &out)
  }

  /// One part of the stored body. RFC 9110 §15.3.7.1.
  static func partial(
    _ head: StoredHead, _ range: Range<Int>, of length: Int, _ told: Told, to out: inout ByteBuffer
  ) {
    out.append("HTTP/1.1 206 Partial Content\r\n")
    eachField(head) { field, bytes in out.append(bytes, from: Int(field.start), to: Int(field.end)) }
    appendContentRange(range, of: length, to: &out)
    appendLength(range.count, to: &out)
    finish(told, to: &out)
  }

  /// Several parts, as `multipart/byteranges` (RFC 9110 §14.6). Returns the body.
  static func multipart(
    _ head: StoredHead, _ ranges: [Range<Int>], _ body: [UInt8], _ told: Told, to out: inout ByteBuffer
  ) -> [UInt8] {
    out.append("HTTP/1.1 206 Partial Content\r\n")
    var type = ByteBuffer()
    eachField(head) { field, bytes in
      if field.name == .contentType {
        type.append(bytes, from: Int(field.start), to: Int(field.end))
      } else {
        out.append(bytes, from: Int(field.start), to: Int(field.end))
      }
    }
    // Not to be found in the body by chance, nor to be foreseen.
    let boundary = "sluice-" + String(UInt64.random(in: .min ... .max), radix: 36)
    var parts = ByteBuffer()
    for range in ranges {
      parts.append(text: "\r\n--\(boundary)\r\n")
      parts.append(type)
      appendContentRange(range, of: body.count, to: &parts)
      parts.append("\r\n")
      parts.append(body.span, from: range.lowerBound, to: range.upperBound)
    }
    parts.append(text: "\r\n--\(boundary)--\r\n")
    out.append(text: "Content-Type: multipart/byteranges; boundary=\(boundary)\r\n")
    appendLength(parts.count, to: &out)
    finish(told, to: &out)
    return parts.array()
  }

  private static func appendLength(_ length: Int, to out: inout ByteBuffer) {
    out.append("Content-Length: ")
    out.append(decimal: length)
    out.append("\r\n")
  }

  private static func appendContentRange(_ range: Range<Int>, of length: Int, to out: inout ByteBuffer) {
    out.append("Content-Range: bytes ")
    out.append(decimal: range.lowerBound)
    out.append("-")
    out.append(decimal: range.upperBound - 1)
    out.append("/")
    out.append(decimal: length)
    out.append("\r\n")
  }

  private static func finish(_ told: Told, to out: inout ByteBuffer) {
    if let age = told.age {
      out.append("Age: ")
      // RFC 9111 §1.2.2.
      out.append(decimal: min(age, 2_147_483_648))
      out.append("\r\n")
    }
    if told.closes {
      out.append("Connection: close\r\n")
    } else if told.saysKeepAlive {
      out.append("Connection: keep-alive\r\n")
    }
    out.append(contentsOf: told.ownLines)
    if let rate = told.rate { told.rateNote?.append(rate, to: &out) }
    told.status.append(to: &out)
    out.append("\r\n")
  }

  private static func eachField(_ head: StoredHead, _ body: (Field, Span<UInt8>) -> Void) {
    var table = FieldTable()
    let lines = head.bytes
    let bytes = lines.span
    guard case .complete = ResponseHead.parse(bytes, answering: .head, into: &table, limits: .unlimited)
    else {
      return
    }
    for index in 0..<table.count { body(table[index], bytes) }
  }
}

/// What `Cache-Status` says. RFC 9211.
struct CacheStatus {
  /// Non-nil for a hit: seconds it stays fresh, negative for a stale one.
  var hitTTL: Int?
  /// Why the request was forwarded, where it was.
  var forward: StaticString = "uri-miss"
  var forwardStatus: Int?
  var isStored = false
  var isCollapsed = false

  func append(to out: inout ByteBuffer) {
    out.append("Cache-Status: sluice")
    if let hitTTL {
      out.append("; hit; ttl=")
      if hitTTL < 0 { out.append("-") }
      out.append(decimal: abs(hitTTL))
    } else {
      out.append("; fwd=")
      out.append(forward)
      if let forwardStatus {
        out.append("; fwd-status=")
        out.append(decimal: forwardStatus)
      }
      if isStored { out.append("; stored") }
      if isCollapsed { out.append("; collapsed") }
    }
    out.append("\r\n")
  }
}
