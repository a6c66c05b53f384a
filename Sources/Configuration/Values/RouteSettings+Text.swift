internal import Routing
internal import Upstream

extension Reading {
  /// Routes, whose patterns must differ from each other and from what SLUICE_UPSTREAMS stands for.
  static let routes = Reading(
    form: "list of routes", expected: RouteSettings.expectedList, acceptsEmpty: true
  ) {
    text, settings in
    guard !text.isEmpty else {
      settings.routes = []
      return []
    }
    let (routes, refusals) = RouteSettings.parse(text, hasDefault: !settings.upstream.origins.isEmpty)
    if refusals.isEmpty { settings.routes = routes }
    return refusals
  }
}

extension RouteSettings {
  static let expectedList =
    "PATTERN=ORIGINS | PATTERN=ORIGINS, where a pattern is HOST, HOST/PREFIX, /PREFIX or *, HOST may be "
    + "*.DOMAIN, and the origins are as in SLUICE_UPSTREAMS"

  /// Reads routes apart by `|`, each a pattern, `=` and a list of origins.
  ///
  /// - Parameter hasDefault: whether there are origins already for what no route takes.
  /// - Returns: all routes that were read, and all that is wrong with the others.
  static func parse(_ text: String, hasDefault: Bool) -> (routes: [RouteSettings], refusals: [Refusal]) {
    var routes: [RouteSettings] = []
    var refusals: [Refusal] = []
    var patterns: Set<RoutePattern> = []
    for part in text.split(separator: "|", omittingEmptySubsequences: false) {
      do throws(Refusal) {
        let (pattern, list) = try split(part.withoutBlanks, of: text)
        let origins = readOrigins(list, of: pattern)
        // Before the pattern can be refused, so that all is told.
        refusals += origins.refusals
        let route = try RoutePattern(pattern: pattern)
        let (isNew, first) = patterns.insert(route)
        guard isNew else {
          throw Refusal(pattern, "takes the same requests as \(Quotation.quoted(first.text))")
        }
        if hasDefault, route == .everything {
          throw Refusal(pattern, "takes the same requests as SLUICE_UPSTREAMS, which is set as well")
        }
        if origins.refusals.isEmpty { routes.append(RouteSettings(route, origins: origins.elements)) }
      } catch {
        // Several empty entries are one mistake.
        if !refusals.contains(error) { refusals.append(error) }
      }
    }
    return (routes, refusals)
  }

  private static func split(
    _ entry: Substring, of text: String
  ) throws(Refusal) -> (pattern: Substring, origins: Substring) {
    guard !entry.isEmpty else { throw Refusal(text, "has an empty entry") }
    guard let equals = entry.firstIndex(of: "=") else {
      throw Refusal(masked(entry), "has no = between a pattern and its origins")
    }
    let pattern = entry[..<equals].withoutBlanks
    guard !pattern.isEmpty else { throw Refusal(masked(entry), "has no pattern before the =") }
    // Asked first: where the pattern was forgotten, this may be the first half of a password.
    guard !pattern.contains("://") else {
      throw Refusal(masked(entry), "has a URL for a pattern, which is a host and the start of a path alone")
    }
    return (pattern, entry[entry.index(after: equals)...].withoutBlanks)
  }

  /// A refusal names the route beside the origin, as the same origin may stand in several.
  private static func readOrigins(
    _ text: Substring, of pattern: Substring
  ) -> (elements: [OriginSettings], refusals: [Refusal]) {
    guard !text.isEmpty else { return ([], [Refusal("\(masked(pattern))=", "has no origins after the =")]) }
    let (origins, refusals) = Reading.elements(
      of: String(text), identity: \.identity, twice: OriginSettings.twice
    ) { entry throws(Refusal) in try OriginSettings(origin: entry) }
    return (origins, refusals.map { Refusal("\(masked(pattern))=\($0.part)", $0.problem) })
  }

  /// Without what may be a password: what stands before an `@` that is not in a path.
  private static func masked(_ text: Substring) -> String {
    guard let at = text.lastIndex(of: "@"), text.contains("://") || !text[..<at].contains("/") else {
      return String(text)
    }
    return Quotation.mask + text[at...]
  }
}
