import Testing

@testable import Configuration

@Suite("Secrets") struct SecretsTests {
  /// No variable of today is a secret: one that stands in.
  private let token = Variable(
    "SLUICE_TOKEN", .running, default: .text("letmein"), example: "a-long-word", isSecret: true,
    "A stand-in.",
    .value(
      "word", expected: "a word of letters",
      { text throws(Refusal) in
        guard text.utf8.allSatisfy({ $0 >= 0x61 }) else { throw Refusal(text, "has other characters") }
      }, store: { _, _ in }))

  @Test func `a bad secret is named but not shown`() throws {
    let environment: Environment = ["SLUICE_TOKEN": "hunter2"]
    let error = try #require(throws: SettingsErrors.self) {
      try Settings(environment: environment, cores: 1, variables: [token])
    }
    #expect(
      error.errors.map(\.description) == [
        "SLUICE_TOKEN: \"********\" has other characters; expected a word of letters, such as a-long-word"
      ])
  }

  @Test func `a secret is masked in the listing, whatever its length`() {
    for secret in ["a", "averylongsecret"] {
      let environment: Environment = ["SLUICE_TOKEN": secret]
      let listing = SettingsListing.text(environment: environment, cores: 1, variables: [token])
      #expect(listing == "SLUICE_TOKEN  environment  ********\n")
    }
  }
}
