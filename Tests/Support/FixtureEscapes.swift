internal import Base

/// The notation in which fixtures write bytes that are not visible ASCII.
///
/// `\r` `\n` `\t` `\0` `\\`, `\xHH` for any byte, and `\{TEXT*COUNT}` for `TEXT` (escapes in it are
/// decoded too, it has no `}`) as many times over.
public enum FixtureEscapes {
  /// A table names inputs of some 50 KB; a slip in a count must not fill the memory.
  private static let repeatedBytesMax = 1024 * 1024

  /// The bytes that `text` stands for. `nil` if an escape is malformed.
  public static func decode(_ text: [UInt8]) -> [UInt8]? {
    var bytes: [UInt8] = []
    var rest = text[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "\\") else {
        bytes.append(byte)
        continue
      }
      guard let kind = rest.popFirst() else { return nil }
      switch kind {
      case UInt8(ascii: "r"): bytes.append(0x0D)
      case UInt8(ascii: "n"): bytes.append(0x0A)
      case UInt8(ascii: "t"): bytes.append(0x09)
      case UInt8(ascii: "0"): bytes.append(0x00)
      case UInt8(ascii: "\\"): bytes.append(kind)
      case UInt8(ascii: "x"):
        guard let high = rest.popFirst().flatMap(ASCII.hexValue),
          let low = rest.popFirst().flatMap(ASCII.hexValue)
        else { return nil }
        bytes.append(high << 4 | low)
      case UInt8(ascii: "{"):
        guard let end = rest.firstIndex(of: UInt8(ascii: "}")), let run = repeated(rest[..<end]) else {
          return nil
        }
        bytes += run
        rest = rest[(end + 1)...]
      default: return nil
      }
    }
    return bytes
  }

  /// `TEXT*COUNT`
  private static func repeated(_ text: ArraySlice<UInt8>) -> [UInt8]? {
    guard let star = text.lastIndex(of: UInt8(ascii: "*")), let unit = decode(Array(text[..<star])),
      let count = Int(String(decoding: text[(star + 1)...], as: UTF8.self)), count >= 0,
      count <= repeatedBytesMax / max(unit.count, 1)
    else { return nil }
    return Array(repeatElement(unit, count: count).joined())
  }

  /// `bytes` in this notation, for messages: all but visible ASCII and spaces escaped, nothing repeated.
  public static func encode(_ bytes: some Sequence<UInt8>) -> String {
    var text = ""
    for byte in bytes {
      switch byte {
      case 0x0D: text += "\\r"
      case 0x0A: text += "\\n"
      case 0x09: text += "\\t"
      case 0x5C: text += "\\\\"
      case 0x20..<0x7F: text.unicodeScalars.append(Unicode.Scalar(byte))
      default: text += byte < 16 ? "\\x0\(String(byte, radix: 16))" : "\\x\(String(byte, radix: 16))"
      }
    }
    return text
  }
}
