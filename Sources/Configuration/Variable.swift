/// One environment variable: what it is called, how it reads, and all that is ever said of it.
///
/// `Variable.all` is the only list of them. Parsing, `--help`, `--print-config` and the look for a
/// misspelt name all walk that table, so none can know a variable that another does not.
public struct Variable: Sendable {
  /// The headings of `--help`, in their order.
  enum Group: String, CaseIterable, Sendable {
    case listening = "Listening"
    case tls = "TLS"
    case clients = "Clients"
    case origins = "Origins"
    case endpoints = "Endpoints"
    case forwarding = "Forwarding"
    case caching = "Caching"
    case async = "Asynchronous requests"
    case timeouts = "Timeouts"
    case limits = "Limits"
    case logging = "Logging"
    case administration = "Administration"
    case running = "Running"
  }

  /// What holds where the variable is not set.
  enum Default: Hashable, Sendable {
    /// Read like a value from the environment, so that the table cannot promise what the code does not
    /// do. An empty text stands for none.
    case text(String)
    /// There is none: the variable must be set, unless one of those others is set to something.
    case required(unless: [String])
    /// One for each core, up to `workersMax`.
    case cores
    /// All IPv4 addresses with the port that `PORT` names, as platforms that run containers set it;
    /// else the text.
    case port(otherwise: String)
    /// 200-399 where a path was chosen to ask for, 200-499 where not: an application without a page at
    /// the path of the default is alive all the same.
    case healthStatuses
  }

  /// Where a value came from, as `--print-config` says it.
  enum Source: String, Sendable {
    case environment, standard = "default", port = "PORT"
  }

  static let prefix = "SLUICE_"
  static let workersMax = 1024

  let name: String
  let group: Group
  let standard: Default
  let example: String
  /// Values are masked wherever they are shown. A reading of a secret never quotes it in a refusal.
  let isSecret: Bool
  /// Full sentences, wrapped by whoever shows them.
  let meaning: String
  let reading: Reading

  init(
    _ name: String, _ group: Group, default standard: Default, example: String, isSecret: Bool = false,
    _ meaning: String, _ reading: Reading
  ) {
    precondition(name.hasPrefix(Variable.prefix))
    self.name = name
    self.group = group
    self.standard = standard
    self.example = example
    self.isSecret = isSecret
    self.meaning = meaning
    self.reading = reading
  }
}

extension Variable {
  /// The text in force and where it came from. `nil` where the variable is not set and has no default.
  func effective(in environment: Environment, cores: Int) -> (text: String, source: Source)? {
    if let text = environment[name] { return (text, .environment) }
    switch standard {
    case .required: return nil
    case .text(let text): return (text, .standard)
    case .healthStatuses:
      return (environment["SLUICE_HEALTH_PATH"] == nil ? "200-499" : "200-399", .standard)
    case .cores: return (String(min(cores, Variable.workersMax)), .standard)
    case .port(let otherwise):
      guard let port = environment["PORT"] else { return (otherwise, .standard) }
      return ("0.0.0.0:" + port, .port)
    }
  }

  /// Reads the variable into `settings`, or says what is wrong with it.
  func apply(to settings: inout Settings, from environment: Environment, cores: Int) -> [SettingsError] {
    guard let (text, source) = effective(in: environment, cores: cores) else {
      return isMissing(in: environment) ? [error(nil, "is not set")] : []
    }
    if source == .port, let refusal = HostAndPort.refusalOfPort(environment["PORT"] ?? "") {
      return [
        SettingsError(
          variable: "PORT", value: refusal.part, problem: refusal.problem,
          expected: "a port from 1 to 65535, which counts because \(name) is not set", example: "8080")
      ]
    }
    if text.isEmpty, source == .environment, !reading.acceptsEmpty {
      return [error("", "is empty: leave the variable unset for the default")]
    }
    // What the environment held was repaired where it was no UTF-8; what was meant is unknown.
    if text.unicodeScalars.contains("\u{FFFD}") { return [error(text, "is not valid UTF-8")] }
    let refusals = reading.apply(text, &settings)
    precondition(refusals.isEmpty || source == .environment, "the default of \(name) does not read")
    return refusals.map { error($0.part, $0.problem) }
  }

  private func isMissing(in environment: Environment) -> Bool {
    guard environment[name] == nil, case .required(let others) = standard else { return false }
    return others.allSatisfy { environment[$0]?.isEmpty ?? true }
  }

  /// What `--help` says holds where the variable is not set.
  var defaultText: String {
    switch standard {
    case .text(let text): text.isEmpty ? "none" : text
    case .required(let others): "none; it must be set unless \(others.joined(separator: " or ")) is"
    case .cores: "the number of cores"
    case .healthStatuses: "200-399 where SLUICE_HEALTH_PATH is set, 200-499 where not"
    case .port(let otherwise): "\(otherwise), or 0.0.0.0:$PORT where PORT is set"
    }
  }

  private func error(_ part: String?, _ problem: String) -> SettingsError {
    SettingsError(
      variable: name, value: isSecret && part != nil ? Quotation.mask : part, problem: problem,
      expected: reading.expected, example: example)
  }
}
