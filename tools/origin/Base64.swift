internal import Base

/// Base64 with padding. RFC 4648 §4.
enum Base64 {
  private static let alphabet: StaticString =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

  static func encode(_ bytes: [UInt8]) -> [UInt8] {
    let letters = alphabet.bytes
    var text: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: 3) {
      var group = 0
      for index in start..<(start + 3) { group = group << 8 | (index < bytes.count ? Int(bytes[index]) : 0) }
      for index in 0..<4 {
        let isPadding = start + index > bytes.count
        text.append(isPadding ? UInt8(ascii: "=") : letters[group >> (18 - 6 * index) & 0x3F])
      }
    }
    return text
  }

  /// Whether `text` is base64 of exactly sixteen bytes, as a `Sec-WebSocket-Key` must be.
  static func isKey(_ text: [UInt8]) -> Bool {
    let letters = alphabet.bytes
    guard text.count == 24, text[22] == UInt8(ascii: "="), text[23] == UInt8(ascii: "=") else { return false }
    return text[..<22].allSatisfy { ByteScan.first($0, in: letters, from: 0) < letters.count }
  }
}
