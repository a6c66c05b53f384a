internal import Base
internal import HTTP1
internal import Routing

/// What holds for the path and the host of every request that is routed: the input is a request head.
struct RoutesCheck {
  /// Of every kind, and nested.
  private static let table: RouteTable? = try? RouteTable([
    (RoutePattern(.any, text: "*"), 0), (RoutePattern(.any, prefix: "/admin", text: "/admin"), 1),
    (RoutePattern(.any, prefix: "/admin/x", text: "/admin/x"), 2),
    (RoutePattern(.exact("a"), prefix: "/admin", text: "a/admin"), 3),
    (RoutePattern(.subdomains(of: "example.com"), text: "*.example.com"), 4),
    (RoutePattern(.exact("::1"), text: "[::1]"), 5),
  ])

  func run(_ bytes: Span<UInt8>) {
    var fields = FieldTable()
    guard case .complete(let head) = RequestHead.parse(bytes, into: &fields, limits: Limits()) else { return }
    var path = ByteBuffer()
    NormalizedPath.append(bytes, head.pathRange, to: &path)
    checkPath(bytes, head.pathRange, path)
    let table = RoutesCheck.table
    require(table != nil)
    let found = table?.find(bytes, host: head.authorityRange, path: path.span)
    // One takes everything.
    require(found != nil)
    if begins(path.span, "/admin"), path.count == 6 || path.span[6] == 0x2F || path.span[6] == 0x3F {
      require(found != 0)
    }
  }

  private func checkPath(_ bytes: Span<UInt8>, _ range: Range<Int>, _ path: borrowing ByteBuffer) {
    let isAsterisk = range.count == 1 && bytes[range.lowerBound] == 0x2A
    require(path.count > 0 && (isAsterisk || path.span[0] == 0x2F))
    // Normalising twice changes nothing more.
    var again = ByteBuffer()
    NormalizedPath.append(path.span, 0..<path.count, to: &again)
    require(equal(path.span, again.span))
    let look = NormalizedPath.look(bytes, range)
    if look == .plain { require(equal(bytes.extracting(range), path.span)) }
    // What is let through means the same after it was brought into its one spelling.
    if look != .treacherous { require(NormalizedPath.look(path.span, 0..<path.count) != .treacherous) }
    var segment = 1
    for index in 1...max(1, path.count)
    where index == path.count || path.span[index] == 0x2F || path.span[index] == 0x3F {
      let length = index - segment
      let isDots = length == 1 && path.span[segment] == 0x2E
      let isParent = length == 2 && path.span[segment] == 0x2E && path.span[segment + 1] == 0x2E
      require(isAsterisk || !isDots && !isParent)
      if index < path.count, path.span[index] == 0x3F { break }
      segment = index + 1
    }
  }

  private func equal(_ left: Span<UInt8>, _ right: Span<UInt8>) -> Bool {
    guard left.count == right.count else { return false }
    for index in 0..<left.count where left[index] != right[index] { return false }
    return true
  }

  private func begins(_ bytes: Span<UInt8>, _ text: StaticString) -> Bool {
    bytes.count >= text.utf8CodeUnitCount
      && ASCII.equals(bytes, 0, text.utf8CodeUnitCount, ignoringCase: text)
      // Paths are compared with their case.
      && (0..<text.utf8CodeUnitCount).allSatisfy { bytes[$0] & 0x20 != 0 || bytes[$0] == 0x2F }
  }
}
