internal import Observe

extension LogSettings.AccessLog {
  static let expected = "on, off or the path of a file"

  /// Reads `on`, `off` or a path. A path has a slash in it: otherwise `of` or `true` would quietly become
  /// files of that name.
  init(text: String) throws(Refusal) {
    switch text {
    case "on": self = .on
    case "off": self = .off
    default:
      guard text.contains("/") else {
        throw Refusal(text, "is neither on nor off nor a path (a file right here is written ./NAME)")
      }
      guard !text.hasSuffix("/") else { throw Refusal(text, "ends with a slash, so it is no file") }
      guard text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
        throw Refusal(text, "has a control character in its path")
      }
      self = .file(path: text)
    }
  }
}
