internal import Base

/// Names as resolvers take them: RFC 1123 §2.1, and `_`, which container networks use freely.
enum HostName {
  private static let lengthMax = 253
  private static let labelLengthMax = 63

  /// What is wrong with `name` as a phrase, or `nil`. One dot at the end is allowed: an absolute name.
  static func problem(with name: Substring) -> String? {
    let relative = name.hasSuffix(".") ? name.dropLast() : name
    guard relative.utf8.count <= lengthMax else {
      return "has a host name of more than \(lengthMax) characters"
    }
    let labels = relative.split(separator: ".", omittingEmptySubsequences: false)
    for label in labels {
      guard !label.isEmpty else { return "has a host name with an empty part between its dots" }
      guard label.utf8.allSatisfy(isNameByte) else {
        return "has a host name with other characters than letters, digits, '-', '_' and '.'"
      }
      guard label.utf8.count <= labelLengthMax else {
        return "has a host name with a part of more than \(labelLengthMax) characters"
      }
      guard label.utf8.first != 0x2D, label.utf8.last != 0x2D else {
        return "has a host name with a part that starts or ends with '-'"
      }
    }
    // `127.1`, `010.0.0.1` and `0x7f000001` are addresses to some resolvers and names to others. A name
    // whose last part is a number exists nowhere, so whoever writes one means an address.
    if let last = labels.last, isNumber(last) { return "has a host that is no valid IPv4 address" }
    return nil
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    ASCII.isDigit(byte) || ASCII.lowercased(byte) &- 0x61 < 26 || byte == 0x2D || byte == 0x5F
  }

  private static func isNumber(_ label: Substring) -> Bool {
    if label.utf8.allSatisfy(ASCII.isDigit) { return true }
    guard label.hasPrefix("0x") || label.hasPrefix("0X") else { return false }
    return label.utf8.dropFirst(2).allSatisfy { ASCII.hexValue($0) != nil }
  }
}
