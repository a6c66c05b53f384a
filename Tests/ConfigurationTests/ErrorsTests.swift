import Testing

@testable import Configuration

@Suite("Errors") struct ErrorsTests {
  @Test func `all errors come at once, in the order of the table, unknown names last`() {
    let errors = errors([
      "SLUICE_LISTEN": "x:1", "SLUICE_WORKERS": "none", "SLUICE_VIA": "maybe", "SLUICE_ZZZ": "",
      "SLUICE_AAA": "", "SLUICE_MAX_BODY": "10",
    ])
    #expect(
      errors.map(\.variable) == [
        "SLUICE_LISTEN", "SLUICE_UPSTREAMS", "SLUICE_VIA", "SLUICE_MAX_BODY", "SLUICE_WORKERS", "SLUICE_AAA",
        "SLUICE_ZZZ",
      ])
  }

  @Test func `an error names the variable, the value, what was expected and an example`() {
    #expect(
      errors(of: "SLUICE_CONNECT_TIMEOUT", "10").map(\.description) == [
        "SLUICE_CONNECT_TIMEOUT: \"10\" has no unit; expected a duration (ms, s, m, h or d) from 1ms to 1h, "
          + "such as 500ms"
      ])
  }

  @Test(arguments: Variable.all.map(\.name))
  func `no variable takes nonsense`(name: String) throws {
    let errors = errors(of: name, "\u{1}nonsense, =")
    #expect(!errors.isEmpty)
    for error in errors {
      #expect(error.variable == name)
      #expect(!error.expected.isEmpty)
      #expect(!error.example.isEmpty)
      #expect(!error.description.utf8.contains { $0 < 0x20 })
    }
  }

  @Test(arguments: Variable.all.map(\.name))
  func `only lists that may be empty take an empty value`(name: String) {
    let mayBeEmpty = [
      "SLUICE_TLS_LISTEN", "SLUICE_TLS_CERT", "SLUICE_TLS_KEY", "SLUICE_ALLOW", "SLUICE_DENY",
      "SLUICE_RATE_LIMIT_EXEMPT", "SLUICE_DEFAULT_RESPONSE_FIELDS", "SLUICE_ASYNC_LISTEN",
      "SLUICE_ASYNC_ALLOW",
      "SLUICE_ASYNC_SIGNING_SECRET",
      "SLUICE_ROUTES", "SLUICE_TRUSTED_PROXIES", "SLUICE_SET_REQUEST_FIELDS", "SLUICE_SET_RESPONSE_FIELDS",
    ]
    #expect(errors(of: name, "").isEmpty == mayBeEmpty.contains(name))
  }

  @Test(arguments: Variable.all.map { ($0.name, $0.example) })
  func `every example is a value that is taken`(name: String, example: String) {
    #expect(errors(of: name, example).allSatisfy { $0.variable != name })
  }

  @Test func `a value that was no UTF-8 is refused`() {
    #expect(errors(of: "SLUICE_ACCESS_LOG", "/var/\u{FFFD}").map(\.problem) == ["is not valid UTF-8"])
  }

  @Test func `a long value is cut in the message`() throws {
    let error = try #require(errors(of: "SLUICE_WORKERS", String(repeating: "x", count: 100_000)).first)
    #expect(error.description.count < 400)
  }

  @Test func `an error is one line whatever the value`() throws {
    let error = try #require(
      errors(of: "SLUICE_WORKERS", "1\nsluice: all is well\u{1B}[2J\u{85}\u{2028}").first)
    #expect(
      error.description.hasPrefix(
        "SLUICE_WORKERS: \"1\\nsluice: all is well\\u{1b}[2J\\u{85}\\u{2028}\" is not a whole number"))
  }
}

@Suite("Unknown names") struct UnknownNamesTests {
  @Test(arguments: [
    ("SLUICE_UPSTREAM", "SLUICE_UPSTREAMS"), ("SLUICE_LISTENS", "SLUICE_LISTEN"),
    ("SLUICE_LITSEN", "SLUICE_LISTEN"),
    ("SLUICE_TIMEOUT_IDLE", "SLUICE_IDLE_TIMEOUT"), ("SLUICE_WORKER", "SLUICE_WORKERS"),
    ("SLUICE_MAXBODY", "SLUICE_MAX_BODY"), ("SLUICE_TRUSTED_PROXY", "SLUICE_TRUSTED_PROXIES"),
    ("sluice_via", "SLUICE_VIA"), ("Sluice_Listen", "SLUICE_LISTEN"), ("SLUICE_HOST", "SLUICE_HOST_HEADER"),
    ("SLUICE_BODY", "SLUICE_MAX_BODY"),
  ])
  func `a misspelt name is an error with the nearest name`(name: String, nearest: String) {
    let errors = errors(of: name, "on")
    #expect(
      errors.map(\.description) == ["\(name): is not a variable of Sluice; the nearest name is \(nearest)"])
  }

  @Test func `names of others are no concern of ours`() throws {
    _ = try settings(["SLUICEBOX": "1", "MY_SLUICE_LISTEN": "1", "PATH": "/bin"])
  }

  @Test(arguments: [
    ("SLUICE_SERVICE_HOST", "10.0.0.11"), ("SLUICE_SERVICE_PORT", "8080"),
    ("SLUICE_SERVICE_PORT_HTTP", "8080"),
    ("SLUICE_PORT", "tcp://10.0.0.11:8080"), ("SLUICE_PORT_8080_TCP", "tcp://10.0.0.11:8080"),
    ("SLUICE_PORT_8080_TCP_PROTO", "tcp"), ("SLUICE_PORT_8080_TCP_PORT", "8080"),
    ("SLUICE_PORT_8080_TCP_ADDR", "10.0.0.11"), ("SLUICE_ADMIN_SERVICE_HOST", "10.0.0.12"),
    ("SLUICE_ADMIN_PORT_9901_TCP_ADDR", "10.0.0.12"),
  ])
  func `the variables of a Kubernetes service named sluice are passed over`(name: String, value: String)
    throws
  {
    _ = try settings([name: value])
  }

  @Test func `none of our own names has their shape`() {
    for variable in Variable.all { #expect(!ServiceLinks.contains(variable.name, value: "")) }
  }

  @Test(arguments: [
    ("SLUICE_PORT", "8080"), ("SLUICE_PORT_TCP", "1"), ("SLUICE_PORT_X_TCP", "1"),
    ("SLUICE_PORT_80_TLS", "1"),
    ("SLUICE_SERVICE", "1"), ("SLUICE_SERVICE_HOSTS", "1"), ("SLUICE_", "1"),
    ("SLUICE_PORT_80_TCP_NAME", "1"),
  ])
  func `what only resembles them is an error`(name: String, value: String) {
    #expect(errors(of: name, value).map(\.variable) == [name])
  }
}

@Suite("Edit distance") struct EditDistanceTests {
  @Test(arguments: [
    ("", "", 0), ("", "abc", 3), ("abc", "abc", 0), ("abc", "ab", 1), ("abc", "abd", 1), ("abc", "acb", 1),
    ("abc", "bac", 1), ("kitten", "sitting", 3), ("ca", "abc", 3),
  ])
  func `counts insertions, deletions, replacements and swaps`(left: String, right: String, distance: Int) {
    #expect(EditDistance.between(left, right) == distance)
    #expect(EditDistance.between(right, left) == distance)
  }
}
