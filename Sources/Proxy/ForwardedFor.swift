internal import Base
internal import HTTP1

/// The list of `X-Forwarded-For`: each proxy appends whom it heard from.
enum ForwardedFor {
  /// The last address that is not itself a trusted proxy's: whoever stands before it is only claimed.
  /// `nil` where the field is absent or something other than an address comes first.
  static func client(
    _ bytes: Span<UInt8>, _ table: borrowing FieldTable, isTrusted: (IPAddress) -> Bool
  ) -> IPAddress? {
    var last: IPAddress?
    for index in stride(from: table.count - 1, through: 0, by: -1) where table[index].name == .xForwardedFor {
      var end = Int(table[index].valueEnd)
      let start = Int(table[index].valueStart)
      while end > start {
        var at = end
        while at > start, bytes[at - 1] != 0x2C { at -= 1 }
        guard let address = address(bytes, at..<end) else { return last }
        if !isTrusted(address) { return address }
        last = address
        end = at - 1
      }
    }
    return last
  }

  private static func address(_ bytes: Span<UInt8>, _ range: Range<Int>) -> IPAddress? {
    var (start, end) = (range.lowerBound, range.upperBound)
    while start < end, bytes[start] == 0x20 || bytes[start] == 0x09 { start += 1 }
    while end > start, bytes[end - 1] == 0x20 || bytes[end - 1] == 0x09 { end -= 1 }
    guard end - start <= 45 else { return nil }
    var text = ""
    for index in start..<end { text.unicodeScalars.append(Unicode.Scalar(bytes[index])) }
    return IPAddress(text)
  }
}
