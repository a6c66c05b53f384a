internal import Base
internal import Cache
internal import HTTP1
internal import Routing

/// `PURGE /path` with the Host that clients ask for: removes what is stored of it.
///
/// A path that ends with `*` stands for all that begin so. With `Cache-Groups` (RFC 9875) the path counts for
/// nothing, and all responses of those groups are removed.
enum Purge {
  static func isMethod(_ bytes: Span<UInt8>, _ head: RequestHead) -> Bool {
    let range = head.methodRange
    return ASCII.equals(bytes, range.lowerBound, range.upperBound, ignoringCase: "purge")
  }

  /// Says what was done, as JSON. `nil` where the request does not say what to do.
  static func run(
    _ bytes: Span<UInt8>, _ head: RequestHead, _ table: borrowing FieldTable, in cache: CacheStore,
    now: Instant
  ) -> String? {
    guard let authority = head.authorityRange else { return nil }
    if table.contains(.cacheGroups) {
      let groups = CacheGroups.read(bytes, table, .cacheGroups, authority: bytes.extracting(authority))
      guard !groups.isEmpty else { return nil }
      cache.invalidate(groups: groups, now: now)
      return "{\"groups\":\(groups.count)}\n"
    }
    var key = authority.map { ASCII.lowercased(bytes[$0]) } + [0]
    // In the one spelling that keys have.
    let target = head.pathRange
    let isPrefix = !target.isEmpty && bytes[target.upperBound - 1] == UInt8(ascii: "*")
    var path = ByteBuffer()
    NormalizedPath.append(bytes, isPrefix ? target.dropLast() : target, to: &path)
    key += path.array()
    let wanted = key
    let count = cache.purge(now: now) { stored in
      guard stored.starts(with: wanted) else { return false }
      // Behind a zero byte stands what a trusted proxy said that the client had asked for.
      return isPrefix || stored.count == wanted.count || stored[wanted.count] == 0
    }
    return "{\"purged\":\(count)}\n"
  }
}
