import Configuration

/// The settings that `environment` stands for, with one origin where it names none.
func settings(_ environment: [String: String], cores: Int = 4) throws -> Settings {
  let given = environment.merging(["SLUICE_UPSTREAMS": "127.0.0.1:3000"]) { given, _ in given }
  return try Settings(environment: Environment(given), cores: cores)
}

/// Every error that reading `environment` alone gives; empty if there is none.
func errors(_ environment: [String: String], cores: Int = 4) -> [SettingsError] {
  do throws(SettingsErrors) {
    _ = try Settings(environment: Environment(environment), cores: cores)
    return []
  } catch {
    return error.errors
  }
}

/// The errors of one variable, in an environment that is right otherwise.
func errors(of variable: String, _ value: String) -> [SettingsError] {
  errors(["SLUICE_UPSTREAMS": "127.0.0.1:3000"].merging([variable: value]) { _, new in new })
}
