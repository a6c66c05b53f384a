import Testing

@Suite("RFC 9111: freshness, through a running proxy", .timeLimit(.minutes(10)))
struct CacheFreshnessTests {
  private static let bench = Result { try CacheBench() }

  /// Stored and served, or asked for again.
  private static func stored(_ name: String, _ answer: [String], status: Int = 200) -> CacheCase {
    CacheCase(name, .origin(answer, status: status), .memory(gets: status, text: "body", has: ["Age: *"]))
  }

  private static func notStored(_ name: String, _ answer: [String], status: Int = 200) -> CacheCase {
    CacheCase(name, .origin(answer, status: status), .origin())
  }

  private static let earlier = date(-30)

  static let fresh: [CacheCase] =
    [
      stored("§5.2.2.1 max-age", ["Cache-Control: max-age=60"]),
      stored("§5.2.2.10 s-maxage", ["Cache-Control: s-maxage=60"]),
      stored("§5.2.2.10 s-maxage before max-age", ["Cache-Control: max-age=0, s-maxage=60"]),
      stored("§5.2.2.10 s-maxage before Expires", ["Cache-Control: s-maxage=60", "Expires: 0"]),
      stored("§5.2.2.1 max-age before Expires", ["Cache-Control: max-age=60", "Expires: \(date(-60))"]),
      stored("§5.2.2.1 max-age before an invalid Expires", ["Cache-Control: max-age=60", "Expires: 0"]),
      stored("§5.3 Expires", ["Expires: \(date(600))", "Date: \(date(0))"]),
      stored("§5.3 Expires without Date", ["Expires: \(date(600))"]),
      stored("§5.3 Expires with an invalid Date", ["Expires: \(date(600))", "Date: never"]),
      stored("§5.3 Expires by RFC 850", ["Expires: Thursday, 18-Aug-50 02:01:18 GMT"]),
      stored("§5.3 Expires by asctime", ["Expires: Thu Aug 18 02:01:18 2050"]),
      stored("§5.3 Expires in capitals", ["Expires: THU, 18 AUG 2050 02:01:18 GMT"]),
      stored("§5.3 Expires beyond 2038", ["Expires: Sun, 21 Nov 2286 04:46:39 GMT"]),
      stored("§1.2.2 2147483647", ["Cache-Control: max-age=2147483647"]),
      stored("§1.2.2 2147483648", ["Cache-Control: max-age=2147483648"]),
      stored("§1.2.2 99999999999", ["Cache-Control: max-age=99999999999"]),
      stored("§1.2.2 leading zeros", ["Cache-Control: max-age=000060"]),
      stored("§5.2 any case", ["Cache-Control: MaX-aGe=60"]),
      stored("§5.2 quoted", ["Cache-Control: max-age=\"60\""]),
      stored("§5.2.3 an extension beside it", ["Cache-Control: foobar, max-age=60"]),
      stored("§5.2.3 an extension with a value", ["Cache-Control: foobar=\"a, b\", max-age=60"]),
      stored("§5.2 several lines", ["Cache-Control: public", "Cache-Control: max-age=60"]),
      stored("§5.2 empty elements", ["Cache-Control: , ,max-age=60,,"]),
      stored("§5.2.2.9 public", ["Cache-Control: public, max-age=60"]),
      stored("§5.2.2.2 must-revalidate while fresh", ["Cache-Control: max-age=60, must-revalidate"]),
      stored("§5.2.2.8 proxy-revalidate while fresh", ["Cache-Control: max-age=60, proxy-revalidate"]),
      stored("RFC 8246 immutable", ["Cache-Control: max-age=60, immutable"]),
      stored("§5.4 Pragma says nothing in a response", ["Cache-Control: max-age=60", "Pragma: no-cache"]),
      stored("§5.1 an Age that is no number", ["Cache-Control: max-age=60", "Age: abc"]),
      stored("§5.1 a negative Age", ["Cache-Control: max-age=60", "Age: -7200"]),
      stored("§5.1 an Age with a fraction", ["Cache-Control: max-age=60", "Age: 7200.0"]),
      stored("§5.1 the first of Age's values", ["Cache-Control: max-age=60", "Age: 0, 7200"]),
      stored("§5.1 the first of Age's lines", ["Cache-Control: max-age=60", "Age: 0", "Age: 7200"]),
      stored(
        "§4.2.2 a tenth of the time since it changed", ["Last-Modified: \(date(-86400))", "Date: \(date(0))"]),
      stored("§5.2.2.3 must-understand", ["Cache-Control: max-age=60, no-store, must-understand"]),
      stored(
        "RFC 9213 §2.2 CDN-Cache-Control", ["CDN-Cache-Control: max-age=60"]),
      stored(
        "RFC 9213 §2.2 before max-age", ["CDN-Cache-Control: max-age=60", "Cache-Control: max-age=0"]),
      stored(
        "RFC 9213 §2.2 before no-store", ["CDN-Cache-Control: max-age=60", "Cache-Control: no-store"]),
      stored("RFC 9213 §2.2 before Expires", ["CDN-Cache-Control: max-age=60", "Expires: 0"]),
      stored("RFC 9213 §2.1 an extension", ["CDN-Cache-Control: foobar, max-age=60"]),
      stored("RFC 9213 §2.1 too large", ["CDN-Cache-Control: max-age=99999999999"]),
      stored("RFC 9213 §2.2 empty is none", ["CDN-Cache-Control: ", "Cache-Control: max-age=60"]),
      stored(
        "RFC 9213 §2.1 malformed is none", ["CDN-Cache-Control: no-store, &&", "Cache-Control: max-age=60"]),
    ]
    + [200, 203, 299, 301, 302, 303, 307, 308, 400, 403, 404, 405, 410, 414, 499, 500, 501, 599].map {
      status in
      stored("§3 a fresh \(status)", ["Cache-Control: max-age=60"], status: status)
    }
    + [200, 203, 300, 301, 308, 404, 405, 410, 414, 501].map { status in
      stored("§4.2.2 a \(status) that says nothing", ["Last-Modified: \(date(-86400))"], status: status)
    }
    + [201, 403, 599].map { status in
      stored(
        "§5.2.2.9 a public \(status) that says nothing",
        ["Cache-Control: public", "Last-Modified: \(date(-86400))"], status: status)
    }

  static let stale: [CacheCase] =
    [
      notStored("§4.2 nothing said", []),
      notStored("§5.2.2.1 max-age=0", ["Cache-Control: max-age=0"]),
      notStored("§5.2.2.1 a negative max-age", ["Cache-Control: max-age=-60"]),
      notStored("§4.2.1 max-age with a fraction", ["Cache-Control: max-age=60.0"]),
      notStored("§4.2.1 max-age with letters", ["Cache-Control: max-age=60a"]),
      notStored("§4.2.1 max-age without a value", ["Cache-Control: max-age"]),
      notStored("§4.2.1 max-age in single quotes", ["Cache-Control: max-age='60'"]),
      notStored("§5.2 max-age with a space before", ["Cache-Control: max-age =60"]),
      notStored("§5.2 max-age with a space behind", ["Cache-Control: max-age= 60a"]),
      notStored("§4.2.1 the lesser of two", ["Cache-Control: max-age=60, max-age=0"]),
      notStored("§4.2.1 the lesser of two lines", ["Cache-Control: max-age=60", "Cache-Control: max-age=0"]),
      notStored("§5.2 in another's quotes", ["Cache-Control: x=\"max-age=60\""]),
      notStored("§5.2.2.10 a short s-maxage", ["Cache-Control: max-age=60, s-maxage=0"]),
      notStored("§5.2.2.1 max-age=0 before Expires", ["Cache-Control: max-age=0", "Expires: \(date(600))"]),
      notStored("§5.3 a past Expires", ["Expires: \(date(-600))"]),
      notStored("§5.3 Expires of just now", ["Expires: \(date(0))", "Date: \(date(0))"]),
      notStored("§5.3 Expires before Date, both ahead", ["Expires: \(date(300))", "Date: \(date(400))"]),
      notStored("§5.3 0", ["Expires: 0"]),
      notStored("§5.3 -1", ["Expires: -1"]),
      notStored("§5.3 UTC", ["Expires: Thu, 18 Aug 2050 02:01:18 UTC"]),
      notStored("§5.3 another zone", ["Expires: Thu, 18 Aug 2050 02:01:18 AEST"]),
      notStored("§5.3 two digits of a year", ["Expires: Thu, 18 Aug 50 02:01:18 GMT"]),
      notStored("§5.3 without its comma", ["Expires: Thu 18 Aug 2050 02:01:18 GMT"]),
      notStored("§5.3 with two spaces", ["Expires: Thu, 18  Aug  2050 02:01:18 GMT"]),
      notStored("§5.3 with hyphens", ["Expires: Thu, 18-Aug-2050 02:01:18 GMT"]),
      notStored("§5.3 with full stops", ["Expires: Thu, 18 Aug 2050 02.01.18 GMT"]),
      notStored("§5.3 an hour of one digit", ["Expires: Thu, 18 Aug 2050 2:01:18 GMT"]),
      notStored("§5.3 two lines", ["Expires: \(date(600))", "Expires: \(date(601))"]),
      notStored("§5.2.2.5 no-store", ["Cache-Control: no-store"]),
      notStored("§5.2.2.5 no-store in any case", ["Cache-Control: max-age=60, No-StOrE"]),
      notStored(
        "§5.2.2.5 no-store and fresh", ["Cache-Control: max-age=60, no-store", "Expires: \(date(600))"]),
      notStored("§5.2.2.7 private", ["Cache-Control: max-age=60, private"]),
      notStored("§5.2.2.7 private in any case", ["Cache-Control: max-age=60, PRIVATE"]),
      notStored("§5.2.2.4 no-cache without a validator", ["Cache-Control: max-age=60, no-cache"]),
      notStored("§5.2.2.4 no-cache in any case", ["Cache-Control: max-age=60, No-CaChE"]),
      notStored("§5.2.2.3 must-understand", ["Cache-Control: max-age=60, must-understand"], status: 599),
      notStored("§4.1 Vary: *", ["Cache-Control: max-age=60", "Vary: *"]),
      notStored("§4.1 Vary: * among others", ["Cache-Control: max-age=60", "Vary: Foo, *"]),
      notStored("§4.1 Vary: * on another line", ["Cache-Control: max-age=60", "Vary: Foo", "Vary: *"]),
      notStored("§4.1 Vary: , *", ["Cache-Control: max-age=60", "Vary: , *"]),
      notStored("Set-Cookie", ["Cache-Control: max-age=60", "Set-Cookie: a=b"]),
      notStored("a trailer section", ["Cache-Control: max-age=60", "Trailer: X"]),
      notStored("§3.3 206", ["Cache-Control: max-age=60", "Content-Range: bytes 0-3/9"], status: 206),
      notStored("§5.4 Pragma is no freshness", ["Pragma: public"]),
      notStored("RFC 9213 §2.2 no-store", ["CDN-Cache-Control: no-store", "Cache-Control: max-age=60"]),
      notStored("RFC 9213 §2.2 private", ["CDN-Cache-Control: private", "Cache-Control: max-age=60"]),
      notStored("RFC 9213 §2.2 no-cache", ["CDN-Cache-Control: no-cache", "Cache-Control: max-age=60"]),
      notStored("RFC 9213 §2.2 max-age=0", ["CDN-Cache-Control: max-age=0", "Expires: \(date(600))"]),
      notStored(
        "RFC 9213 §2.1 a wrong type", ["CDN-Cache-Control: max-age=\"60\"", "Cache-Control: no-store"]),
      notStored(
        "RFC 9213 §2.1 malformed", ["CDN-Cache-Control: max-age=60, &&", "Cache-Control: no-store"]),
    ]
    + [201, 202, 302, 307, 403, 500, 502, 503, 504, 599].map { status in
      notStored("§4.2.2 a \(status) that says nothing", ["Last-Modified: \(date(-86400))"], status: status)
    }

  static let aged: [CacheCase] = [
    CacheCase(
      "§5.1 Age goes on from the origin's", .origin(["Cache-Control: max-age=60", "Age: 30"]),
      .memory(has: ["Age: 30~"])),
    CacheCase(
      "§5.1 a first answer has its Age", .origin(["Cache-Control: max-age=60", "Age: 30"], has: ["Age: 30~"])),
    CacheCase("§5.1 a first answer without has none", .origin(["Cache-Control: max-age=60"], has: ["Age"])),
    CacheCase("§4.2.3 as old as it may be", .origin(["Cache-Control: max-age=60", "Age: 60"]), .origin()),
    CacheCase("§4.2.3 older", .origin(["Cache-Control: max-age=60", "Age: 7200"]), .origin()),
    CacheCase("§4.2.3 2147483648 old", .origin(["Cache-Control: max-age=60", "Age: 2147483648"]), .origin()),
    CacheCase(
      "§5.1 the first of its values", .origin(["Cache-Control: max-age=60", "Age: 7200, 0"]), .origin()),
    CacheCase(
      "§4.2.3 an old Date", .origin(["Cache-Control: max-age=60", "Date: \(date(-120))"]), .origin()),
    CacheCase(
      "§4.2.3 Age against Expires", .origin(["Expires: \(date(10))", "Date: \(date(-10))", "Age: 25"]),
      .origin()),
    CacheCase(
      "§4.2.3 Age against Expires, a fast clock",
      .origin(["Expires: \(date(20))", "Date: \(date(10))", "Age: 15"]), .origin()),
    CacheCase(
      "§6.6.1 Date stays", .origin(["Cache-Control: max-age=600", "Date: \(earlier)"]),
      .memory(has: ["Date: \(earlier)"])),
    CacheCase("§5.2.2.1 it ends", .origin(["Cache-Control: max-age=1"]), .origin(after: 1.2)),
  ]

  @Test(arguments: fresh) func `is stored and served`(_ one: CacheCase) throws {
    try CacheFreshnessTests.bench.get().run(one)
  }
  @Test(arguments: stale) func `is asked for again`(_ one: CacheCase) throws {
    try CacheFreshnessTests.bench.get().run(one)
  }
  @Test(arguments: aged) func `has an age`(_ one: CacheCase) throws {
    try CacheFreshnessTests.bench.get().run(one)
  }
}
