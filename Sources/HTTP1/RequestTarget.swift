internal import Base

/// The four shapes of a request target. RFC 9112 §3.2.
public enum TargetForm: Sendable {
  /// `/path?query`
  case origin
  /// `http://authority/path?query`, as sent to proxies
  case absolute
  /// `*`, of OPTIONS only
  case asterisk
}

/// Where the parts of a request target lie in the head.
struct RequestTarget {
  var form = TargetForm.origin
  /// The authority of an absolute target.
  var authority: Range<Int>?
  /// Path and query as they are sent on. Empty where an absolute target has no path.
  var pathAndQuery: Range<Int>

  static func parse(
    _ bytes: Span<UInt8>, _ range: Range<Int>, method: Method, isSecured: Bool
  ) -> Result<RequestTarget, HTTP1Error> {
    if method == .connect { return .failure(.connectRefused) }
    if bytes[range.lowerBound] == 0x2F { return .success(RequestTarget(pathAndQuery: range)) }
    if range.count == 1, bytes[range.lowerBound] == 0x2A, method == .options {
      return .success(RequestTarget(form: .asterisk, pathAndQuery: range))
    }
    // RFC 9112 §3.2.2: a server accepts the absolute form although clients send it to proxies only.
    let secureEnd = min(range.lowerBound + 8, range.upperBound)
    let namesSecured = ASCII.equals(bytes, range.lowerBound, secureEnd, ignoringCase: "https://")
    // RFC 9110 §7.4: a plain connection must not speak for a secured origin.
    if namesSecured, !isSecured { return .failure(.misdirectedScheme) }
    let prefixEnd = namesSecured ? secureEnd : range.lowerBound + 7
    if prefixEnd < range.upperBound,
      namesSecured || ASCII.equals(bytes, range.lowerBound, prefixEnd, ignoringCase: "http://")
    {
      var authorityEnd = prefixEnd
      while authorityEnd < range.upperBound, bytes[authorityEnd] != 0x2F, bytes[authorityEnd] != 0x3F {
        authorityEnd += 1
      }
      guard Authority.isValid(bytes, prefixEnd..<authorityEnd) else { return .failure(.malformedTarget) }
      return .success(
        RequestTarget(
          form: .absolute, authority: prefixEnd..<authorityEnd, pathAndQuery: authorityEnd..<range.upperBound)
      )
    }
    return .failure(.malformedTarget)
  }
}

/// `host [":" port]` of RFC 3986 §3.2, without user information.
enum Authority {
  static func isValid(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
    guard !range.isEmpty else { return false }
    var at = range.lowerBound
    if bytes[at] == 0x5B {
      var close = at + 1
      while close < range.upperBound, bytes[close] != 0x5D { close += 1 }
      guard close < range.upperBound, isIPLiteral(bytes, (at + 1)..<close) else { return false }
      at = close + 1
    } else {
      while at < range.upperBound, bytes[at] != 0x3A {
        guard isNameCharacter(bytes[at]) else { return false }
        if bytes[at] == 0x25 {
          guard at + 2 < range.upperBound, ASCII.hexValue(bytes[at + 1]) != nil,
            ASCII.hexValue(bytes[at + 2]) != nil
          else { return false }
        }
        at += 1
      }
      guard at > range.lowerBound else { return false }
    }
    guard at < range.upperBound else { return true }
    guard bytes[at] == 0x3A else { return false }
    return isPort(bytes, (at + 1)..<range.upperBound)
  }

  /// An empty port is allowed (RFC 3986 §3.2.3) and means the default.
  private static func isPort(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
    guard range.count <= 5 else { return false }
    var value = 0
    for index in range {
      guard ASCII.isDigit(bytes[index]) else { return false }
      value = value * 10 + Int(bytes[index] - 0x30)
    }
    return value <= 65535
  }

  /// `reg-name`: unreserved, sub-delims, percent-encoded. RFC 3986 §3.2.2.
  private static func isNameCharacter(_ byte: UInt8) -> Bool {
    if byte &- 0x30 < 10 || (byte | 0x20) &- 0x61 < 26 { return true }
    switch byte {
    case 0x2D, 0x2E, 0x5F, 0x7E: return true  // - . _ ~
    // sub-delims but the comma: with it two Host fields that somebody has joined would look like one.
    case 0x21, 0x24, 0x26, 0x27, 0x28, 0x29, 0x2A, 0x2B, 0x3B, 0x3D: return true
    case 0x25: return true
    default: return false
    }
  }

  private static func isIPLiteral(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
    guard range.count <= 45 else { return false }
    var text = ""
    for index in range { text.unicodeScalars.append(Unicode.Scalar(bytes[index])) }
    guard let address = IPAddress(text) else { return false }
    // Dotted decimal alone is no IPv6 literal; a mapped address is.
    return !address.isV4 || text.contains(":")
  }
}
