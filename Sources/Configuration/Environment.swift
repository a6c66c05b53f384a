/// The environment of a process as a value: this room never reads the real one.
public struct Environment: Sendable, ExpressibleByDictionaryLiteral {
  private var values: [String: String]

  public init(_ values: [String: String]) { self.values = values }

  public init(dictionaryLiteral pairs: (String, String)...) {
    values = Dictionary(pairs) { first, _ in first }
  }

  /// Takes entries of the form `NAME=value`. Of several with one name the first counts, as in
  /// `getenv(3)`; what has no `=` is no variable and is passed over.
  public init(entries: some Sequence<String>) {
    values = [:]
    for entry in entries {
      guard let equals = entry.firstIndex(of: "=") else { continue }
      let name = String(entry[..<equals])
      if values[name] == nil { values[name] = String(entry[entry.index(after: equals)...]) }
    }
  }

  /// `nil` where the variable is not set. One that is set to nothing is `""`.
  public subscript(name: String) -> String? { values[name] }

  /// All names, sorted, so that errors come in the same order every time.
  var names: [String] { values.keys.sorted() }
}

extension Environment {
  /// Puts the content of files in the place of secrets: `SLUICE_X_FILE` stands for `SLUICE_X`.
  /// - Parameter read: the content of a file, `nil` where it cannot be read.
  public func readingSecretFiles(_ read: (String) -> String?) -> (
    environment: Environment, errors: [SettingsError]
  ) {
    var result = self
    var errors: [SettingsError] = []
    for variable in Variable.all where variable.isSecret {
      let name = variable.name + "_FILE"
      guard let path = values[name] else { continue }
      result.values[name] = nil
      func refuse(_ problem: String) {
        errors.append(
          SettingsError(
            variable: name, value: path, problem: problem, expected: "a file that holds \(variable.name)",
            example: "/run/secrets/name"))
      }
      guard values[variable.name] == nil else {
        refuse("is set beside \(variable.name)")
        continue
      }
      guard let text = read(path) else {
        refuse("cannot be read")
        continue
      }
      // Editors and echo end files with a line feed that is not meant.
      result.values[variable.name] = String(text.prefix { $0 != "\n" && $0 != "\r\n" })
    }
    return (result, errors)
  }
}
