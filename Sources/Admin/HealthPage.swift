/// `/livez` and `/readyz`: for orchestrators.
enum HealthPage {
  /// Why no traffic should be sent here; empty where it should.
  static func problems(_ isDraining: Bool, _ groups: [AdminSnapshot.Group]) -> [String] {
    if isDraining { return ["draining"] }
    return groups.compactMap { group in
      group.problem.map { groups.count == 1 ? $0 : "upstream \(group.name): \($0)" }
    }
  }
}
