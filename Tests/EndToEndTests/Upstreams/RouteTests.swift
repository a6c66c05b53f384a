import Base
import Configuration
import Reactor
import Routing
import TestSupport
import Testing
import Upstream

@Suite("Routes", .timeLimit(.minutes(10))) struct RouteTests {
  /// `pattern` leads to `origin`.
  private func route(_ host: RoutePattern.Host, _ prefix: String = "", to origin: ScriptedOrigin)
    -> RouteSettings
  {
    RouteSettings(
      RoutePattern(host, prefix: prefix, text: "\(host)\(prefix)"), origins: [OriginSettings(origin.location)]
    )
  }

  private func origins(_ names: String...) throws -> [ScriptedOrigin] {
    try names.map { name in try ScriptedOrigin { ok("\(name) \($0.target)") } }
  }

  private func ask(_ client: WireClient, _ path: String, host: String = "a") throws -> String {
    try client.exchange("GET \(path) HTTP/1.1\r\nHost: \(host)\r\n\r\n").text
  }

  @Test func `a request goes where its host and path lead`() throws {
    let all = try origins("api", "static", "sub", "rest")
    let proxy = try ProxyUnderTest(ProxyUnderTest.settings([all[3].location])) { settings in
      settings.routes = [
        route(.exact("api.example.com"), "/v1", to: all[0]), route(.any, "/static", to: all[1]),
        route(.subdomains(of: "example.com"), to: all[2]),
      ]
    }
    let client = try proxy.connect()
    #expect(try ask(client, "/v1/x?q=1", host: "API.example.com:8080") == "api /v1/x?q=1")
    #expect(try ask(client, "/v10", host: "api.example.com") == "sub /v10")
    #expect(try ask(client, "/static/a") == "static /static/a")
    #expect(try ask(client, "/static") == "static /static")
    #expect(try ask(client, "/statics") == "rest /statics")
    #expect(try ask(client, "/", host: "www.example.com") == "sub /")
    #expect(try ask(client, "/", host: "example.com") == "rest /")
  }

  @Test(arguments: [
    ("/public/../admin/x", "admin /admin/x"), ("/public/%2e%2E/admin", "admin /admin"),
    ("/%61dmin", "admin /admin"), ("/./admin/./y", "admin /admin/y"), ("/admin/../public", "rest /public"),
    ("/admin%2fx", "rest /admin%2Fx"), ("//admin", "rest //admin"),
    ("/a/../../../admin?x=/../", "admin /admin?x=/../"),
  ]) func `the path that is compared is the path that is forwarded`(path: String, expected: String) throws {
    let all = try origins("admin", "rest")
    let proxy = try ProxyUnderTest(ProxyUnderTest.settings([all[1].location])) {
      $0.routes = [route(.any, "/admin", to: all[0])]
    }
    #expect(try ask(try proxy.connect(), path) == expected)
  }

  @Test func `without routes a path is forwarded in the same spelling`() throws {
    let origin = try origins("one")[0]
    let proxy = try ProxyUnderTest(origin)
    #expect(try ask(try proxy.connect(), "/a/../%61/./b") == "one /a/b")
  }

  @Test func `what no route takes is a 404 that keeps the connection`() throws {
    let origin = try origins("one")[0]
    var settings = ProxyUnderTest.settings([])
    settings.routes = [route(.any, "/one", to: origin)]
    settings.adminListen = loopback
    let proxy = try ProxyUnderTest(settings)
    let client = try proxy.connect()
    let response = try client.exchange(head("GET /two"))
    #expect(response.status == 404)
    #expect(try ask(client, "/one") == "one /one")
    #expect(try proxy.ask("/readyz").status == 200)
    #expect(try proxy.ask("/metrics").text.contains("upstream=\"any/one\""))
  }

  @Test func `one upstream that is down makes the whole not ready and leaves the others alone`() throws {
    let origin = try origins("one")[0]
    let gone = try ScriptedOrigin(saying: "never")
    gone.stop()
    var settings = ProxyUnderTest.settings([])
    settings.routes = [route(.any, "/one", to: origin), route(.any, "/two", to: gone)]
    settings.adminListen = loopback
    settings.upstream.health.check = .connect
    settings.upstream.connectTimeout = .milliseconds(200)
    let proxy = try ProxyUnderTest(settings)
    let ready = try proxy.ask("/readyz")
    #expect(ready.status == 503)
    #expect(ready.text.contains("upstream any/two: no endpoint is available"))
    let client = try proxy.connect()
    #expect(try client.exchange(head("GET /two")).status == 503)
    #expect(try ask(client, "/one") == "one /one")
  }

  @Test func `OPTIONS for the whole server goes to whoever takes everything`() throws {
    let all = try origins("admin", "rest")
    let proxy = try ProxyUnderTest(ProxyUnderTest.settings([all[1].location])) {
      $0.routes = [route(.any, "/admin", to: all[0])]
    }
    #expect(try proxy.exchange(head("OPTIONS *"), method: "OPTIONS").text == "rest *")
  }
}
