import Testing

@testable import Configuration

@Suite("--help") struct HelpTests {
  @Test func `no line is wider than 100 columns`() {
    for line in HelpText.text.split(separator: "\n") { #expect(line.count <= 100, "\(line)") }
  }

  @Test(arguments: Variable.all.map(\.name))
  func `every variable is there with its default, form and example`(name: String) throws {
    let variable = try #require(Variable.all.first { $0.name == name })
    #expect(HelpText.text.contains("\n  \(variable.name)\n"))
    #expect(HelpText.text.contains("Example: \(variable.name)="))
    let unfolded = HelpText.text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    #expect(unfolded.contains("Form: \(variable.reading.form). Default: \(variable.defaultText)."))
    #expect(unfolded.contains(variable.meaning.split(separator: " ").joined(separator: " ")))
  }

  @Test func `long text is folded between words`() {
    let text = HelpText.wrapped(String(repeating: "seven77 ", count: 40), indent: 4)
    for line in text.split(separator: "\n") {
      #expect(line.count <= HelpText.columns)
      #expect(line.hasPrefix("    seven77"))
    }
    #expect(text.split(whereSeparator: \.isWhitespace).count == 40)
  }
}

@Suite("--print-config") struct ListingTests {
  private func line(_ name: String, _ environment: Environment) -> String? {
    let listing = SettingsListing.text(environment: environment, cores: 3)
    let line = listing.split(separator: "\n").first { $0.hasPrefix(name + " ") }
    return line?.split(separator: " ", omittingEmptySubsequences: true).dropFirst().joined(separator: " ")
  }

  @Test func `each variable has one line`() {
    let listing = SettingsListing.text(environment: ["SLUICE_UPSTREAMS": "a:1"], cores: 3)
    #expect(listing.split(separator: "\n").count == Variable.all.count)
  }

  @Test func `a value is shown with where it came from`() {
    let environment: Environment = ["SLUICE_UPSTREAMS": "a:1, b:2", "PORT": "9000"]
    #expect(line("SLUICE_UPSTREAMS", environment) == "environment a:1, b:2")
    #expect(line("SLUICE_LISTEN", environment) == "PORT 0.0.0.0:9000")
    #expect(line("SLUICE_LISTEN", [:]) == "default 0.0.0.0:8080")
    #expect(line("SLUICE_WORKERS", environment) == "default 3")
    #expect(line("SLUICE_TRUSTED_PROXIES", environment) == "default none")
  }

  @Test func `a value over several lines is shown on one`() {
    #expect(line("SLUICE_UPSTREAMS", ["SLUICE_UPSTREAMS": "a:1,\nb:2"]) == "environment a:1,\\nb:2")
  }
}

@Suite("--check") struct SummaryTests {
  @Test(arguments: [
    (["SLUICE_WORKERS": "1"], "listening on 0.0.0.0:8080; 1 origin; 1 worker"),
    (
      ["SLUICE_UPSTREAMS": "a:1,b:1", "SLUICE_LISTEN": "[::]:80,unix:/a"],
      "listening on [::]:80, unix:/a; 2 origins; 4 workers"
    ),
  ])
  func `the essence fits in one line`(environment: [String: String], summary: String) throws {
    #expect(try settings(environment).summary == summary)
  }
}

@Suite("The table of variables") struct TableTests {
  @Test func `names are unique and in capitals`() {
    let names = Variable.all.map(\.name)
    #expect(Set(names).count == names.count)
    for name in names { #expect(name == name.uppercased()) }
  }

  @Test func `meanings are sentences`() {
    for variable in Variable.all { #expect(variable.meaning.hasSuffix("."), "\(variable.name)") }
  }
}

@Suite("Environment") struct EnvironmentTests {
  @Test func `entries are split at the first equals sign`() {
    let environment = Environment(entries: ["A=1=2", "B=", "no variable", "=C=3"])
    #expect(environment["A"] == "1=2")
    #expect(environment["B"] == "")
    #expect(environment["no variable"] == nil)
  }

  @Test func `of two entries with one name the first counts, as in getenv`() {
    #expect(Environment(entries: ["A=1", "A=2"])["A"] == "1")
  }
}
