import Testing

@Suite("RFC 9111 §4.3: validation, through a running proxy", .timeLimit(.minutes(10)))
struct CacheValidationTests {
  private static let bench = Result { try CacheBench() }
  private static let modified = date(-5000)
  private static let later = date(-2000)
  private static let before = date(-9000)
  /// Stale from the start.
  private static let old = ["Cache-Control: max-age=10", "Age: 20"]
  private static let tagged = ["Cache-Control: max-age=60", "ETag: \"abc\""]

  private static func matches(_ name: String, _ tag: String, _ asked: String) -> CacheCase {
    CacheCase(
      name, .origin(["Cache-Control: max-age=60", "ETag: \(tag)"]),
      .memory(ask: ["If-None-Match: \(asked)"], gets: 304, has: ["ETag: \(tag)", "Content-Length", "Age: *"]))
  }

  private static func differs(_ name: String, _ tag: String, _ asked: String) -> CacheCase {
    CacheCase(
      name, .origin(["Cache-Control: max-age=60", "ETag: \(tag)"]),
      .memory(ask: ["If-None-Match: \(asked)"], text: "body"))
  }

  static let conditions: [CacheCase] = [
    matches("RFC 9110 §13.1.2 the same tag", "\"abc\"", "\"abc\""),
    matches("§13.1.2 the first of a list", "\"abc\"", "\"abc\", \"x\", \"y\""),
    matches("§13.1.2 in a list", "\"abc\"", "\"x\", \"abc\", \"y\""),
    matches("§13.1.2 the last of a list", "\"abc\"", "\"x\",\"y\",\"abc\""),
    matches("§13.1.2 *", "\"abc\"", "*"),
    matches("§8.8.3.2 both weak", "W/\"abc\"", "W/\"abc\""),
    matches("§8.8.3.2 weak and strong", "W/\"abc\"", "\"abc\""),
    matches("§8.8.3.2 strong and weak", "\"abc\"", "W/\"abc\""),
    matches("§8.8.3 a comma in a tag", "\"a,b\"", "\"x\", \"a,b\""),
    differs("§13.1.2 another tag", "\"abc\"", "\"abd\""),
    differs("§13.1.2 a part of it", "\"abc\"", "\"ab\""),
    differs("§8.8.3 another case", "\"abc\"", "\"ABC\""),
    differs("§13.1.2 an empty list", "\"abc\"", ", ,"),
    CacheCase(
      "§13.1.3 the same date", .origin(["Cache-Control: max-age=60", "Last-Modified: \(modified)"]),
      .memory(ask: ["If-Modified-Since: \(modified)"], gets: 304, has: ["Last-Modified: \(modified)"])),
    CacheCase(
      "§13.1.3 a later date", .origin(["Cache-Control: max-age=60", "Last-Modified: \(modified)"]),
      .memory(ask: ["If-Modified-Since: \(later)"], gets: 304)),
    CacheCase(
      "§13.1.3 an earlier date", .origin(["Cache-Control: max-age=60", "Last-Modified: \(modified)"]),
      .memory(ask: ["If-Modified-Since: \(before)"], text: "body")),
    CacheCase(
      "§13.1.3 no date at all", .origin(["Cache-Control: max-age=60", "Last-Modified: \(modified)"]),
      .memory(ask: ["If-Modified-Since: yesterday"], text: "body")),
    CacheCase(
      "RFC 9111 §4.3.2 Date where there is no Last-Modified",
      .origin(["Cache-Control: max-age=9999", "Date: \(modified)"]),
      .memory(ask: ["If-Modified-Since: \(later)"], gets: 304)),
    CacheCase(
      "§13.1.3 If-None-Match comes first",
      .origin(["Cache-Control: max-age=60", "ETag: \"abc\"", "Last-Modified: \(modified)"]),
      .memory(ask: ["If-None-Match: \"x\"", "If-Modified-Since: \(later)"], text: "body"),
      .memory(ask: ["If-None-Match: \"abc\"", "If-Modified-Since: \(before)"], gets: 304)),
    CacheCase(
      "§15.4.5 a 304 has what a 200 would have",
      .origin([
        "Cache-Control: max-age=60", "ETag: \"abc\"", "Vary: Foo", "Expires: 0", "Content-Location: /x",
        "Other: 1",
        "Content-Type: text/plain",
      ]),
      .memory(
        ask: ["If-None-Match: \"abc\""], gets: 304,
        has: [
          "Cache-Control: max-age=60", "Vary: Foo", "Expires: 0", "Content-Location: /x", "Date: *", "Other",
          "Content-Type", "Content-Length",
        ])),
    CacheCase(
      "§9.3.2 HEAD has conditions too", .origin(tagged),
      .memory("HEAD", ask: ["If-None-Match: \"abc\""], gets: 304)),
    CacheCase(
      "RFC 9111 §4.3.2 of another status than 200 there is nothing to compare",
      .origin(tagged, status: 404), .memory(ask: ["If-None-Match: \"abc\""], gets: 404)),
    CacheCase(
      "a condition that misses goes through as it is",
      .origin(
        ["ETag: \"abc\""], ask: ["If-None-Match: \"abc\""], status: 304, sees: ["If-None-Match: \"abc\""])),
    CacheCase(
      "and what it brings is stored",
      .origin(tagged, ask: ["If-None-Match: \"x\""], sees: ["If-None-Match: \"x\""]), .memory(text: "body")),
  ]

  static let validations: [CacheCase] = [
    CacheCase(
      "§4.3.1 by ETag", .origin(old + ["ETag: \"abc\""]),
      .origin(
        ["ETag: \"abc\""], status: 304, sees: ["If-None-Match: \"abc\""], gets: 200, text: "body",
        has: ["Cache-Status: sluice; fwd=stale; fwd-status=304"])),
    CacheCase(
      "§4.3.1 by a weak ETag", .origin(old + ["ETag: W/\"abc\""]),
      .origin(["ETag: W/\"abc\""], status: 304, sees: ["If-None-Match: W/\"abc\""], gets: 200, text: "body")),
    CacheCase(
      "§4.3.1 by Last-Modified", .origin(old + ["Last-Modified: \(modified)"]),
      .origin([], status: 304, sees: ["If-Modified-Since: \(modified)"], gets: 200, text: "body")),
    CacheCase(
      "§4.3.1 by both", .origin(old + ["ETag: \"abc\"", "Last-Modified: \(modified)"]),
      .origin(
        [], status: 304, sees: ["If-None-Match: \"abc\"", "If-Modified-Since: \(modified)"], gets: 200,
        text: "body")),
    CacheCase(
      "§5.2.2.4 no-cache is validated each time", .origin(["Cache-Control: no-cache", "ETag: \"abc\""]),
      .origin([], status: 304, sees: ["If-None-Match: \"abc\""], gets: 200, text: "body"),
      .origin([], status: 304, sees: ["If-None-Match: \"abc\""], gets: 200, text: "body")),
    CacheCase(
      "§5.2.2.4 however fresh", .origin(["Cache-Control: max-age=600, no-cache", "ETag: \"abc\""]),
      .origin([], status: 304, sees: ["If-None-Match: \"abc\""], gets: 200, text: "body")),
    CacheCase(
      "RFC 9213 no-cache there", .origin(["CDN-Cache-Control: no-cache", "ETag: \"abc\""]),
      .origin([], status: 304, sees: ["If-None-Match: \"abc\""], gets: 200, text: "body")),
    CacheCase(
      "§4.3.4 a 304 makes it fresh", .origin(old + ["ETag: \"abc\""]),
      .origin(["Cache-Control: max-age=60"], status: 304, gets: 200, text: "body"), .memory(text: "body")),
    CacheCase(
      "§3.2 a 304 brings fields up to date", .origin(old + ["ETag: \"abc\"", "A: 1", "B: 1"]),
      .origin(
        ["Cache-Control: max-age=60", "A: 2", "C: 3"], status: 304, gets: 200, text: "body",
        has: ["A: 2", "B: 1", "C: 3"]),
      .memory(text: "body", has: ["A: 2", "B: 1", "C: 3"])),
    CacheCase(
      "§3.2 but not those of the body", .origin(old + ["ETag: \"abc\"", "Content-Encoding: x"]),
      .origin(
        ["Cache-Control: max-age=60", "Content-Length: 99", "Content-Encoding: y"], status: 304, gets: 200,
        text: "body", has: ["Content-Length: 4", "Content-Encoding: x"])),
    CacheCase(
      "§4.3.3 a 200 takes its place", .origin(old + ["ETag: \"abc\""]),
      .origin(["Cache-Control: max-age=60"], body: "new", text: "new"), .memory(text: "new")),
    CacheCase(
      "§4.3.3 an error goes on to the client", .origin(old + ["ETag: \"abc\""]),
      .origin([], status: 500, sees: ["If-None-Match: \"abc\""], gets: 500)),
    CacheCase(
      "§4.3.2 the client's own condition is met after it", .origin(old + ["ETag: \"abc\""]),
      .origin(
        ["Cache-Control: max-age=60"], ask: ["If-None-Match: \"abc\""], status: 304,
        sees: ["If-None-Match: \"abc\""], gets: 304)),
    CacheCase(
      "§4.3.2 and does not reach the origin where it differs", .origin(old + ["ETag: \"abc\""]),
      .origin(
        ["Cache-Control: max-age=60"], ask: ["If-None-Match: \"x\"", "Range: bytes=0-0"], status: 304,
        sees: ["If-None-Match: \"abc\"", "Range"], gets: 206, text: "b")),
    CacheCase(
      "§4.3.1 with what Vary names",
      .origin(old + ["ETag: \"abc\"", "Vary: Foo"], ask: ["Foo: 1"]),
      .origin(
        [], ask: ["Foo: 1"], status: 304, sees: ["Foo: 1", "If-None-Match: \"abc\""], gets: 200, text: "body")
    ),
    CacheCase(
      "§5.2.2.2 must-revalidate once stale",
      .origin(["Cache-Control: max-age=10, must-revalidate", "Age: 20", "ETag: \"abc\""]),
      .origin([], status: 304, sees: ["If-None-Match: \"abc\""], gets: 200, text: "body")),
    CacheCase(
      "§4.3.3 a 304 that forbids storing is obeyed", .origin(old + ["ETag: \"abc\""]),
      .origin(["Cache-Control: no-store"], status: 304, gets: 200, text: "body"),
      .origin(sees: ["If-None-Match"])),
  ]

  static let errors: [CacheCase] =
    [500, 502, 503, 504].map { status in
      CacheCase(
        "RFC 5861 §4 stale-if-error against \(status)",
        .origin(["Cache-Control: max-age=10, stale-if-error=60", "Age: 20"]),
        .origin([], status: status, gets: 200, text: "body"))
    } + [
      CacheCase(
        "RFC 5861 §4 after its window", .origin(["Cache-Control: max-age=10, stale-if-error=5", "Age: 20"]),
        .origin([], status: 503)),
      CacheCase(
        "RFC 5861 §4 not against 404", .origin(["Cache-Control: max-age=10, stale-if-error=60", "Age: 20"]),
        .origin([], status: 404)),
      CacheCase(
        "RFC 5861 §4 by the request", .origin(["Cache-Control: max-age=10", "Age: 20"]),
        .origin([], ask: ["Cache-Control: stale-if-error=60"], status: 503, gets: 200, text: "body")),
      CacheCase(
        "RFC 9111 §4.2.4 not without leave", .origin(["Cache-Control: max-age=10", "Age: 20"]),
        .origin([], status: 503)),
    ]
    + ["must-revalidate", "proxy-revalidate", "no-cache", "s-maxage=10"].map { directive in
      CacheCase(
        "RFC 9111 §4.2.4 not against \(directive)",
        .origin(["Cache-Control: max-age=10, stale-if-error=60, \(directive)", "Age: 20", "ETag: \"abc\""]),
        .origin([], status: 503))
    }

  static let window: [CacheCase] = [
    CacheCase(
      "RFC 5861 §3 stale at once, and asked for meanwhile",
      .origin(["Cache-Control: max-age=10, stale-while-revalidate=60", "Age: 20"]),
      Turn(reachesOrigin: true, answer: ["Cache-Control: max-age=60"], body: "new", gets: 200, text: "body"),
      .memory(text: "new", after: 0.5)),
    CacheCase(
      "RFC 5861 §3 validated meanwhile",
      .origin(["Cache-Control: max-age=10, stale-while-revalidate=60", "Age: 20", "ETag: \"abc\""]),
      Turn(
        reachesOrigin: true, status: 304, answer: ["Cache-Control: max-age=60"],
        sees: ["If-None-Match: \"abc\""],
        gets: 200, text: "body"),
      .memory(text: "body", after: 0.5)),
    CacheCase(
      "RFC 5861 §3 not after its window",
      .origin(["Cache-Control: max-age=10, stale-while-revalidate=5", "Age: 20"]), .origin()),
    CacheCase(
      "RFC 5861 §3 not against must-revalidate",
      .origin([
        "Cache-Control: max-age=10, stale-while-revalidate=60, must-revalidate", "Age: 20", "ETag: \"a\"",
      ]),
      .origin()),
  ]

  @Test(arguments: conditions) func `a condition is met from memory`(_ one: CacheCase) throws {
    try CacheValidationTests.bench.get().run(one)
  }
  @Test(arguments: validations) func `the origin is asked`(_ one: CacheCase) throws {
    try CacheValidationTests.bench.get().run(one)
  }
  @Test(arguments: errors) func `an origin fails`(_ one: CacheCase) throws {
    try CacheValidationTests.bench.get().run(one)
  }
}

/// The origin is asked in the background here: who asks waits for that.
@Suite("RFC 5861 §3: stale-while-revalidate", .serialized, .timeLimit(.minutes(5)))
struct StaleWhileRevalidateTests {
  @Test(arguments: CacheValidationTests.window) func `serves what is stale`(_ one: CacheCase) throws {
    try CacheBench().run(one)
  }
}
