internal import Base
internal import HTTP1

/// Whom a request is from, as proxies before us say it: the list of `X-Forwarded-For`, or that of `Forwarded`
/// (RFC 7239) where there is none. Each proxy appends whom it heard from.
enum ForwardedFor {
  /// The last address that is not itself a trusted proxy's: whoever stands before it is only claimed.
  /// `nil` where neither field is there or something other than an address comes first.
  static func client(
    _ bytes: Span<UInt8>, _ table: borrowing FieldTable, isTrusted: (IPAddress) -> Bool
  ) -> IPAddress? {
    let listed = table.contains(.xForwardedFor)
    let name = listed ? FieldName.xForwardedFor : .forwarded
    guard table.contains(name) else { return nil }
    var last: IPAddress?
    for index in stride(from: table.count - 1, through: 0, by: -1) where table[index].name == name {
      let field = table[index].valueRange
      var end = field.upperBound
      while end > field.lowerBound {
        let start = elementStart(bytes, field.lowerBound..<end, quoted: !listed)
        let element = start..<end
        guard let address = listed ? address(bytes, element) : forwardedAddress(bytes, element) else {
          return last
        }
        if !isTrusted(address) { return address }
        last = address
        end = start - 1
      }
    }
    return last
  }

  /// Where the last element begins. A quoted string holds no comma that parts elements; read from the end, it is
  /// known by the quote that closes it.
  private static func elementStart(_ bytes: Span<UInt8>, _ range: Range<Int>, quoted: Bool) -> Int {
    var at = range.upperBound
    var isInside = false
    while at > range.lowerBound {
      let byte = bytes[at - 1]
      if quoted, byte == 0x22 {
        // One that a backslash precedes is part of the string.
        let isEscaped = at - 2 >= range.lowerBound && bytes[at - 2] == 0x5C
        if !isEscaped { isInside.toggle() }
      }
      if byte == 0x2C, !isInside { break }
      at -= 1
    }
    return at
  }

  /// The `for` of one element: `for=192.0.2.43;proto=http` or `for="[2001:db8::1]:4711"`.
  private static func forwardedAddress(_ bytes: Span<UInt8>, _ range: Range<Int>) -> IPAddress? {
    var at = range.lowerBound
    while at < range.upperBound {
      while at < range.upperBound, isBlank(bytes[at]) || bytes[at] == 0x3B { at += 1 }
      var end = at
      var isInside = false
      while end < range.upperBound, isInside || bytes[end] != 0x3B {
        if bytes[end] == 0x22 { isInside.toggle() }
        end += 1
      }
      if end - at > 4, ASCII.equals(bytes, at, at + 4, ignoringCase: "for=") {
        var (from, to) = (at + 4, end)
        while to > from, isBlank(bytes[to - 1]) { to -= 1 }
        if to - from >= 2, bytes[from] == 0x22, bytes[to - 1] == 0x22 { (from, to) = (from + 1, to - 1) }
        return address(bytes, from..<to)
      }
      at = end
    }
    return nil
  }

  private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

  /// An address as lists have it: bare, in brackets, and with a port, which some proxies append.
  private static func address(_ bytes: Span<UInt8>, _ range: Range<Int>) -> IPAddress? {
    var (start, end) = (range.lowerBound, range.upperBound)
    while start < end, isBlank(bytes[start]) { start += 1 }
    while end > start, isBlank(bytes[end - 1]) { end -= 1 }
    guard start < end else { return nil }
    if bytes[start] == 0x5B {
      var close = start
      while close < end, bytes[close] != 0x5D { close += 1 }
      guard close < end, close + 1 == end || bytes[close + 1] == 0x3A else { return nil }
      return IPAddress(bytes, (start + 1)..<close)
    }
    // One colon alone parts a port from IPv4.
    var colons = 0
    var colon = end
    for index in start..<end where bytes[index] == 0x3A {
      colons += 1
      colon = index
    }
    return IPAddress(bytes, start..<(colons == 1 ? colon : end))
  }
}
