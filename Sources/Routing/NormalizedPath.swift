public import Base

/// The path of a request target in the one spelling that routes are compared with and origins are sent.
///
/// RFC 3986 §6.2.2: a percent-encoded unreserved character is decoded, the digits of every other escape are
/// in upper case, dot segments are removed (§5.2.4). An encoded dot is a dot, so no spelling of `..` gets
/// past a route. What could mean something else to an origin stays: `//`, `%2F` and `%5C`; what could only be meant
/// to mislead is refused (`Look.treacherous`). The query is left alone. Normalising twice changes nothing more.
public enum NormalizedPath {
  public enum Look: Sendable {
    /// `append` would write `bytes[range]`.
    case plain
    /// `append` writes it otherwise.
    case otherwise
    /// Origins would take it for something else than we do, and nobody means it: see `isTreacherous`.
    case treacherous
  }

  /// What is to be done about the target `bytes[range]`: a scan without a write, `.plain` for almost every request.
  public static func look(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Look {
    guard !range.isEmpty else { return .otherwise }
    let target = bytes.extracting(range)
    guard target[0] == slash else {
      return isAsterisk(target) ? .plain : isTreacherous(target) ? .treacherous : .otherwise
    }
    var at = 1
    while true {
      at = ByteScan.firstOutside(low: plainLow, high: plainHigh, target, from: at)
      guard at < target.count, target[at] != question else { return .plain }
      let isOdd = target[at] != dot || target[at - 1] == slash
      if isOdd { return lookCloser(target) }
      at += 1
    }
  }

  private static func lookCloser(_ target: Span<UInt8>) -> Look {
    if isTreacherous(target) { return .treacherous }
    var at = 1
    while at < target.count, target[at] != question {
      switch target[at] {
      case dot where target[at - 1] == slash:
        let end = segmentEnd(target, from: at, to: target.count)
        if dots(target.extracting(at..<end)) != nil { return .otherwise }
      case percent:
        if let escaped = escape(target, at: at, to: target.count),
          isUnreserved(escaped) || isLowerHex(target[at + 1]) || isLowerHex(target[at + 2])
        {
          return .otherwise
        }
      default: break
      }
      at += 1
    }
    return .plain
  }

  /// Whether the path means one thing here and another to some origin, on purpose only:
  /// - an encoded NUL, where C strings end;
  /// - a bare `\`, which some take for `/`, and `#`, where a path ends that never should have one on the wire
  ///   (RFC 3986 has neither);
  /// - a dot segment that shows once an encoded slash or backslash is decoded (`..%2F`), or a path parameter is cut
  ///   off (`..;a=b/`, as servlet containers do).
  private static func isTreacherous(_ target: Span<UInt8>) -> Bool {
    let end = ByteScan.first(question, in: target, from: 0)
    /// Letters of the segment that are dots; `other` once there is something else.
    var dots = 0
    var isOther = false
    var isParameter = false
    var isEncoded = false
    var at = 0
    while at < end {
      var byte = target[at]
      var width = 1
      if byte == backslash || byte == number { return true }
      if byte == percent, let escaped = escape(target, at: at, to: end) {
        (byte, width) = (escaped, 3)
        if byte == 0 { return true }
      }
      if byte == slash || byte == backslash {
        let endsEncoded = width == 3
        if isDots(dots, isOther), isParameter || isEncoded || endsEncoded { return true }
        (dots, isOther, isParameter, isEncoded) = (0, false, false, endsEncoded)
      } else if byte == semicolon {
        isParameter = true
      } else if !isParameter {
        if byte == dot { dots += 1 } else { isOther = true }
      }
      at += width
    }
    return isDots(dots, isOther) && (isParameter || isEncoded)
  }

  private static func isDots(_ count: Int, _ isOther: Bool) -> Bool { !isOther && (count == 1 || count == 2) }

  /// Appends the normalised path of the target `bytes[range]`, then its query as it is.
  ///
  /// Takes whatever the head parser lets through. A `%` that begins no escape is kept, and next to it an
  /// escape that would complete it: `%%32e` must not turn into `%2e`, which the origin would decode once
  /// more. `*` is kept; no path, as in `http://a?q`, is `/` (RFC 9110 §4.2.3), which is not what it means
  /// for OPTIONS. Cost: linear.
  public static func append(_ bytes: Span<UInt8>, _ range: Range<Int>, to out: inout ByteBuffer) {
    let target = bytes.extracting(range)
    guard !isAsterisk(target) else {
      out.append(target)
      return
    }
    let end = ByteScan.first(question, in: target, from: 0)
    let start = out.count
    var at = end > 0 && target[0] == slash ? 1 : 0
    while true {
      let segment = out.count
      out.append(slash)
      let next = segmentEnd(target, from: at, to: end)
      appendSegment(target.extracting(at..<next), to: &out)
      let found = dots(out.span.extracting((segment + 1)..<out.count))
      if let found {
        out.truncate(to: found == .parent ? lastSegment(out.span, from: start, to: segment) : segment)
      }
      guard next < end else {
        // RFC 3986 §5.2.4: `/a/.` and `/a/b/..` are the directory `/a/`.
        if found != nil { out.append(slash) }
        break
      }
      at = next + 1
    }
    out.append(target, from: end, to: target.count)
  }

  private enum Dots { case current, parent }

  private static func dots(_ segment: Span<UInt8>) -> Dots? {
    switch segment.count {
    case 1 where segment[0] == dot: .current
    case 2 where segment[0] == dot && segment[1] == dot: .parent
    default: nil
    }
  }

  /// Where the `/` of the last segment of `path[from..<to]` stands; `from` if it has none.
  private static func lastSegment(_ path: Span<UInt8>, from: Int, to: Int) -> Int {
    var at = to
    while at > from {
      at -= 1
      if path[at] == slash { break }
    }
    return at
  }

  /// The next `/` or `?` or `to`.
  private static func segmentEnd(_ target: Span<UInt8>, from: Int, to: Int) -> Int {
    var at = from
    while at < to, target[at] != slash, target[at] != question { at += 1 }
    return at
  }

  /// How much of an escape stands at the end of what was written: a `%` that begins none, or that and one
  /// digit. One digit more than there are would make it an escape.
  private enum Fragment { case none, percent, digit }

  private static func appendSegment(_ segment: Span<UInt8>, to out: inout ByteBuffer) {
    var fragment = Fragment.none
    var at = 0
    while at < segment.count {
      let byte = segment[at]
      guard byte == percent else {
        out.append(byte)
        // Two digits cannot follow: then the `%` would have begun an escape.
        fragment = fragment == .percent && ASCII.hexValue(byte) != nil ? .digit : .none
        at += 1
        continue
      }
      guard let escaped = escape(segment, at: at, to: segment.count) else {
        out.append(byte)
        fragment = .percent
        at += 1
        continue
      }
      let completes = fragment != .none && ASCII.hexValue(escaped) != nil
      if isUnreserved(escaped), !completes {
        out.append(escaped)
      } else {
        out.append(byte)
        out.append(upperHex(segment[at + 1]))
        out.append(upperHex(segment[at + 2]))
      }
      fragment = .none
      at += 3
    }
  }

  /// What the escape at `at` stands for; `nil` where two hexadecimal digits do not follow.
  private static func escape(_ bytes: Span<UInt8>, at: Int, to: Int) -> UInt8? {
    guard at + 2 < to, let high = ASCII.hexValue(bytes[at + 1]), let low = ASCII.hexValue(bytes[at + 2])
    else { return nil }
    return high << 4 | low
  }

  /// RFC 3986 §2.3.
  private static func isUnreserved(_ byte: UInt8) -> Bool {
    if ASCII.isDigit(byte) || (byte | 0x20) &- 0x61 < 26 { return true }
    switch byte {
    case UInt8(ascii: "-"), dot, UInt8(ascii: "_"), UInt8(ascii: "~"): return true
    default: return false
    }
  }

  private static func isAsterisk(_ target: Span<UInt8>) -> Bool {
    target.count == 1 && target[0] == UInt8(ascii: "*")
  }

  private static func isLowerHex(_ byte: UInt8) -> Bool { byte &- 0x61 < 6 }
  private static func upperHex(_ byte: UInt8) -> UInt8 { isLowerHex(byte) ? byte & ~0x20 : byte }

  private static let slash = UInt8(ascii: "/")
  private static let dot = UInt8(ascii: ".")
  private static let percent = UInt8(ascii: "%")
  private static let question = UInt8(ascii: "?")

  private static let backslash = UInt8(ascii: "\\")
  private static let number = UInt8(ascii: "#")
  private static let semicolon = UInt8(ascii: ";")

  /// ASCII without `#`, `%`, `.`, `?` and `\`.
  private static let plainLow = ~(1 << 0x23 | 1 << 0x25 | 1 << 0x2E | 1 << 0x3F) as UInt64
  private static let plainHigh = ~(1 << 0x1C) as UInt64
}
