internal import Base
internal import HTTP1
internal import Logging
internal import Observe
internal import Reactor

/// Events for the operator, on standard error: few lines, each worth reading.
struct EventLog: LogHandler {
  private let format: LogSettings.Format
  var metadata = Logger.Metadata()
  var logLevel: Logger.Level
  var metadataProvider: Logger.MetadataProvider?

  init(_ settings: LogSettings) {
    format = settings.format
    logLevel = Logger.Level(rawValue: settings.level.rawValue) ?? .info
  }

  static func logger(_ settings: LogSettings) -> Logger {
    Logger(label: "sluice", factory: { _ in EventLog(settings) })
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    var line = ByteBuffer()
    if format == .json { line.append("{\"time\":\"") }
    HTTPDate.appendInternetTime(seconds: WallClock.seconds(), to: &line)
    switch format {
    case .text:
      line.append(text: "Z \(event.level): \(event.message)\n")
    case .json:
      line.append(text: "Z\",\"level\":\"\(event.level)\",\"message\":\"")
      for byte in event.message.description.utf8 {
        switch byte {
        case 0x22: line.append("\\\"")
        case 0x5C: line.append("\\\\")
        case 0x00..<0x20:
          line.append("\\u00")
          if byte < 16 { line.append("0") }
          line.append(hex: Int(byte))
        default: line.append(byte)
        }
      }
      line.append("\"}\n")
    }
    BlockingFile.standardError.write(line.span)
  }
}
