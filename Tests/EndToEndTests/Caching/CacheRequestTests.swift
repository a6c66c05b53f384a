import Base
import Testing

@Suite("RFC 9111: requests, keys and variants, through a running proxy", .timeLimit(.minutes(10)))
struct CacheRequestTests {
  private static let bench = Result { try CacheBench() }
  private static let hour = ["Cache-Control: max-age=3600"]
  private static let modified = date(-5000)

  private static func varies(_ name: String, _ vary: String, _ one: [String], _ other: [String]) -> CacheCase
  {
    CacheCase(
      name, .origin(hour + ["Vary: \(vary)"], ask: one), .origin(hour + ["Vary: \(vary)"], ask: other))
  }
  private static func same(_ name: String, _ vary: String, _ one: [String], _ other: [String]) -> CacheCase {
    CacheCase(name, .origin(hour + ["Vary: \(vary)"], ask: one), .memory(ask: other, text: "body"))
  }

  static let directives: [CacheCase] = [
    CacheCase(
      "§5.2.1.4 no-cache", .origin(hour),
      .origin(
        hour, ask: ["Cache-Control: no-cache"],
        has: ["Cache-Status: sluice; fwd=request; stored"])),
    CacheCase(
      "§5.2.1.4 no-cache validates", .origin(hour + ["ETag: \"abc\""]),
      .origin(
        ask: ["Cache-Control: no-cache"], status: 304, sees: ["If-None-Match: \"abc\""], gets: 200,
        text: "body")),
    CacheCase(
      "§5.2.1.1 max-age=0", .origin(hour), .origin(hour, ask: ["Cache-Control: max-age=0"], after: 1.1)),
    CacheCase(
      "§5.2.1.1 max-age", .origin(hour + ["Age: 100"]), .origin(hour, ask: ["Cache-Control: max-age=50"])),
    CacheCase(
      "§5.2.1.1 max-age that is met", .origin(hour + ["Age: 100"]),
      .memory(ask: ["Cache-Control: max-age=500"])),
    CacheCase(
      "§5.2.1.3 min-fresh", .origin(hour + ["Age: 3000"]),
      .origin(hour, ask: ["Cache-Control: min-fresh=900"])),
    CacheCase(
      "§5.2.1.3 min-fresh that is met", .origin(hour + ["Age: 3000"]),
      .memory(ask: ["Cache-Control: min-fresh=90"])),
    CacheCase(
      "§5.2.1.2 max-stale", .origin(["Cache-Control: max-age=10", "Age: 20"]),
      .memory(ask: ["Cache-Control: max-stale=60"])),
    CacheCase(
      "§5.2.1.2 any max-stale", .origin(["Cache-Control: max-age=10", "Age: 20"]),
      .memory(ask: ["Cache-Control: max-stale"])),
    CacheCase(
      "§5.2.1.2 staler than that", .origin(["Cache-Control: max-age=10", "Age: 200"]),
      .origin(ask: ["Cache-Control: max-stale=60"])),
    CacheCase(
      "§5.2.2.2 max-stale against must-revalidate",
      .origin(["Cache-Control: max-age=10, must-revalidate", "Age: 20", "ETag: \"a\""]),
      .origin(ask: ["Cache-Control: max-stale=60"])),
    CacheCase("§5.2.1.5 no-store", .origin(hour, ask: ["Cache-Control: no-store"]), .origin(hour), .memory()),
    CacheCase(
      "§5.2.1.5 no-store asks itself", .origin(hour),
      .origin(
        hour, ask: ["Cache-Control: no-store"],
        has: ["Cache-Status: sluice; fwd=bypass"])),
    CacheCase(
      "§5.2.1.7 only-if-cached and nothing there", .memory(ask: ["Cache-Control: only-if-cached"], gets: 504)),
    CacheCase(
      "§5.2.1.7 only-if-cached", .origin(hour), .memory(ask: ["Cache-Control: only-if-cached"], text: "body")),
    CacheCase(
      "§5.2.1.7 only-if-cached and stale", .origin(["Cache-Control: max-age=10", "Age: 20"]),
      .memory(ask: ["Cache-Control: only-if-cached"], gets: 504)),
    CacheCase("§5.4 Pragma: no-cache", .origin(hour), .origin(hour, ask: ["Pragma: no-cache"])),
    CacheCase(
      "§5.4 Pragma beside Cache-Control", .origin(hour),
      .memory(ask: ["Pragma: no-cache", "Cache-Control: max-age=100"])),
    CacheCase("§5.4 another Pragma", .origin(hour), .memory(ask: ["Pragma: x"])),
    CacheCase("§3.5 Authorization", .origin(hour, ask: ["Authorization: x"]), .origin()),
    CacheCase(
      "§3.5 Authorization and public",
      .origin(["Cache-Control: max-age=60, public"], ask: ["Authorization: x"]), .memory()),
    CacheCase(
      "§3.5 Authorization and must-revalidate",
      .origin(["Cache-Control: max-age=60, must-revalidate"], ask: ["Authorization: x"]), .memory()),
    CacheCase(
      "§3.5 Authorization and s-maxage", .origin(["Cache-Control: s-maxage=60"], ask: ["Authorization: x"]),
      .memory()),
    CacheCase("§4 Cookie is in no key", .origin(hour), .memory(ask: ["Cookie: a=b"])),
    CacheCase(
      "Set-Cookie and public", .origin(["Cache-Control: public, max-age=60", "Set-Cookie: a=b"]), .memory()),
    CacheCase(
      "Set-Cookie and s-maxage", .origin(["Cache-Control: s-maxage=60", "Set-Cookie: a=b"]), .memory()),
    CacheCase(
      "RFC 9110 §9.3.2 HEAD from a stored GET", .origin(hour),
      .memory("HEAD", text: "body", has: ["Content-Length: 4"])),
    CacheCase("RFC 9110 §9.3.2 HEAD stores nothing", .origin(hour, "HEAD"), .origin(hour)),
    CacheCase(
      "§2 POST is not stored", .origin(hour, "POST", has: ["Cache-Status: sluice; fwd=method"]), .origin(hour)
    ),
    CacheCase("§2 OPTIONS is not stored", .origin(hour, "OPTIONS"), .origin(hour)),
  ]

  static let variants: [CacheCase] = [
    same("§4.1 the same", "Foo", ["Foo: 1"], ["Foo: 1"]),
    same("§4.1 others do not matter", "Foo", ["Foo: 1", "Other: 2"], ["Foo: 1", "Other: 3"]),
    same("§4.1 two names", "Foo, Bar", ["Foo: 1", "Bar: a"], ["Bar: a", "Foo: 1"]),
    same("§4.1 three, one of them absent", "Foo, Bar, Baz", ["Foo: 1", "Baz: 9"], ["Foo: 1", "Baz: 9"]),
    same("§4.1 names in any case", "fOO", ["Foo: 1"], ["FOO: 1"]),
    same("§4.1 lines are joined", "Foo", ["Foo: 1, 2"], ["Foo: 1", "Foo: 2"]),
    same("§4.1 white space around commas", "Foo", ["Foo: 1,2"], ["Foo: 1 ,  2"]),
    same(
      "§4.1 languages in any order", "Accept-Language", ["Accept-Language: en, de"],
      ["Accept-Language: de, en"]),
    same(
      "§4.1 languages in any case", "Accept-Language", ["Accept-Language: en, de"],
      ["Accept-Language: EN, De"]),
    same(
      "§4.1 codings in any order", "Accept-Encoding", ["Accept-Encoding: gzip, br"],
      ["Accept-Encoding: br,gzip"]),
    same("§4.1 absent both times", "Foo", [], []),
    varies("§4.1 another value", "Foo", ["Foo: 1"], ["Foo: 2"]),
    varies("§4.1 absent before", "Foo", [], ["Foo: 1"]),
    varies("§4.1 absent now", "Foo", ["Foo: 1"], []),
    varies("§4.1 empty is not absent", "Foo", ["Foo:"], []),
    varies("§4.1 values have case", "Foo", ["Foo: a"], ["Foo: A"]),
    varies("§4.1 one of two", "Foo, Bar", ["Foo: 1", "Bar: a"], ["Foo: 1", "Bar: b"]),
    varies("§4.1 the second line", "Foo", ["Foo: 1", "Foo: 2"], ["Foo: 1", "Foo: 3"]),
    varies("§4.1 a value moved to another field", "Foo, Bar", ["Foo: a", "Bar:"], ["Foo:", "Bar: a"]),
    varies(
      "§4.1 a quality of a language", "Accept-Language", ["Accept-Language: en;q=1"],
      ["Accept-Language: en;q=0"]),
    varies("§4.1 what we write from who asks", "X-Forwarded-For", [], []),
    CacheCase(
      "§4.1 two variants beside each other", .origin(hour + ["Vary: Foo"], ask: ["Foo: 1"], body: "one"),
      .origin(
        hour + ["Vary: Foo"], ask: ["Foo: 2"], body: "two",
        has: ["Cache-Status: sluice; fwd=vary-miss; stored"]),
      .memory(ask: ["Foo: 1"], text: "one"), .memory(ask: ["Foo: 2"], text: "two")),
    CacheCase(
      "§4.1 many variants", .origin(hour + ["Vary: Foo"], ask: ["Foo: 1"]),
      .origin(hour + ["Vary: Foo"], ask: ["Foo: 2"]),
      .origin(hour + ["Vary: Foo"], ask: ["Foo: 3"]), .origin(hour + ["Vary: Foo"], ask: ["Foo: 4"]),
      .memory(ask: ["Foo: 1"]), .memory(ask: ["Foo: 3"])),
  ]

  static let keys: [CacheCase] =
    [
      CacheCase(
        "another query", .origin(hour, path: "?a=1"), .origin(hour, path: "?a=2"), .memory(path: "?a=1")),
      CacheCase("no query and an empty one", .origin(hour), .origin(hour, path: "?")),
      CacheCase(
        "duplicate query parameters in another order", .origin(hour, path: "?a=1&a=2"),
        .origin(hour, path: "?a=2&a=1")),
      CacheCase(
        "query parameters by semicolons", .origin(hour, path: "?a=1;b=2"), .origin(hour, path: "?a=1&b=2")),
      CacheCase("path has case", .origin(hour, path: "/A"), .origin(hour, path: "/a")),
      CacheCase("an encoded slash", .origin(hour, path: "/x%2Fy"), .origin(hour, path: "/x/y")),
      CacheCase(
        "another host", .origin(hour, ask: ["Host: one"]), .origin(hour, ask: ["Host: two"]),
        .memory(ask: ["Host: one"])),
      CacheCase(
        "a host in another case", .origin(hour, ask: ["Host: One.Example"]),
        .memory(ask: ["Host: oNE.example"])),
      CacheCase("another port", .origin(hour, ask: ["Host: one:80"]), .origin(hour, ask: ["Host: one:81"])),
      CacheCase(
        "absolute form against Host", .origin(hour, ask: ["Host: victim"], path: "http://otherBASE/absolute"),
        .origin(hour, ask: ["Host: victim"], path: "/absolute"),
        .memory(ask: ["Host: other"], path: "/absolute")),
      CacheCase(
        "X-Forwarded-Host of a client is ours",
        .origin(hour, ask: ["X-Forwarded-Host: evil"], sees: ["X-Forwarded-Host: a"]),
        .memory()),
      CacheCase(
        "X-Forwarded-Proto of a client is ours",
        .origin(hour, ask: ["X-Forwarded-Proto: gopher"], sees: ["X-Forwarded-Proto: http"]), .memory()),
    ]
    + ["X-Original-URL", "X-Rewrite-URL", "X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"].map
  { name in
    CacheCase(
      "unkeyed \(name)", .origin(hour, ask: ["\(name): /admin"], has: ["Cache-Status: sluice; fwd=bypass"]),
      .origin(hour),
      .origin(hour, ask: ["\(name): /admin"]), .memory())
  }
    + [
      "X-Forwarded-Port", "X-Forwarded-Scheme", "X-Forwarded-Server", "X-Forwarded-Prefix", "X-Host",
      "X-Original-Host", "X-HTTP-Host-Override", "Forwarded",
    ].map { name in
      CacheCase(
        "\(name) spoils nobody's answers", .origin(hour, ask: ["\(name): evil"], body: "evil"), .origin(hour),
        .memory(), .memory(ask: ["\(name): evil"], text: "evil"))
    }

  static let fields: [CacheCase] =
    [
      "Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authentication-Info", "Proxy-Authorization",
      "Proxy-Connection", "TE", "Upgrade",
    ].map { name in
      CacheCase("§3.1 \(name) is not stored", .origin(hour + ["\(name): foo"]), .memory(has: [name]))
    }
    + [
      "Test-Header: 1", "Content-Foo: 1", "Content-Type: text/x", "Content-Language: de",
      "Content-Encoding: foo",
      "Content-Security-Policy: default-src 'self'", "Content-Location: /foo", "Content-MD5: x",
      "Content-Range: x",
      "Clear-Site-Data: cache", "ETag: \"x\"", "Public-Key-Pins: x", "X-Frame-Options: deny",
      "X-XSS-Protection: 1",
      "Location: /x", "Allow: y",
    ].map { line in
      CacheCase(
        "§3.1 \(line.split(separator: ":")[0]) is stored", .origin(hour + [line]), .memory(has: [line]))
    }
    + [
      CacheCase(
        "§3.1 what Connection names is not stored",
        .origin(hour + ["Connection: a, b", "A: 1", "B: 2", "C: 3"]),
        .memory(has: ["A", "B", "C: 3"])),
      CacheCase(
        "§5.2.2.7 private for one field",
        .origin(["Cache-Control: max-age=60, private=\"a\"", "A: 1", "B: 2"], has: ["A: 1"]),
        .memory(has: ["A", "B: 2"])),
      CacheCase(
        "§5.2.2.4 no-cache for fields",
        .origin(["Cache-Control: max-age=60, no-cache=\"a, b\"", "A: 1", "B: 2", "C: 3"]),
        .memory(has: ["A", "B", "C: 3"])),
      CacheCase(
        "RFC 9211 §2 ours is behind the origin's", .origin(hour + ["Cache-Status: other; hit"]),
        .memory(has: ["Cache-Status: other; hit"])),
      CacheCase("RFC 9211 §2.2 a miss", .origin([], has: ["Cache-Status: sluice; fwd=uri-miss"])),
      CacheCase(
        "RFC 9211 §2.6 a miss that is stored",
        .origin(hour, has: ["Cache-Status: sluice; fwd=uri-miss; stored"])),
    ]

  static let ranges: [CacheCase] = [
    CacheCase(
      "RFC 9110 §14.1.2 first and last", .origin(hour, body: "0123456789"),
      .memory(
        ask: ["Range: bytes=2-4"], gets: 206, text: "234",
        has: ["Content-Range: bytes 2-4/10", "Content-Length: 3"])),
    CacheCase(
      "§14.1.2 without a last", .origin(hour, body: "0123456789"),
      .memory(ask: ["Range: bytes=7-"], gets: 206, text: "789", has: ["Content-Range: bytes 7-9/10"])),
    CacheCase(
      "§14.1.2 a suffix", .origin(hour, body: "0123456789"),
      .memory(ask: ["Range: bytes=-3"], gets: 206, text: "789")),
    CacheCase(
      "§14.1.2 beyond the end", .origin(hour, body: "0123456789"),
      .memory(ask: ["Range: bytes=8-99"], gets: 206, text: "89", has: ["Content-Range: bytes 8-9/10"])),
    CacheCase(
      "§15.5.17 none of it is there", .origin(hour, body: "0123456789"),
      .memory(ask: ["Range: bytes=10-"], gets: 416, has: ["Content-Range: bytes */10"])),
    CacheCase("§14.2 another unit", .origin(hour), .memory(ask: ["Range: lines=1-2"], text: "body")),
    CacheCase("§14.2 malformed", .origin(hour), .memory(ask: ["Range: bytes=3-1"], text: "body")),
    CacheCase(
      "§14.2 overlapping too much", .origin(hour), .memory(ask: ["Range: bytes=0-3,0-3,0-3"], text: "body")),
    CacheCase("§14.2 HEAD has none", .origin(hour), .memory("HEAD", ask: ["Range: bytes=0-0"], text: "body")),
    CacheCase(
      "§13.1.5 If-Range by tag", .origin(hour + ["ETag: \"abc\""]),
      .memory(ask: ["Range: bytes=0-0", "If-Range: \"abc\""], gets: 206, text: "b")),
    CacheCase(
      "§13.1.5 If-Range by another tag", .origin(hour + ["ETag: \"abc\""]),
      .memory(ask: ["Range: bytes=0-0", "If-Range: \"x\""], text: "body")),
    CacheCase(
      "§13.1.5 If-Range by a weak tag", .origin(hour + ["ETag: W/\"abc\""]),
      .memory(ask: ["Range: bytes=0-0", "If-Range: W/\"abc\""], text: "body")),
    CacheCase(
      "§13.1.5 If-Range by date", .origin(hour + ["Last-Modified: \(modified)"]),
      .memory(ask: ["Range: bytes=0-0", "If-Range: \(modified)"], gets: 206, text: "b")),
    CacheCase(
      "§13.1.5 If-Range by another date", .origin(hour + ["Last-Modified: \(modified)"]),
      .memory(ask: ["Range: bytes=0-0", "If-Range: \(date(0))"], text: "body")),
    CacheCase(
      "§13.2.2 a condition before the range", .origin(hour + ["ETag: \"abc\""]),
      .memory(ask: ["Range: bytes=0-0", "If-None-Match: \"abc\""], gets: 304)),
    CacheCase(
      "§15.3.7 the rest of the fields", .origin(hour + ["A: 1"]),
      .memory(ask: ["Range: bytes=0-0"], gets: 206, text: "b", has: ["A: 1", "Age: *"])),
    CacheCase(
      "RFC 9111 §3.3 a range that misses goes through",
      .origin(
        hour + ["Content-Range: bytes 0-3/9"], ask: ["Range: bytes=0-3"], status: 206,
        sees: ["Range: bytes=0-3"]), .origin(hour)),
    CacheCase(
      "§14.6 several parts", .origin(hour, body: "0123456789"),
      .memory(ask: ["Range: bytes=0-1, 8-"], gets: 206, has: ["Content-Length: *", "Content-Type: *"])),
  ]

  static let invalidations: [CacheCase] =
    ["POST", "PUT", "DELETE", "PATCH", "M-SEARCH"].flatMap { method in
      [
        CacheCase("§4.4 \(method)", .origin(hour), .origin([], method), .origin(hour)),
        CacheCase("§4.4 a failed \(method)", .origin(hour), .origin([], method, status: 500), .memory()),
        CacheCase(
          "§4.4 \(method) and its Location", .origin(hour, path: "/made"),
          .origin(["Location: BASE/made"], method), .origin(hour, path: "/made")),
        CacheCase(
          "§4.4 \(method) and its Content-Location", .origin(hour, path: "/made"),
          .origin(["Content-Location: BASE/made"], method), .origin(hour, path: "/made")),
      ]
    } + [
      CacheCase("§4.4 a redirected POST", .origin(hour), .origin([], "POST", status: 303), .origin(hour)),
      CacheCase("§4.4 a refused POST", .origin(hour), .origin([], "POST", status: 404), .memory()),
      CacheCase("§4.4 OPTIONS is safe", .origin(hour), .origin([], "OPTIONS"), .memory()),
      CacheCase(
        "§4.4 a relative Location", .origin(hour, path: "/x/made"),
        .origin(["Location: made"], "POST", path: "/x/y"),
        .origin(hour, path: "/x/made")),
      CacheCase(
        "§4.4 a Location with dots", .origin(hour, path: "/x/made"),
        .origin(["Location: ../x/./made"], "POST", path: "/x/y"),
        .origin(hour, path: "/x/made")),
      CacheCase(
        "§4.4 an absolute Location of this origin", .origin(hour, path: "/made"),
        .origin(["Location: http://ABASE/made"], "POST"),
        .origin(hour, path: "/made")),
      CacheCase(
        "§4.4 a Location elsewhere", .origin(hour, path: "/made"),
        .origin(["Location: http://elsewhereBASE/made"], "POST"),
        .memory(path: "/made")),
      CacheCase(
        "§4.4 another query stays", .origin(hour, path: "?a"), .origin([], "POST", path: "?b"),
        .memory(path: "?a")),
      CacheCase(
        "RFC 9875 §3 a group", .origin(hour + ["Cache-Groups: \"BASE\""], path: "/1"),
        .origin(hour + ["Cache-Groups: \"x\", \"BASE\""], path: "/2"),
        .origin(hour + ["Cache-Groups: \"x\""], path: "/3"),
        .origin(["Cache-Group-Invalidation: \"BASE\""], "POST", after: 0.02), .origin(hour, path: "/1"),
        .origin(hour, path: "/2"), .memory(path: "/3")),
      CacheCase(
        "RFC 9875 §3 not by a GET", .origin(hour + ["Cache-Groups: \"BASE\""], path: "/1"),
        .origin(["Cache-Group-Invalidation: \"BASE\""], path: "/4"), .memory(path: "/1")),
      CacheCase(
        "RFC 9875 §3 not by a failure", .origin(hour + ["Cache-Groups: \"BASE\""], path: "/1"),
        .origin(["Cache-Group-Invalidation: \"BASE\""], "POST", status: 500), .memory(path: "/1")),
      CacheCase(
        "RFC 9875 §2 groups have case", .origin(hour + ["Cache-Groups: \"aBASE\""], path: "/1"),
        .origin(["Cache-Group-Invalidation: \"ABASE\""], "POST"), .memory(path: "/1")),
      CacheCase(
        "RFC 9875 §2 no group of another authority", .origin(hour + ["Cache-Groups: \"BASE\""], path: "/1"),
        .origin(["Cache-Group-Invalidation: \"BASE\""], "POST", ask: ["Host: elsewhere"]), .memory(path: "/1")
      ),
    ]

  @Test(arguments: directives) func `what a request asks of caches`(_ one: CacheCase) throws {
    try CacheRequestTests.bench.get().run(one)
  }
  @Test(arguments: variants) func `a variant is chosen`(_ one: CacheCase) throws {
    try CacheRequestTests.bench.get().run(one)
  }
  @Test(arguments: keys) func `a key is made`(_ one: CacheCase) throws {
    try CacheRequestTests.bench.get().run(one)
  }
  @Test(arguments: fields) func `fields are kept`(_ one: CacheCase) throws {
    try CacheRequestTests.bench.get().run(one)
  }
  @Test(arguments: ranges) func `a range is cut`(_ one: CacheCase) throws {
    try CacheRequestTests.bench.get().run(one)
  }
  @Test(arguments: invalidations) func `an unsafe request invalidates`(_ one: CacheCase) throws {
    try CacheRequestTests.bench.get().run(one)
  }
}
