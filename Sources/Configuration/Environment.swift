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
