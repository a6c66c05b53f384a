/// One thing that is wrong with the environment, in the words the operator reads.
public struct SettingsError: Hashable, Sendable, CustomStringConvertible {
  public let variable: String
  /// What was found: the whole value, or the one entry of a list that is at fault. Masked if secret;
  /// `nil` if the variable is not set, or not known.
  public let value: String?
  /// What is wrong with it, as a phrase that follows the value.
  public let problem: String
  /// What would have been right. Empty if there is nothing that could be: the name is unknown.
  public let expected: String
  public let example: String

  /// `SLUICE_X: "10" has no unit; expected a duration …, such as 3s`, on one line whatever the value.
  public var description: String {
    var text = "\(variable): "
    if let value { text += Quotation.quoted(value) + " " }
    text += problem
    if !expected.isEmpty { text += "; expected \(expected)" }
    if !example.isEmpty { text += ", such as \(example)" }
    return text
  }
}

/// Everything that is wrong with an environment, in the order of the table of variables.
public struct SettingsErrors: Error, Hashable, Sendable {
  /// Never empty.
  public let errors: [SettingsError]

  init(_ errors: [SettingsError]) {
    precondition(!errors.isEmpty, "no error is no failure")
    self.errors = errors
  }
}
