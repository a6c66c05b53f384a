import Routing
import TestSupport
import Testing

@Suite("Look-up of routes") struct RouteTableTests {
  private static let patterns = [
    "api.example.com/v1", "api.example.com/v1/users", "api.example.com/v2", "*.example.com",
    "*.eu.example.com",
    "*.eu.example.com/static", "/static", "/static/img", "/v2", "shop.example.org", "10.0.0.1/v1",
    "[2001:db8::1]/v1",
  ]

  @Test(arguments: [
    // The longest prefix of the host.
    ("api.example.com", "/v1", "api.example.com/v1"),
    ("api.example.com", "/v1/users", "api.example.com/v1/users"),
    ("api.example.com", "/v1/users/7", "api.example.com/v1/users"),
    ("api.example.com", "/v1/x", "api.example.com/v1"),
    // On the border of a segment.
    ("api.example.com", "/v1/", "api.example.com/v1"), ("api.example.com", "/v1?x", "api.example.com/v1"),
    ("api.example.com", "/v1/usersx", "api.example.com/v1"), ("api.example.com", "/v10", "*.example.com"),
    ("api.example.com", "/v1-x", "*.example.com"), ("api.example.com", "/v", "*.example.com"),
    ("api.example.com", "/V1", "*.example.com"), ("api.example.com", "//v1", "*.example.com"),
    // The host before the path.
    ("shop.example.org", "/static/img/a", "shop.example.org"), ("a.example.com", "/static", "*.example.com"),
    ("api.example.com", "/v2", "api.example.com/v2"),
    // The longest wildcard, one label or more, never the name itself.
    ("a.eu.example.com", "/", "*.eu.example.com"), ("a.b.eu.example.com", "/x", "*.eu.example.com"),
    ("eu.example.com", "/x", "*.example.com"), ("a.eu.example.com", "/static/x", "*.eu.example.com/static"),
    ("aeu.example.com", "/", "*.example.com"), ("a.b.c.d.example.com", "/", "*.example.com"),
    // Routes for any host.
    ("other.test", "/static/a", "/static"), ("other.test", "/static/img", "/static/img"),
    ("other.test", "/static/imgs", "/static"), ("example.com", "/v2/", "/v2"),
    ("notexample.com", "/v2", "/v2"),
    ("10.0.0.1", "/v1", "10.0.0.1/v1"), ("10.0.0.1", "/v2", "/v2"),
    ("[2001:db8::1]", "/v1", "[2001:db8::1]/v1"),
  ])
  func `the most exact host decides, then the longest prefix`(host: String, path: String, pattern: String)
    throws
  {
    #expect(try Routes(RouteTableTests.patterns).find(host, path) == pattern)
  }

  @Test(arguments: [
    ("other.test", "/"), ("other.test", "/staticx"), ("example.com", "/"), ("example.com.evil.test", "/v1"),
    ("api.example.com.evil.test", "/v1"), ("10.0.0.1", "/"), ("[2001:db8::1]", "/v10"),
    ("[2001:db8::2]", "/v1"),
    ("", "/"), ("other.test", "*"), ("other.test", ""), ("other.test", "?/static"),
    ("other.test", "/?/static"),
    ("shop.example.org.x", "/a"), ("xshop.example.org", "/"), ("x.shop.example.org", "/"),
  ])
  func `a request that no route takes has none`(host: String, path: String) throws {
    #expect(try Routes(RouteTableTests.patterns).find(host, path) == nil)
  }

  @Test(arguments: [
    "API.example.COM", "api.example.com:8080", "api.example.com:", "api.example.com.", "API.Example.com.:80",
  ])
  func `neither port nor case nor a dot at the end of Host counts`(host: String) throws {
    #expect(try Routes(RouteTableTests.patterns).find(host, "/v1/users") == "api.example.com/v1/users")
    let routes = try Routes(["*.Example.COM", "*"])
    #expect(routes.find(host, "/") == "*.Example.COM")
  }

  @Test(arguments: [
    "[::1]", "[::1]:8080", "[0:0::1]", "[0000:0000:0000:0000:0000:0000:0000:0001]:80", "[::0.0.0.1]",
  ])
  func `an IPv6 literal is compared as an address`(host: String) throws {
    #expect(try Routes(["[0::1]", "*"]).find(host, "/") == "[0::1]")
    #expect(try Routes(["[::2]", "*"]).find(host, "/") == "*")
    #expect(try Routes(["a.example", "*.example"]).find(host, "/") == nil)
  }

  @Test func `an IPv4 address has one route in both its forms`() throws {
    let routes = try Routes(["10.0.0.1", "*"])
    #expect(routes.find("10.0.0.1:80", "/") == "10.0.0.1")
    #expect(routes.find("[::ffff:10.0.0.1]", "/") == "10.0.0.1")
    #expect(routes.find("10.0.0.10", "/") == "*")
    #expect(routes.find("010.0.0.1", "/") == "*")
  }

  @Test(arguments: [nil, "", ":80", ".", ".example.com", "..", "[", "[]", "[::1", "[::x]"])
  func `without a host that is one, routes for any host take a request`(host: String?) throws {
    let routes = try Routes(["example.com", "*.example.com", "*.com", "[::1]", "/a", "*"])
    #expect(routes.find(host, "/a/b") == "/a")
    #expect(routes.find(host, "/b") == "*")
    #expect(try Routes(["example.com", "*.example.com", "[::1]"]).find(host, "/") == nil)
  }

  @Test func `a host that lacks a route for the path leaves it to the less specific ones, one by one`() throws
  {
    let patterns = ["a.b.example/1", "*.b.example/2", "*.example/3", "/4", "*"]
    var routes = try Routes(patterns)
    for (path, pattern) in zip(["/1", "/2", "/3", "/4", "/5"], patterns) {
      #expect(routes.find("a.b.example", path) == pattern)
    }
    #expect(routes.find("b.example", "/2") == "*")
    #expect(routes.find("b.example", "/3") == "*.example/3")
    routes = try Routes(Array(patterns.dropLast()))
    #expect(routes.find("a.b.example", "/5") == nil)
  }

  @Test(arguments: ["*", "", "?a", "/", "/?a"])
  func `routes without a prefix take a request without a path`(path: String) throws {
    #expect(try Routes(["/a", "a.example", "*"]).find("a.example", path) == "a.example")
    #expect(try Routes(["/a", "a.example", "*"]).find("b.example", path) == "*")
    #expect(try Routes(["a.example/a"]).find("a.example", path) == nil)
  }

  @Test func `an escape in a prefix is compared as it is normalised`() throws {
    let routes = try Routes(["/%7euser", "/a%2fb"])
    #expect(routes.find(nil, "/~user/x") == "/%7euser")
    #expect(routes.find(nil, "/a%2Fb") == "/a%2fb")
    #expect(routes.find(nil, "/a/b") == nil)
  }

  @Test func `a table without routes finds nothing`() throws {
    #expect(try Routes([]).find("a", "/") == nil)
    #expect(try Routes([]).find(nil, "*") == nil)
  }

  @Test(arguments: [
    (["/a", "/b", "/a/"], "/a", "/a/"), (["*", "/"], "*", "/"),
    (["/x", "A.example/x", "a.EXAMPLE/x/"], "A.example/x", "a.EXAMPLE/x/"),
    (["*.a.example", "*.a.example."], "*.a.example", "*.a.example."),
    (["[::1]", "[0::1]"], "[::1]", "[0::1]"),
    (["/~a", "/%7Ea"], "/~a", "/%7Ea"), (["*/a", "/a"], "*/a", "/a"),
  ])
  func `two patterns for the same requests are an error that names both`(
    patterns: [String], first: String, second: String
  ) {
    let conflict = #expect(throws: RouteConflict.self) { try Routes(patterns) }
    #expect(conflict?.description == "\"\(first)\" and \"\(second)\" take the same requests")
  }

  @Test func `a large table is as right as a small one`() throws {
    var patterns: [String] = ["*"]
    for host in 0..<40 {
      for path in 0..<20 { patterns.append("h\(host).example/p\(path)/x") }
      patterns.append("*.h\(host).example")
    }
    let routes = try Routes(patterns.reversed())
    for host in 0..<40 {
      for path in 0..<20 {
        #expect(routes.find("h\(host).example", "/p\(path)/x/y") == "h\(host).example/p\(path)/x")
        #expect(routes.find("h\(host).example", "/p\(path)/y") == "*")
        #expect(routes.find("a.h\(host).example", "/p\(path)/x") == "*.h\(host).example")
      }
    }
  }
}

@Suite("Look-up in random tables") struct RouteTablePropertyTests {
  private static func pick(_ values: [String], _ generator: inout SeededGenerator) -> String {
    values.randomElement(using: &generator) ?? ""
  }

  private static func host(_ generator: inout SeededGenerator) -> String {
    let labels = (0..<Int.random(in: 1...4, using: &generator)).map { _ in
      pick(["a", "b", "ab", "a-b", "z"], &generator)
    }
    return labels.joined(separator: ".")
  }

  private static func path(_ generator: inout SeededGenerator) -> String {
    // What sorts before the slash and after it.
    let segments = ["a", "b", "a-", "a.", "a!", "ab", "A", "~", "", "%2F"]
    return (0..<Int.random(in: 0...4, using: &generator)).map { _ in "/" + pick(segments, &generator) }
      .joined()
  }

  private static func patterns(_ generator: inout SeededGenerator) -> [String] {
    var seen: Set<RoutePattern> = []
    var patterns: [String] = []
    for _ in 0..<Int.random(in: 0...40, using: &generator) {
      let kind = pick(["", "*", "exact", "exact", "wildcard"], &generator)
      let name = host(&generator)
      let text = (kind == "exact" ? name : kind == "wildcard" ? "*." + name : kind) + path(&generator)
      if seen.insert(pattern(text)).inserted { patterns.append(text) }
    }
    return patterns
  }

  /// What the rules say, by trying every pattern.
  private static func expected(_ patterns: [String], _ host: String, _ path: String) -> String? {
    func rank(_ text: String) -> (Int, Int)? {
      let pattern = pattern(text)
      guard pattern.prefix.isEmpty || path == pattern.prefix || path.hasPrefix(pattern.prefix + "/") else {
        return nil
      }
      let prefix = pattern.prefix.utf8.count
      switch pattern.host {
      case .any: return (0, prefix)
      case .exact(let name): return host == name ? (1000, prefix) : nil
      case .subdomains(let name): return host.hasSuffix("." + name) ? (name.utf8.count, prefix) : nil
      }
    }
    let ranked = patterns.compactMap { text in rank(text).map { (text: text, rank: $0) } }
    return ranked.max { $0.rank < $1.rank }?.text
  }

  @Test(arguments: 0..<64 as Range<UInt64>)
  func `a look-up finds what trying every pattern finds`(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let patterns = RouteTablePropertyTests.patterns(&generator)
    let routes = try Routes(patterns)
    for _ in 0..<200 {
      let host = RouteTablePropertyTests.host(&generator)
      let path = "/" + RouteTablePropertyTests.path(&generator).dropFirst()
      let expected = RouteTablePropertyTests.expected(patterns, host, path)
      #expect(routes.find(host, path) == expected, "seed \(seed): \(host)\(path) among \(patterns)")
    }
  }
}
