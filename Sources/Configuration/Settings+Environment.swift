internal import Delivery
internal import Observe
internal import Reactor
internal import Upstream

extension Settings {
  /// Reads every setting, without looking at anything but the arguments.
  ///
  /// - Parameter cores: the default of `SLUICE_WORKERS`. At least 1.
  /// - Throws: everything that is wrong, not just the first: whoever starts a program wants to mend the
  ///   environment once.
  public init(environment: Environment, cores: Int) throws(SettingsErrors) {
    try self.init(environment: environment, cores: cores, variables: Variable.all)
  }

  init(environment: Environment, cores: Int, variables: [Variable]) throws(SettingsErrors) {
    precondition(cores > 0)
    var settings = Settings(listen: [], upstream: UpstreamSettings(origins: []))
    var errors: [SettingsError] = []
    for variable in variables {
      errors += variable.apply(to: &settings, from: environment, cores: cores)
    }
    errors += settings.pairCertificates()
    settings.joinDelivery()
    errors += Settings.unknownNames(in: environment, variables: variables)
    guard errors.isEmpty else { throw SettingsErrors(errors) }
    self = settings
  }

  /// Names with our prefix that nobody reads. Each is a typing error that would otherwise leave a default
  /// in force without a word. The prefix counts in any case: `Sluice_Listen` is one, too.
  private static func unknownNames(in environment: Environment, variables: [Variable]) -> [SettingsError] {
    let known = variables.map(\.name)
    return environment.names.compactMap { name in
      guard name.uppercased().hasPrefix(Variable.prefix), !known.contains(name) else { return nil }
      if ServiceLinks.contains(name, value: environment[name] ?? "") { return nil }
      let nearest = EditDistance.nearest(to: name.uppercased(), among: known) ?? "none"
      return SettingsError(
        variable: Quotation.escaped(name), value: nil,
        problem: "is not a variable of Sluice; the nearest name is \(nearest)", expected: "", example: "")
    }
  }
}

extension Settings {
  /// What asynchronous requests share with the rest.
  private mutating func joinDelivery() {
    // Without upstreams only they are taken.
    if !hasUpstreams, delivery.listen != nil { (listen, tlsListen) = ([], []) }
    delivery.destinations.ownListeners =
      listen + tlsListen + [delivery.listen, adminListen].compactMap { $0 }
    delivery.authorities = upstream.authorities
    delivery.drainTimeout = drainTimeout
    delivery.version = Version.text
    delivery.logsJSON = log.format == .json
  }
}

extension Settings {
  /// The essence in one line, for `--check`.
  public var summary: String {
    let all = listen + [delivery.listen].compactMap { $0 }
    let listeners = all.map(\.description).joined(separator: ", ")
    func count(_ count: Int, _ noun: String) -> String { count == 1 ? "1 \(noun)" : "\(count) \(noun)s" }
    let origins = routes.reduce(upstream.origins.count) { $0 + $1.origins.count }
    let targets = (routes.isEmpty ? "" : count(routes.count, "route") + ", ") + count(origins, "origin")
    return "listening on \(listeners); \(targets); \(count(workers, "worker"))"
  }
}
