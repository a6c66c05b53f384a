/// What `--help` prints, made from the table of variables.
public enum HelpText {
  static let columns = 100

  public static let text: String = head + "\n" + variables(Variable.all) + tail

  private static let head = """
    sluice \(Version.text): a strict HTTP/1.1 reverse proxy, tuned by environment variables

    Usage: sluice                   run in the foreground until SIGTERM or SIGINT
           sluice --check           say what is wrong with the environment; exit with 0 or 2
           sluice --print-config    show each value in force and where it came from, secrets masked
           sluice healthcheck       ask the running one of this environment whether it is ready: 0 or 1
           sluice --version         show the version
           sluice --help            show this text

    Durations and sizes carry a unit: 250ms, 1.5s, 5m, 1h, 1d; 512B, 64KiB (1024), 10MB (1000000).
    Lists are separated by commas, lists of fields or routes by |; blanks around entries do not count.
    A value that does not fit is an error and so is an unknown name that starts with SLUICE_: nothing
    falls back to a default. All errors are told at once. A secret can stand in a file: SLUICE_X_FILE
    is the path of one that holds SLUICE_X.

    """

  private static let tail = """
    Exit codes
      0  after a clean drain
      1  a failure while running, such as a port in use
      2  an error in the environment or on the command line, before anything listens
      3  the drain took longer than SLUICE_DRAIN_TIMEOUT and connections were cut
    """

  /// One paragraph for each variable under the heading of its group.
  static func variables(_ table: [Variable]) -> String {
    var text = ""
    for group in Variable.Group.allCases {
      let members = table.filter { $0.group == group }
      if members.isEmpty { continue }
      text += group.rawValue + "\n"
      for variable in members {
        text += "  \(variable.name)\n"
        text += wrapped(variable.meaning, indent: 6)
        text += wrapped("Form: \(variable.reading.form). Default: \(variable.defaultText).", indent: 6)
        text += "      Example: \(variable.name)=\(variable.shellExample)\n"
      }
      text += "\n"
    }
    return text
  }

  /// Lines of whole words, at most `columns` wide. A word that is wider has a line for itself.
  static func wrapped(_ text: String, indent: Int) -> String {
    let margin = String(repeating: " ", count: indent)
    var lines: [String] = []
    var line = ""
    for word in text.split(separator: " ") {
      if !line.isEmpty, indent + line.count + 1 + word.count > columns {
        lines.append(line)
        line = ""
      }
      line += (line.isEmpty ? "" : " ") + word
    }
    if !line.isEmpty { lines.append(line) }
    return lines.map { margin + $0 + "\n" }.joined()
  }
}

extension Variable {
  /// The example as a shell takes it: it is there to be copied.
  var shellExample: String {
    let needsQuotes = example.contains { " ;|[]*?$&<>()".contains($0) }
    return needsQuotes ? "'\(example)'" : example
  }
}
