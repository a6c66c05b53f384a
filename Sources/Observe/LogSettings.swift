/// Where the logs go and what they look like.
public struct LogSettings: Hashable, Sendable {
  public enum Level: String, CaseIterable, Sendable {
    case trace, debug, info, notice, warning, error, critical
  }
  public enum Format: String, CaseIterable, Sendable { case text, json }
  public enum AccessLog: Hashable, Sendable {
    case off
    /// Standard output.
    case on
    case file(path: String)
  }

  public var level = Level.info
  public var format = Format.text
  public var accessLog = AccessLog.on

  public init() {}
}
