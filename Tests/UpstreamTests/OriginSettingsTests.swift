import Testing
import Upstream

@Suite("An origin's own name") struct OriginSettingsTests {
  @Test(arguments: [
    (OriginSettings(.host("app", port: 3000)), "app:3000"), (OriginSettings(.host("app", port: 80)), "app"),
    (OriginSettings(.host("::1", port: 8080)), "[::1]:8080"),
    (OriginSettings(.host("::1", port: 80)), "[::1]"),
    (OriginSettings(.host("10.0.0.1", port: 443)), "10.0.0.1:443"),
    (OriginSettings(.unix(path: "/run/app.sock")), "localhost"),
  ])
  func `its Host value leaves out port 80 and brackets IPv6`(origin: OriginSettings, authority: String) {
    #expect(origin.authority == authority)
  }
}
