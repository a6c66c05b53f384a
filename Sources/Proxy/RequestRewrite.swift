package import Base
package import HTTP1

/// Turns the head a client sent into the head an origin gets.
///
/// Untouched lines are copied in runs, byte for byte; hop-by-hop fields go (RFC 9110 §7.6.1) and ours
/// are added at the end, after the removal, so that no `Connection` option can name them away.
package final class RequestRewrite {
  /// Where the value of Host stands in what was written, for origins that want their own name there.
  private var hostRange = 0..<0

  /// What the head becomes depends on these beside the head itself.
  package struct Peer {
    var address: IPAddress?
    var isTrusted: Bool
    /// What the request is called where nobody before us has named it; `nil` to leave names alone.
    var id: RequestID?
    /// It came over TLS.
    var isSecured = false
    /// Of the certificate that the client showed.
    var subject: String?

    package init(address: IPAddress?, isTrusted: Bool, id: RequestID? = nil) {
      self.address = address
      self.isTrusted = isTrusted
      self.id = id
    }
  }

  /// Always dropped: they speak of the connection they came on. `X-Forwarded-*` are ours to write.
  private static let hopByHop: UInt64 =
    FieldName.connection.bit | FieldName.keepAlive.bit | FieldName.proxyConnection.bit | FieldName.te.bit
    | FieldName.upgrade.bit | FieldName.http2Settings.bit
  private static let forwarded: UInt64 =
    FieldName.xForwardedFor.bit | FieldName.xForwardedProto.bit | FieldName.xForwardedHost.bit
  /// What only those may say of a client who are believed: anybody else's is dropped, because origins read it.
  private static let claims: UInt64 = FieldName.forwarded.bit | FieldName.xRealIP.bit
  /// The client's own conditions, where the cache asks by its own: it meets the client's from what it gets.
  private static let conditions: UInt64 =
    FieldName.ifNoneMatch.bit | FieldName.ifModifiedSince.bit | FieldName.range.bit | FieldName.ifRange.bit
  /// No `Connection` option removes what frames or routes the message.
  private static let protected: UInt64 =
    FieldName.host.bit | FieldName.contentLength.bit | FieldName.transferEncoding.bit | FieldName.via.bit
    | FieldName.cdnLoop.bit

  private let rules: FieldRules
  private let fixedHost: [UInt8]?
  private let preservesHost: Bool
  private let markField: FieldName
  private let addsForwarded: Bool
  private let tellsSubject: Bool
  /// The line that says that a request was here, by the client's version: `Via`, or `CDN-Loop` where that is off.
  private let mark: [UInt8]
  private let markOf10: [UInt8]

  package init(_ settings: ProxySettings) {
    preservesHost = settings.hostPolicy == .preserve
    addsForwarded = settings.addsForwarded
    tellsSubject = settings.tellsClientSubject
    let name = String(decoding: LoopMark(settings).name, as: UTF8.self)
    mark = Array((settings.addsVia ? "Via: 1.1 \(name)\r\n" : "CDN-Loop: \(name)\r\n").utf8)
    markOf10 = Array((settings.addsVia ? "Via: 1.0 \(name)\r\n" : "CDN-Loop: \(name)\r\n").utf8)
    markField = settings.addsVia ? .via : .cdnLoop
    rules = FieldRules(settings.requestFields)
    fixedHost = if case .fixed(let host) = settings.hostPolicy { Array(host.utf8) } else { nil }
  }

  /// Appends the new head to `out`.
  /// - Parameters:
  ///   - authority: the origin's own name, sent as Host where the policy asks for it or the
  ///   client named none.
  ///   - path: path and query to send instead of the client's; empty for the client's.
  ///   - validators: condition fields of ours, in the place of the client's; empty for the client's.
  package func write(
    _ bytes: Span<UInt8>, _ head: RequestHead, _ table: borrowing FieldTable, peer: Peer, authority: String,
    path: Span<UInt8> = Span(), validators: Span<UInt8> = Span(), to out: inout ByteBuffer
  ) {
    let copiesRequestLine = head.targetForm == .origin && !head.isHTTP10 && path.isEmpty
    if !copiesRequestLine { writeRequestLine(bytes, head, path, to: &out) }
    var copier = LineCopier(from: copiesRequestLine ? head.methodRange.lowerBound : head.fieldsStart)
    let rewritesHost = head.targetForm == .absolute || !preservesHost
    var dropped = RequestRewrite.hopByHop | RequestRewrite.forwarded
    if rewritesHost { dropped |= FieldName.host.bit }
    if !peer.isTrusted { dropped |= RequestRewrite.claims }
    let keepsID = peer.isTrusted && table.contains(.xRequestID)
    if peer.id != nil, !keepsID { dropped |= FieldName.xRequestID.bit }
    if !validators.isEmpty { dropped |= RequestRewrite.conditions }
    let nominates = head.options.contains(.nominatesOthers)
    let odd = FramingLine.odd(table, in: bytes)
    // RFC 9110 §7.6.2: only these two count their hops.
    let countsHops = table.contains(.maxForwards) && (head.method == .options || head.method == .trace)
    if table.present & dropped != 0 || nominates || !rules.isEmpty || odd != 0 || countsHops || tellsSubject {
      for index in 0..<table.count {
        let field = table[index]
        if countsHops, field.name == .maxForwards, let hops = number(bytes, field.valueRange), hops > 0 {
          copier.skip(field.lineRange, of: bytes, to: &out)
          out.append("Max-Forwards: ")
          out.append(decimal: hops - 1)
          out.append("\r\n")
          continue
        }
        if field.name != .other, odd & field.name.bit != 0 {
          copier.skip(field.lineRange, of: bytes, to: &out)
          FramingLine.write(field, of: bytes, to: &out)
          continue
        }
        let isNamed =
          nominates && field.name.bit & RequestRewrite.protected == 0 && table.isNominated(field, in: bytes)
        if field.name != .other && dropped & field.name.bit != 0 || isNamed
          || rules.replaces(field, in: bytes) || tellsSubject && isSubject(field, bytes)
        {
          copier.skip(field.lineRange, of: bytes, to: &out)
          if field.name == .host { writeHost(bytes, head, authority, to: &out) }
        }
      }
    }
    copier.finish(at: head.end - 2, of: bytes, to: &out)
    if !table.contains(.host) { writeHost(bytes, head, authority, to: &out) }
    out.append(validators)
    writeForwarded(bytes, head, table, peer, to: &out)
    if tellsSubject, let subject = peer.subject {
      out.append("X-Client-Subject: ")
      out.append(text: subject)
      out.append("\r\n")
    }
    if let id = peer.id, !keepsID, !rules.sets(.xRequestID) {
      out.append("X-Request-Id: ")
      id.append(to: &out)
      out.append("\r\n")
    }
    writeHopByHop(bytes, head, table, to: &out)
    if !rules.isEmpty { out.append(contentsOf: rules.lines) }
    out.append("\r\n")
  }

  /// A client's own word on its certificate is nobody's.
  private func isSubject(_ field: Field, _ bytes: Span<UInt8>) -> Bool {
    ASCII.equals(
      bytes, field.nameRange.lowerBound, field.nameRange.upperBound, ignoringCase: "x-client-subject")
  }

  /// A decimal number of up to nine digits; `nil` for anything else.
  private func number(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Int? {
    guard (1...9).contains(range.count) else { return nil }
    var value = 0
    for index in range {
      guard ASCII.isDigit(bytes[index]) else { return nil }
      value = value * 10 + Int(bytes[index] - 0x30)
    }
    return value
  }

  /// Where the origin's own name stands in the head that was last written; empty if it does not.
  func takeHostRange() -> Range<Int> {
    defer { hostRange = 0..<0 }
    return hostRange
  }

  private func writeRequestLine(
    _ bytes: Span<UInt8>, _ head: RequestHead, _ path: Span<UInt8>, to out: inout ByteBuffer
  ) {
    out.append(bytes, from: head.methodRange.lowerBound, to: head.methodRange.upperBound)
    out.append(UInt8(ascii: " "))
    if !path.isEmpty {
      out.append(path)
    } else if head.pathRange.isEmpty {
      // RFC 9112 §3.2.4: OPTIONS for the server as a whole, when it came in absolute form.
      out.append(head.method == .options ? "*" : "/")
    } else {
      if bytes[head.pathRange.lowerBound] == UInt8(ascii: "?") { out.append(UInt8(ascii: "/")) }
      out.append(bytes, from: head.pathRange.lowerBound, to: head.pathRange.upperBound)
    }
    out.append(" HTTP/1.1\r\n")
  }

  private func writeHost(
    _ bytes: Span<UInt8>, _ head: RequestHead, _ authority: String, to out: inout ByteBuffer
  ) {
    out.append("Host: ")
    let start = out.count
    if let fixedHost {
      out.append(contentsOf: fixedHost)
    } else if preservesHost, let range = head.authorityRange {
      out.append(bytes, from: range.lowerBound, to: range.upperBound)
    } else {
      // Also for HTTP/1.0 without Host: HTTP/1.1 requires one.
      out.append(text: authority)
      hostRange = start..<out.count
    }
    out.append("\r\n")
  }

  /// `X-Forwarded-*`: appended to where the peer is trusted, written anew where it is not.
  private func writeForwarded(
    _ bytes: Span<UInt8>, _ head: RequestHead, _ table: borrowing FieldTable, _ peer: Peer,
    to out: inout ByteBuffer
  ) {
    if !rules.sets(.xForwardedFor) {
      out.append("X-Forwarded-For: ")
      if peer.isTrusted, table.contains(.xForwardedFor) {
        for index in 0..<table.count where table[index].name == .xForwardedFor {
          out.append(bytes, from: Int(table[index].valueStart), to: Int(table[index].valueEnd))
          out.append(", ")
        }
      }
      if let address = peer.address { out.append(address) } else { out.append("unix:") }
      out.append("\r\n")
    }
    if !rules.sets(.xForwardedProto) {
      out.append("X-Forwarded-Proto: ")
      if peer.isTrusted, let field = table.first(.xForwardedProto) {
        out.append(bytes, from: Int(field.valueStart), to: Int(field.valueEnd))
      } else {
        out.append(peer.isSecured ? "https" : "http")
      }
      out.append("\r\n")
    }
    let forwardedHost = peer.isTrusted ? table.first(.xForwardedHost)?.valueRange : nil
    if !rules.sets(.xForwardedHost), let host = forwardedHost ?? head.authorityRange {
      out.append("X-Forwarded-Host: ")
      out.append(bytes, from: host.lowerBound, to: host.upperBound)
      out.append("\r\n")
    }
    if addsForwarded, !rules.sets(.forwarded) { writeElement(bytes, head, peer, to: &out) }
  }

  /// One element of `Forwarded`, on a line of its own behind those of proxies before us. RFC 7239 §4.
  private func writeElement(
    _ bytes: Span<UInt8>, _ head: RequestHead, _ peer: Peer, to out: inout ByteBuffer
  ) {
    out.append("Forwarded: for=")
    if let address = peer.address {
      // §6: IPv6 in brackets, and those only in quotes.
      if !address.isV4 { out.append("\"[") }
      out.append(address)
      if !address.isV4 { out.append("]\"") }
    } else {
      out.append("unknown")
    }
    if let host = head.authorityRange {
      out.append(";host=\"")
      out.append(bytes, from: host.lowerBound, to: host.upperBound)
      out.append("\"")
    }
    out.append(peer.isSecured ? ";proto=https\r\n" : ";proto=http\r\n")
  }

  private func writeHopByHop(
    _ bytes: Span<UInt8>, _ head: RequestHead, _ table: borrowing FieldTable, to out: inout ByteBuffer
  ) {
    if !rules.sets(markField) { out.append(contentsOf: head.isHTTP10 ? markOf10 : mark) }
    if head.wantsUpgrade {
      for index in 0..<table.count where table[index].name == .upgrade {
        out.append(bytes, from: Int(table[index].start), to: Int(table[index].end))
      }
      out.append(
        head.acceptsTrailers ? "TE: trailers\r\nConnection: upgrade, TE\r\n" : "Connection: upgrade\r\n")
    } else if head.acceptsTrailers {
      // RFC 9110 §10.1.4: TE is hop-by-hop, and we do pass trailers on.
      out.append("TE: trailers\r\nConnection: TE\r\n")
    }
  }
}
