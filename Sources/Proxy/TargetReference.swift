internal import Base
internal import Routing

/// What another URI names, seen from a request. RFC 3986 §5.2.
enum TargetReference {
  /// Behind the path in the key of what was asked for over TLS: origins may answer otherwise there.
  static let securedMark: StaticString = "\0https"

  static func isSecured(_ key: [UInt8]) -> Bool { isSecured(key.span) }

  /// Whether a key has the mark.
  static func isSecured(_ key: Span<UInt8>) -> Bool {
    let authorityEnd = ByteScan.first(0, in: key, from: 0)
    let pathEnd = ByteScan.first(0, in: key, from: min(authorityEnd + 1, key.count))
    let end = pathEnd + 6
    return end <= key.count && ASCII.equals(key, pathEnd + 1, end, ignoringCase: "https")
      && (end == key.count || key[end] == 0)
  }

  /// The cache key of `reference`; `nil` where it leads to another authority.
  /// - Parameter base: the key of the request: authority, a zero byte, path and query.
  static func key(_ reference: Span<UInt8>, base: Span<UInt8>) -> ByteBuffer? {
    let authorityEnd = ByteScan.first(0, in: base, from: 0)
    var end = ByteScan.first(UInt8(ascii: "#"), in: reference, from: 0)
    var at = 0
    if end >= 7, ASCII.equals(reference, 0, 7, ignoringCase: "http://") { at = 5 }
    if end >= 8, ASCII.equals(reference, 0, 8, ignoringCase: "https://") { at = 6 }
    if at == 0, hasScheme(reference, end) { return nil }
    if at + 2 <= end, reference[at] == UInt8(ascii: "/"), reference[at + 1] == UInt8(ascii: "/") {
      at += 2
      let start = at
      while at < end, reference[at] != UInt8(ascii: "/"), reference[at] != UInt8(ascii: "?") { at += 1 }
      guard ASCII.equals(reference, start..<at, base, 0..<authorityEnd) else { return nil }
    }
    var target = ByteBuffer()
    if at == end {
      target.append(UInt8(ascii: "/"))
    } else {
      appendBase(base, from: authorityEnd + 1, before: reference[at], to: &target)
      // Nobody needs a path longer than that, and what follows is linear in it.
      end = min(end, at + 8192)
      target.append(reference, from: at, to: end)
    }
    var key = ByteBuffer()
    key.append(base, from: 0, to: authorityEnd + 1)
    NormalizedPath.append(target.span, 0..<target.count, to: &key)
    if isSecured(base) { key.append(securedMark) }
    return key
  }

  private static func hasScheme(_ reference: Span<UInt8>, _ end: Int) -> Bool {
    for index in 0..<end {
      switch reference[index] {
      case UInt8(ascii: ":"): return index > 0
      case UInt8(ascii: "/"), UInt8(ascii: "?"): return false
      default: continue
      }
    }
    return false
  }

  /// What of the base's path stands before a reference that begins with `first`.
  private static func appendBase(
    _ base: Span<UInt8>, from: Int, before first: UInt8, to target: inout ByteBuffer
  ) {
    if first == UInt8(ascii: "/") { return }
    var end = from
    var lastSlash = from
    while end < base.count, base[end] != UInt8(ascii: "?"), base[end] != 0 {
      if base[end] == UInt8(ascii: "/") { lastSlash = end }
      end += 1
    }
    target.append(base, from: from, to: first == UInt8(ascii: "?") ? end : min(lastSlash + 1, base.count))
  }
}
