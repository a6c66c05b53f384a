package import Base
package import HTTP1
internal import RateLimit

/// How a response body is framed towards the client.
package enum BodyEncoding {
  case none
  /// As the origin framed it: so many bytes, or until the connection closes.
  case identity
  case chunked
}

/// Turns the head an origin sent into the head a client gets.
package final class ResponseRewrite {
  /// What the client's connection needs to be told.
  package struct Connection {
    var encoding: BodyEncoding
    /// The body came without chunked and goes out with it.
    var addsChunked = false
    var closes = false
    /// Says `keep-alive` to a client that assumes the contrary.
    var saysKeepAlive = false
    var isUpgrade = false
    /// The client would not know what a transfer coding is (RFC 9112 §6.1).
    var isHTTP10 = false
    /// A whole `Set-Cookie` line that leads the client back to its endpoint.
    var cookie: [UInt8]?
    /// Why a request was forwarded, for `Cache-Status`; `nil` where there is no cache.
    var cacheForward: StaticString?
    /// What the rate limit said; `nil` where it had no say.
    var rate: RateDecision?
    /// It goes out over TLS.
    var isSecured = false

    package init(
      encoding: BodyEncoding, addsChunked: Bool = false, closes: Bool = false, saysKeepAlive: Bool = false,
      isUpgrade: Bool = false, isHTTP10: Bool = false
    ) {
      self.encoding = encoding
      self.addsChunked = addsChunked
      self.closes = closes
      self.saysKeepAlive = saysKeepAlive
      self.isUpgrade = isUpgrade
      self.isHTTP10 = isHTTP10
    }
  }

  private static let hopByHop: UInt64 =
    FieldName.connection.bit | FieldName.keepAlive.bit | FieldName.proxyConnection.bit | FieldName.te.bit
    | FieldName.upgrade.bit
  private static let protected: UInt64 =
    FieldName.contentLength.bit | FieldName.transferEncoding.bit | FieldName.date.bit

  private let addsVia: Bool
  private let rules: FieldRules
  private let defaults: DefaultFields
  /// The same for answers over TLS.
  private let securedDefaults: DefaultFields
  /// Of origins, and nobody's business.
  private let hidden: UInt64
  /// Whether the fields by which caches go are passed on as the origin sent them.
  let setsNothing: Bool
  /// What answers of our own have of the same fields.
  func ownLines(isSecured: Bool) -> [UInt8] { isSecured ? securedDefaults.lines : defaults.lines }
  let rateNote: RateNote

  package init(_ settings: ProxySettings) {
    addsVia = settings.addsVia
    rules = FieldRules(settings.responseFields)
    defaults = DefaultFields(settings, isSecured: false)
    securedDefaults = DefaultFields(settings, isSecured: true)
    hidden = settings.hidesServer ? FieldName.server.bit | FieldName.xPoweredBy.bit : 0
    setsNothing = rules.isEmpty && settings.defaultResponseFields.isEmpty
    rateNote = RateNote(settings.rateLimit.rule)
  }

  /// Appends the new head to `out`.
  /// - Parameter date: IMF-fixdate, for an origin that sent none (RFC 9110 §6.6.1).
  package func write(
    _ bytes: Span<UInt8>, _ head: ResponseHead, _ table: borrowing FieldTable, _ connection: Connection,
    date: borrowing ByteBuffer, to out: inout ByteBuffer
  ) {
    // RFC 9112 §4: the space behind the status code is sent even before an empty phrase.
    let lacksSpace = head.reasonRange.isEmpty && bytes[head.reasonRange.lowerBound - 1] != 0x20
    let writesStatusLine = head.isHTTP10 || lacksSpace
    var copier = LineCopier(from: writesStatusLine ? head.fieldsStart : 0)
    if writesStatusLine {
      out.append("HTTP/1.1 ")
      out.append(decimal: head.status, width: 3)
      out.append(UInt8(ascii: " "))
      out.append(bytes, from: head.reasonRange.lowerBound, to: head.reasonRange.upperBound)
      out.append("\r\n")
    }
    var dropped = ResponseRewrite.hopByHop | hidden
    // RFC 9110 §8.6 and RFC 9112 §6.1: neither belongs on 1xx or 204.
    if head.status < 200 || head.status == 204 {
      dropped |= FieldName.contentLength.bit | FieldName.transferEncoding.bit
    }
    if connection.isHTTP10 || head.framing == .chunked && connection.encoding != .chunked {
      dropped |= FieldName.transferEncoding.bit
    }
    let nominates = head.options.contains(.nominatesOthers)
    let setsFields = !rules.isEmpty && !head.isInterim
    let odd = FramingLine.odd(table, in: bytes) & ~dropped
    if table.present & dropped != 0 || nominates || setsFields || odd != 0 {
      for index in 0..<table.count {
        let field = table[index]
        if field.name != .other, odd & field.name.bit != 0 {
          copier.skip(field.lineRange, of: bytes, to: &out)
          FramingLine.write(field, of: bytes, to: &out)
          continue
        }
        let isNamed =
          nominates && field.name.bit & ResponseRewrite.protected == 0 && table.isNominated(field, in: bytes)
        let isSet = setsFields && rules.replaces(field, in: bytes)
        if field.name != .other && dropped & field.name.bit != 0 || isNamed || isSet {
          copier.skip(field.lineRange, of: bytes, to: &out)
        }
      }
    }
    copier.finish(at: head.end - 2, of: bytes, to: &out)
    if connection.isUpgrade {
      for index in 0..<table.count where table[index].name == .upgrade {
        out.append(bytes, from: Int(table[index].start), to: Int(table[index].end))
      }
      out.append("Connection: upgrade\r\n")
    } else if !head.isInterim {
      if !table.contains(.date), !rules.sets(.date) {
        out.append("Date: ")
        out.append(date)
        out.append("\r\n")
      }
      // A 304 says what is new in a response that has its fields already.
      if head.status != 304 { appendDefaults(bytes, table, isSecured: connection.isSecured, to: &out) }
      if let rate = connection.rate { rateNote.append(rate, to: &out) }
      if let cookie = connection.cookie { out.append(contentsOf: cookie) }
      if let forward = connection.cacheForward { CacheStatus(forward: forward).append(to: &out) }
      if connection.addsChunked { out.append("Transfer-Encoding: chunked\r\n") }
      if connection.closes {
        out.append("Connection: close\r\n")
      } else if connection.saysKeepAlive {
        out.append("Connection: keep-alive\r\n")
      }
    }
    if addsVia, !setsFields || !rules.sets(.via) {
      out.append(head.isHTTP10 ? "Via: 1.0 sluice\r\n" : "Via: 1.1 sluice\r\n")
    }
    if setsFields { out.append(contentsOf: rules.lines) }
    out.append("\r\n")
  }

  private func appendDefaults(
    _ bytes: Span<UInt8>, _ table: borrowing FieldTable, isSecured: Bool, to out: inout ByteBuffer
  ) {
    // Not chosen first: that would copy one of them, and count its arrays up and down.
    if isSecured {
      securedDefaults.append(bytes, table, but: rules, to: &out)
    } else {
      defaults.append(bytes, table, but: rules, to: &out)
    }
  }
}
