/// The path of a unix-domain socket, written `unix:/path`.
enum UnixPath {
  static let prefix = "unix:"
  /// `sun_path` has 108 bytes on Linux, the last of them NUL.
  private static let bytesMax = 107

  /// - Parameter entry: what a refusal quotes.
  static func parse(_ text: Substring, of entry: Substring) throws(Refusal) -> String {
    // A relative path would name another socket with every directory the process is started in.
    guard text.hasPrefix("/") else { throw Refusal(entry, "has no absolute path after unix:") }
    guard !text.hasPrefix("//") else { throw Refusal(entry, "has more than one slash after unix:") }
    guard !text.hasSuffix("/") else { throw Refusal(entry, "ends with a slash, so it is no socket") }
    guard text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
      throw Refusal(entry, "has a control character in its path")
    }
    guard text.utf8.count <= bytesMax else {
      throw Refusal(entry, "has a path of more than \(bytesMax) bytes, the most that a socket can have")
    }
    return String(text)
  }
}
