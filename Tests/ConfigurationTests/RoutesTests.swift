import Configuration
import Routing
import Testing
import Upstream

@Suite("SLUICE_ROUTES") struct RoutesTests {
  private static func origin(_ host: String, _ port: UInt16, weight: Int = 1) -> OriginSettings {
    OriginSettings(.host(host, port: port), weight: weight)
  }

  @Test func `routes are read with their patterns and origins`() throws {
    let text = """
      api.example.com/v1=api:8080,api2:8080;weight=2 | /static = http://files
      |*.example.com/ = unix:/run/a=b.sock , [::1]:1|*=web:3000
      """
    let routes = try Settings(environment: Environment(["SLUICE_ROUTES": text]), cores: 1).routes
    #expect(routes.map(\.pattern.text) == ["api.example.com/v1", "/static", "*.example.com/", "*"])
    #expect(
      routes.map(\.origins) == [
        [RoutesTests.origin("api", 8080), RoutesTests.origin("api2", 8080, weight: 2)],
        [RoutesTests.origin("files", 80)],
        [OriginSettings(.unix(path: "/run/a=b.sock")), RoutesTests.origin("::1", 1)],
        [RoutesTests.origin("web", 3000)],
      ])
  }

  @Test(
    arguments: [
      ("*", .any, ""), ("/", .any, ""), ("*/a", .any, "/a"), ("/a/", .any, "/a"),
      ("/%7Ea/b%2fc", .any, "/~a/b%2Fc"),
      ("App", .exact("app"), ""), ("a.example./x", .exact("a.example"), "/x"),
      ("[0::1]/x", .exact("::1"), "/x"),
      ("10.0.0.1", .exact("10.0.0.1"), ""), ("*.Example.com", .subdomains(of: "example.com"), ""),
      ("*.com/a/b", .subdomains(of: "com"), "/a/b"), ("/@a;b,c:d!$&'()+~", .any, "/@a;b,c:d!$&'()+~"),
      ("my_app-1.svc/.well-known/..a", .exact("my_app-1.svc"), "/.well-known/..a"),
    ] as [(String, RoutePattern.Host, String)])
  func `a pattern is read`(text: String, host: RoutePattern.Host, prefix: String) throws {
    let environment = Environment(["SLUICE_ROUTES": text + "=a:1"])
    let pattern = try #require(try Settings(environment: environment, cores: 1).routes.first).pattern
    #expect(pattern.host == host)
    #expect(pattern.prefix == prefix)
    #expect(pattern.text == text)
  }

  @Test(arguments: [
    ("a.example:80", "has a port, which a route does not look at"),
    ("[::1]:80", "has a port, which a route does not look at"),
    ("*.a.example:80/b", "has a port, which a route does not look at"),
    ("*:80", "has a * that is neither a whole host nor its first part, as in *.example.com"),
    ("*a.example", "has a * that is neither a whole host nor its first part, as in *.example.com"),
    ("a.*.example", "has a * that is neither a whole host nor its first part, as in *.example.com"),
    ("*.*.example", "has a * that is neither a whole host nor its first part, as in *.example.com"),
    ("*.", "has no host"), ("*.10.0.0.1", "has *. before an address, which has no subdomains"),
    ("*.[::1]", "has *. before an address, which has no subdomains"),
    ("::1", "has an IPv6 address without brackets or too many colons"), ("[::1", "lacks a closing bracket"),
    ("10.0.1", "has a host that is no valid IPv4 address"),
    ("a..b", "has a host name with an empty part between its dots"),
    ("a b", "has a host name with other characters than letters, digits, '-', '_' and '.'"),
    ("ä.example", "has a host name with other characters than letters, digits, '-', '_' and '.'"),
    ("a.example?x", "has a host name with other characters than letters, digits, '-', '_' and '.'"),
    ("/api/*", "has a * in its path, where a prefix takes all that is below it anyway"),
    ("a.example/*", "has a * in its path, where a prefix takes all that is below it anyway"),
    ("/a?b", "has a query; a route looks at the host and the path alone"),
    ("/a#b", "has a fragment, which no request has"),
    ("/a b", "has a character in its path that is written percent-encoded (RFC 3986 §3.3)"),
    ("/ä", "has a character in its path that is written percent-encoded (RFC 3986 §3.3)"),
    ("/a\\b", "has a character in its path that is written percent-encoded (RFC 3986 §3.3)"),
    ("/^a", "has a character in its path that is written percent-encoded (RFC 3986 §3.3)"),
    ("/a%", "has a % without two hexadecimal digits after it"),
    ("/a%2", "has a % without two hexadecimal digits after it"),
    ("/a%zz/b", "has a % without two hexadecimal digits after it"),
    ("//a", "has two slashes in a row"), ("/a//b", "has two slashes in a row"),
    ("/a//", "has two slashes in a row"),
    ("/a/../b", "has a dot segment, which is removed from every path before a route is chosen"),
    ("/.", "has a dot segment, which is removed from every path before a route is chosen"),
    ("/a/%2E.", "has a dot segment, which is removed from every path before a route is chosen"),
  ])
  func `what is no pattern is refused for what it is`(pattern: String, problem: String) {
    let errors = errors(of: "SLUICE_ROUTES", pattern + "=a:1")
    #expect(errors.map(\.problem) == [problem])
    #expect(errors.first?.value == pattern)
  }

  @Test(arguments: [
    ("/a", "/a", "has no = between a pattern and its origins"),
    ("app:80", "app:80", "has no = between a pattern and its origins"),
    ("=a:1", "=a:1", "has no pattern before the ="), ("/a=", "/a=", "has no origins after the ="),
    ("/a=a", "/a=a", "has no port"), ("/a=a:1,b", "/a=b", "has no port"),
    ("/a=a:1,,b:1", "/a=a:1,,b:1", "has an empty entry"),
    ("/a=b=c:1", "/a=b=c:1", "has a host name with other characters than letters, digits, '-', '_' and '.'"),
    ("/a=a:1,A:1;weight=2", "/a=A:1;weight=2", "is listed already (a larger share is written ;weight=N)"),
    ("/a=ftp://b", "/a=ftp://b", "has a scheme other than http and https"),
    (
      "http://a/b=c:1", "http://a/b=c:1",
      "has a URL for a pattern, which is a host and the start of a path alone"
    ),
    ("/a=a:1||/b=b:1", "/a=a:1||/b=b:1", "has an empty entry"), ("/a=a:1|", "/a=a:1|", "has an empty entry"),
    (" ", " ", "has an empty entry"), ("||", "||", "has an empty entry"),
  ])
  func `a route that is wrong is named`(text: String, value: String, problem: String) {
    let errors = errors(of: "SLUICE_ROUTES", text)
    #expect(errors.map(\.problem) == [problem])
    #expect(errors.map(\.value) == [value])
  }

  @Test(arguments: [
    "/a=http://me:hunter2@app:80", "http://me:hunter2@app:80", "http://me:hunter2=x@app:80",
    "me:hunter2@app:80",
    "me:hunter2@app:80=x", "me:hunter2@app=http://b,c", "http://me:x=hunter2@app:80",
    "=http://me:hunter2@app:80",
  ])
  func `user information is not repeated`(text: String) {
    let errors = errors(of: "SLUICE_ROUTES", text)
    #expect(!errors.isEmpty)
    for error in errors { #expect(!error.description.contains("hunter2")) }
  }

  @Test func `every route that is wrong is told, and every origin of it`() {
    #expect(
      errors(of: "SLUICE_ROUTES", "/a=b,c:1,d | /ok=a:1 | /b//=c | nothing | /a=e:1").map(\.value)
        == ["/a=b", "/a=d", "/b//=c", "/b//", "nothing", "/a"])
  }

  @Test(arguments: [
    ("/a=a:1|/a/=b:1", "/a/", "/a"), ("A.example=a:1|a.Example./=a:1", "a.Example./", "A.example"),
    ("/a=a:1|/b=b:1|*/a=c:1", "*/a", "/a"), ("[::1]=a:1|[0::1]=b:1", "[0::1]", "[::1]"),
    ("/~a=a:1|/%7ea=b:1", "/%7ea", "/~a"), ("*.a.b=a:1|*.A.B=a:1", "*.A.B", "*.a.b"),
  ])
  func `two routes for the same requests are an error that names both`(
    text: String, second: String, first: String
  ) {
    let errors = errors(of: "SLUICE_ROUTES", text)
    #expect(errors.map(\.problem) == ["takes the same requests as \"\(first)\""])
    #expect(errors.map(\.value) == [second])
  }

  @Test func `the same origin may stand in several routes`() {
    #expect(errors(of: "SLUICE_ROUTES", "/a=a:1|/b=a:1").isEmpty)
  }

  @Test func `what was read makes a table`() throws {
    let text = "a.example=a:1 | *.example=b:1 | /a=c:1 | a.example/a=d:1 | *=e:1"
    let routes = try Settings(environment: Environment(["SLUICE_ROUTES": text]), cores: 1).routes
    _ = try RouteTable(routes.enumerated().map { ($0.element.pattern, $0.offset) })
  }
}

@Suite("SLUICE_ROUTES beside SLUICE_UPSTREAMS") struct RoutesAndUpstreamsTests {
  @Test func `either will do, and both`() throws {
    #expect(errors(["SLUICE_ROUTES": "/a=a:1"]).isEmpty)
    #expect(try settings(["SLUICE_UPSTREAMS": "a:1"]).routes == [])
    let both = try settings(["SLUICE_UPSTREAMS": "a:1", "SLUICE_ROUTES": "/a=a:1"])
    #expect(both.routes.count == 1)
    #expect(both.upstream.origins.count == 1)
  }

  @Test func `without the origins of other requests there are none`() throws {
    let settings = try Settings(environment: ["SLUICE_ROUTES": "/a=a:1"], cores: 1)
    #expect(settings.upstream.origins == [])
  }

  @Test(arguments: [[:], ["SLUICE_ROUTES": ""]])
  func `one of them must be there`(environment: [String: String]) {
    let errors = errors(environment)
    #expect(errors.map(\.variable) == ["SLUICE_UPSTREAMS"])
    #expect(errors.map(\.problem) == ["is not set"])
    #expect(errors.first?.expected.contains("HOST:PORT") == true)
  }

  @Test func `routes that are wrong do not ask for other origins`() {
    #expect(errors(["SLUICE_ROUTES": "/a"]).map(\.variable) == ["SLUICE_ROUTES"])
  }

  @Test func `an empty SLUICE_UPSTREAMS stays an error`() {
    #expect(
      errors(["SLUICE_UPSTREAMS": "", "SLUICE_ROUTES": "/a=a:1"]).map(\.problem)
        == ["is empty: leave the variable unset for the default"])
  }

  @Test(arguments: ["*", "/", "*/"])
  func `a route for everything beside SLUICE_UPSTREAMS is an error that names both`(pattern: String) throws {
    let errors = errors(of: "SLUICE_ROUTES", "/a=a:1 | \(pattern)=b:1")
    #expect(errors.count == 1)
    let error = try #require(errors.first)
    #expect(error.value == pattern)
    #expect(error.problem == "takes the same requests as SLUICE_UPSTREAMS, which is set as well")
  }

  @Test(arguments: [
    (["SLUICE_ROUTES": "/a=a:1,b:1"], "1 route, 2 origins"),
    (["SLUICE_ROUTES": "/a=a:1|/b=b:1", "SLUICE_UPSTREAMS": "c:1"], "2 routes, 3 origins"),
  ])
  func `the summary counts routes and all their origins`(environment: [String: String], counts: String) throws
  {
    let settings = try Settings(environment: Environment(environment), cores: 1)
    #expect(settings.summary == "listening on 0.0.0.0:8080; \(counts); 1 worker")
  }

  @Test func `the listing shows what is not set`() {
    let listing = SettingsListing.text(environment: ["SLUICE_ROUTES": "/a=a:1"], cores: 1)
    let lines = listing.split(separator: "\n").map {
      $0.split(separator: " ", omittingEmptySubsequences: true)
    }
    #expect(lines.contains(["SLUICE_UPSTREAMS", "unset", "none"]))
    #expect(lines.contains(["SLUICE_ROUTES", "environment", "/a=a:1"]))
  }
}
