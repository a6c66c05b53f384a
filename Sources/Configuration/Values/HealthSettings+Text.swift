internal import Base
internal import Upstream

extension HealthSettings.Check {
  static let expected = "a path that begins with a slash, off or none"

  init(text: String) throws(Refusal) {
    switch text {
    case "off": self = .connect
    case "none": self = .none
    default:
      guard text.hasPrefix("/") else { throw Refusal(text, "is neither a path nor off nor none") }
      // It becomes part of a request line: RFC 9112 §3.2.
      guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x23 }) else {
        throw Refusal(text, "has a character that no request target may have")
      }
      self = .path(text)
    }
  }
}

extension HealthSettings {
  static let expectedStatuses = "a list of statuses and ranges of them, such as 200-399,404"

  /// `200` or `200-399`.
  static func statuses(_ entry: Substring) throws(Refusal) -> ClosedRange<Int> {
    let parts = entry.split(separator: "-", omittingEmptySubsequences: false)
    let numbers = parts.compactMap { part in
      part.count == 3 && part.utf8.allSatisfy(ASCII.isDigit) ? Int(part) : nil
    }
    guard numbers.count == parts.count, (1...2).contains(parts.count) else {
      throw Refusal(entry, "is neither a status nor a range of them")
    }
    guard numbers.allSatisfy({ (200...599).contains($0) }) else {
      throw Refusal(entry, "is not within 200 to 599")
    }
    guard numbers[0] <= numbers[numbers.count - 1] else { throw Refusal(entry, "ends before it begins") }
    return numbers[0]...numbers[numbers.count - 1]
  }
}
