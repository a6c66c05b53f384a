import Configuration
import Observe
import Testing

@Suite("Logging") struct LoggingTests {
  @Test(arguments: LogSettings.Level.allCases)
  func `every level has its word`(level: LogSettings.Level) throws {
    #expect(try settings(["SLUICE_LOG_LEVEL": level.rawValue]).log.level == level)
  }

  @Test(arguments: ["warn", "INFO", "5", ""])
  func `other words are no levels, and the error lists those that are`(text: String) throws {
    let error = try #require(errors(of: "SLUICE_LOG_LEVEL", text).first)
    #expect(error.expected == "trace, debug, info, notice, warning, error or critical")
  }

  @Test func `the format is text or json`() throws {
    #expect(try settings(["SLUICE_LOG_FORMAT": "json"]).log.format == .json)
    #expect(errors(of: "SLUICE_LOG_FORMAT", "JSON").count == 1)
  }

  @Test(arguments: [
    ("on", LogSettings.AccessLog.on), ("off", .off), ("/var/log/a.log", .file(path: "/var/log/a.log")),
    ("./a.log", .file(path: "./a.log")), ("/dev/stderr", .file(path: "/dev/stderr")),
  ])
  func `the access log is on, off or a file`(text: String, accessLog: LogSettings.AccessLog) throws {
    #expect(try settings(["SLUICE_ACCESS_LOG": text]).log.accessLog == accessLog)
  }

  @Test(arguments: ["of", "true", "stdout", "access.log", "/var/log/", "", "/a\nb"])
  func `a misspelt switch never becomes a file`(text: String) {
    #expect(errors(of: "SLUICE_ACCESS_LOG", text).map(\.variable) == ["SLUICE_ACCESS_LOG"])
  }
}
