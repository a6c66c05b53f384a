internal import Base
internal import Proxy

extension FieldSetting {
  static let expectedList = "Name: value | Name: value, where an empty value removes the field"

  enum Direction: Sendable { case request, response }

  /// Fields that say where a message ends: setting one would part us from the peer that reads it.
  private static let framing: Set<String> = ["content-length", "transfer-encoding"]
  /// Fields that speak about one connection and are ours to write. RFC 9110 §7.6.1.
  private static let connectionScoped: Set<String> = [
    "connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade", "http2-settings",
  ]

  /// Reads `Name: value`. The value may be empty, which stands for "remove".
  init(field entry: Substring, of direction: Direction) throws(Refusal) {
    guard let colon = entry.firstIndex(of: ":") else { throw Refusal(entry, "has no colon") }
    let name = entry[..<colon]
    guard !name.isEmpty, name.utf8.allSatisfy(FieldSetting.isTokenByte) else {
      throw Refusal(entry, "has a field name that is not a token (RFC 9110 §5.6.2)")
    }
    let value = entry[entry.index(after: colon)...].withoutBlanks
    // Tab alone of all controls may stand in a value. RFC 9110 §5.5.
    guard value.utf8.allSatisfy({ $0 == 0x09 || ($0 >= 0x20 && $0 != 0x7F) }) else {
      throw Refusal(entry, "has a control character in its value")
    }
    let folded = name.lowercased()
    if FieldSetting.framing.contains(folded) {
      throw Refusal(entry, "names a field that frames the message, which only Sluice can write")
    }
    if FieldSetting.connectionScoped.contains(folded) {
      throw Refusal(entry, "names a field that belongs to one connection, which only Sluice can write")
    }
    if folded == "host", direction == .request { throw Refusal(entry, "is what SLUICE_HOST_HEADER is for") }
    self.init(name: String(name), value: String(value))
  }

  /// `tchar`, RFC 9110 §5.6.2.
  static func isTokenByte(_ byte: UInt8) -> Bool {
    if ASCII.isDigit(byte) || ASCII.lowercased(byte) &- 0x61 < 26 { return true }
    return "!#$%&'*+-.^_`|~".utf8.contains(byte)
  }
}
