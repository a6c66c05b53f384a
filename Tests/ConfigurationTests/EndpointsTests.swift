import Base
import Configuration
import Reactor
import Testing
import Upstream

@Suite("Endpoints") struct EndpointsTests {
  @Test func `the defaults are those of the rooms`() throws {
    let read = try settings([:])
    let upstream = UpstreamSettings(origins: [])
    #expect(read.upstream.balance == .roundRobin)
    #expect(read.upstream.health == upstream.health)
    #expect(read.upstream.resolveInterval == upstream.resolveInterval)
    #expect(read.upstream.stickySecret.isEmpty)
    #expect(read.adminListen?.description == "127.0.0.1:9901")
  }

  @Test(arguments: [
    ("round-robin", Balance.roundRobin), ("least-requests", .leastRequests), ("two-choices", .twoChoices),
    ("hash:ip", .hashIP), ("hash:uri", .hashURI), ("hash:header:X-User", .hashField("X-User")),
    ("sticky:route", .sticky(cookie: "route")),
  ]) func `every way to balance has its word`(text: String, balance: Balance) throws {
    #expect(try settings(["SLUICE_BALANCE": text]).upstream.balance == balance)
  }

  @Test(arguments: [
    "", "random", "Round-Robin", "hash", "hash:", "hash:IP", "hash:header:", "hash:header:a b", "sticky",
    "sticky:",
    "sticky:a=b", "sticky:a;b", "hash:header:X-User,Y",
  ]) func `other words are no way to balance`(text: String) {
    #expect(errors(of: "SLUICE_BALANCE", text).map(\.variable) == ["SLUICE_BALANCE"])
  }

  @Test(arguments: [
    ("/healthz?deep=1", HealthSettings.Check.path("/healthz?deep=1")), ("off", .connect), ("none", .none),
  ]) func `a check is a path, a connect or nothing`(text: String, check: HealthSettings.Check) throws {
    #expect(try settings(["SLUICE_HEALTH_PATH": text]).upstream.health.check == check)
  }

  @Test(arguments: ["", "healthz", "OFF", "/a b", "/a\r\nX: y", "/a#b", "http://x/", "/é"])
  func `what is no path is refused`(text: String) {
    #expect(errors(of: "SLUICE_HEALTH_PATH", text).map(\.variable) == ["SLUICE_HEALTH_PATH"])
  }

  @Test func `statuses are stricter where a path was chosen`() throws {
    #expect(try settings([:]).upstream.health.statuses == [200...499])
    #expect(try settings(["SLUICE_HEALTH_PATH": "/up"]).upstream.health.statuses == [200...399])
    let both = ["SLUICE_HEALTH_PATH": "/up", "SLUICE_HEALTH_STATUS": "200, 204-206"]
    #expect(try settings(both).upstream.health.statuses == [200...200, 204...206])
  }

  @Test(arguments: [
    "", "20", "2000", "abc", "200-", "-300", "300-200", "100-199", "600", "200-204-300", "200,",
  ])
  func `what is no status is refused`(text: String) {
    #expect(errors(of: "SLUICE_HEALTH_STATUS", text).count == 1)
  }

  @Test(arguments: [
    ("SLUICE_HEALTH_INTERVAL", "50ms"), ("SLUICE_HEALTH_INTERVAL", "2"), ("SLUICE_HEALTH_TIMEOUT", "0s"),
    ("SLUICE_HEALTH_RISE", "0"), ("SLUICE_HEALTH_FALL", "101"), ("SLUICE_DNS_INTERVAL", "0"),
    ("SLUICE_DNS_INTERVAL", "2h"), ("SLUICE_STICKY_SECRET", "short"), ("SLUICE_ADMIN_LISTEN", "localhost:1"),
    ("SLUICE_ADMIN_LISTEN", "on"), ("SLUICE_ADMIN_LISTEN", "1,2"),
  ]) func `values out of bounds are refused by name`(name: String, value: String) {
    #expect(errors(of: name, value).map(\.variable) == [name])
  }

  @Test func `the admin listener can be anywhere or nowhere`() throws {
    #expect(try settings(["SLUICE_ADMIN_LISTEN": "off"]).adminListen == nil)
    #expect(try settings(["SLUICE_ADMIN_LISTEN": "[::1]:9000"]).adminListen?.description == "[::1]:9000")
    #expect(try settings(["SLUICE_ADMIN_LISTEN": "unix:/run/a.sock"]).adminListen == .unix("/run/a.sock"))
  }

  @Test func `a short secret is refused without being shown`() throws {
    let error = try #require(errors(of: "SLUICE_STICKY_SECRET", "hunter2").first)
    #expect(!error.description.contains("hunter2"))
  }
}

@Suite("Secrets in files") struct SecretFilesTests {
  private let secret = "a secret of more than sixteen"

  @Test func `a file stands for its variable`() throws {
    let environment: Environment = ["SLUICE_UPSTREAMS": "a:1", "SLUICE_STICKY_SECRET_FILE": "/run/secret"]
    let (read, errors) = environment.readingSecretFiles { $0 == "/run/secret" ? secret + "\n" : nil }
    #expect(errors.isEmpty)
    #expect(try Settings(environment: read, cores: 1).upstream.stickySecret == secret)
  }

  @Test func `a file that cannot be read is an error in its own name`() {
    let environment: Environment = ["SLUICE_STICKY_SECRET_FILE": "/nowhere"]
    let (_, errors) = environment.readingSecretFiles { _ in nil }
    #expect(errors.map(\.variable) == ["SLUICE_STICKY_SECRET_FILE"])
    #expect(errors.first?.problem == "cannot be read")
  }

  @Test func `both at once is an error`() {
    let environment: Environment = [
      "SLUICE_STICKY_SECRET": secret, "SLUICE_STICKY_SECRET_FILE": "/run/secret",
    ]
    let (_, errors) = environment.readingSecretFiles { _ in secret }
    #expect(errors.map(\.problem) == ["is set beside SLUICE_STICKY_SECRET"])
  }
}
