internal import Base
internal import Glibc
internal import LoadEngine
internal import Reactor

/// What a person sees: a line that is written over in a terminal, a line a second elsewhere.
final class Output {
  private let isTerminal: Bool
  private let isQuiet: Bool
  /// Whether only ASCII can be shown.
  let isPlain: Bool
  private var hasLine = false

  init(isQuiet: Bool) {
    self.isQuiet = isQuiet
    isTerminal = isatty(STDERR_FILENO) == 1
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].lazy.compactMap { Output.variable($0) }.first { !$0.isEmpty }
    isPlain = locale.map { !$0.lowercased().contains("utf") } ?? false
  }

  private static func variable(_ name: String) -> String? {
    guard let value = unsafe getenv(name) else { return nil }
    return unsafe String(cString: value)
  }

  var interval: Interval { isTerminal ? .milliseconds(250) : .seconds(1) }

  func show(_ progress: LoadProgress) {
    guard !isQuiet else { return }
    let text = ReportText.progress(progress)
    // Back to the front of the line, and what was longer before is wiped out.
    Output.write(isTerminal ? "\r\(text)\u{1B}[K" : text + "\n", to: .standardError)
    hasLine = isTerminal
  }

  /// Wipes out the line.
  func clear() {
    if hasLine { Output.write("\r\u{1B}[K", to: .standardError) }
    hasLine = false
  }

  func write(_ text: String) { Output.write(text, to: .standardOutput) }
  func complain(_ text: String) { Output.write("loadtest: \(text)\n", to: .standardError) }

  static func write(_ text: String, to file: BlockingFile) { file.write(Array(text.utf8).span) }
}
