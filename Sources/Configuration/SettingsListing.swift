/// What `--print-config` prints: each value in force and where it came from.
public enum SettingsListing {
  /// One line for each variable: name, origin, value. The value comes last, as it may be long.
  ///
  /// Only for an environment that was read without an error: what is shown is then what holds.
  public static func text(environment: Environment, cores: Int) -> String {
    text(environment: environment, cores: cores, variables: Variable.all)
  }

  static func text(environment: Environment, cores: Int, variables: [Variable]) -> String {
    let width = variables.map(\.name.count).max() ?? 0
    var text = ""
    for variable in variables {
      let effective = variable.effective(in: environment, cores: cores)
      text += padded(variable.name, to: width) + "  "
      text += padded(effective?.source.rawValue ?? "unset", to: "environment".count) + "  "
      text += shown(effective?.text ?? "", of: variable) + "\n"
    }
    return text
  }

  private static func shown(_ value: String, of variable: Variable) -> String {
    if value.isEmpty { return "none" }
    return variable.isSecret ? Quotation.mask : Quotation.escaped(value)
  }

  private static func padded(_ text: String, to width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }
}
