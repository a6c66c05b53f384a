/// Text of the environment, made fit for one line of a terminal or a log.
enum Quotation {
  /// Longer values are cut: the start of one is enough to find it.
  private static let lengthMax = 200

  /// What stands for a secret, whatever its length.
  static let mask = "********"

  static func quoted(_ text: String) -> String {
    let isLong = text.unicodeScalars.count > lengthMax
    let shown = isLong ? String(String.UnicodeScalarView(text.unicodeScalars.prefix(lengthMax))) : text
    return "\"" + escaped(shown) + (isLong ? "…\"" : "\"")
  }

  /// Controls are spelled out: a value must not move the cursor or forge a second line.
  static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      default:
        if isControl(scalar) {
          result += "\\u{" + String(scalar.value, radix: 16) + "}"
        } else {
          result.unicodeScalars.append(scalar)
        }
      }
    }
    return result
  }

  /// C0, DEL and C1, and the line separators that some terminals obey as well.
  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0...0x1F, 0x7F...0x9F, 0x2028, 0x2029: true
    default: false
    }
  }
}
