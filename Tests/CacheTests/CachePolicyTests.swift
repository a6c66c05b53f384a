import Base
import Testing

@testable import Cache

@Suite("What is stored, and how long it is fresh") struct CachePolicyTests {
  struct Case: CustomTestStringConvertible {
    var name: String
    var status = 200
    var fields: [String]
    /// Seconds it is fresh from now on; `nil` where it is not stored.
    var fresh: Int?
    var testDescription: String { name }

    init(_ name: String, _ fields: [String], status: Int = 200, fresh: Int?) {
      (self.name, self.status, self.fields, self.fresh) = (name, status, fields, fresh)
    }
  }

  // 1800000000 is Fri, 15 Jan 2027 08:00:00 GMT.
  static let cases = [
    Case("RFC 9111 §4.2.1: max-age", ["Cache-Control: max-age=60"], fresh: 60),
    Case("§5.2: names in any case", ["Cache-Control: MAX-AGE=60"], fresh: 60),
    Case("§4.2.1: s-maxage before max-age", ["Cache-Control: max-age=1, s-maxage=60"], fresh: 60),
    Case("§4.2.1: the lesser of two", ["Cache-Control: max-age=60, max-age=30"], fresh: 30),
    Case("§4.2.1: on two lines", ["Cache-Control: max-age=60", "Cache-Control: max-age=30"], fresh: 30),
    Case("§5.2: in quotes", ["Cache-Control: max-age=\"60\""], fresh: 60),
    Case("§5.2: not within another's quotes", ["Cache-Control: x=\"max-age=60\", max-age=1"], fresh: 1),
    Case("§1.2.2: leading zeros", ["Cache-Control: max-age=0060"], fresh: 60),
    Case("§1.2.2: too large a number", ["Cache-Control: max-age=99999999999999999999"], fresh: 1 << 40),
    Case("§4.2.1: no number is stale", ["Cache-Control: max-age=-60"], fresh: nil),
    Case("§4.2.1: a fraction is stale", ["Cache-Control: max-age=60.5"], fresh: nil),
    Case("§4.2.1: letters are stale", ["Cache-Control: max-age=60s"], fresh: nil),
    Case("single quotes are no quotes", ["Cache-Control: max-age='60'"], fresh: nil),
    Case("stale with a validator is kept", ["Cache-Control: max-age=0", "ETag: \"a\""], fresh: 0),
    Case(
      "§5.3: Expires", ["Date: Fri, 15 Jan 2027 08:00:00 GMT", "Expires: Fri, 15 Jan 2027 08:01:00 GMT"],
      fresh: 60),
    Case(
      "§5.3: Expires counts from Date",
      ["Date: Fri, 15 Jan 2027 08:10:00 GMT", "Expires: Fri, 15 Jan 2027 08:11:00 GMT"], fresh: 60),
    Case(
      "§5.3: max-age before Expires",
      ["Cache-Control: max-age=60", "Expires: Thu, 01 Jan 1970 00:00:00 GMT"],
      fresh: 60),
    Case("§5.3: an invalid Expires is past", ["Expires: 0"], fresh: nil),
    Case(
      "§5.3: two of them are",
      ["Expires: Fri, 15 Jan 2027 08:01:00 GMT", "Expires: Fri, 15 Jan 2027 08:02:00 GMT"],
      fresh: nil),
    Case("§4.2.3: Age", ["Cache-Control: max-age=60", "Age: 20"], fresh: 40),
    Case("§5.1: the first Age", ["Cache-Control: max-age=60", "Age: 20, 50"], fresh: 40),
    Case("§5.1: the first line of Age", ["Cache-Control: max-age=60", "Age: 20", "Age: 50"], fresh: 40),
    Case("§5.1: an Age that is no number", ["Cache-Control: max-age=60", "Age: -5"], fresh: 60),
    Case("§4.2.3: older than it is fresh", ["Cache-Control: max-age=60", "Age: 90"], fresh: -30),
    Case(
      "§4.2.3: the apparent age", ["Cache-Control: max-age=60", "Date: Fri, 15 Jan 2027 07:59:39 GMT"],
      fresh: 40),
    Case(
      "§4.2.2: a tenth of the time since it changed",
      ["Date: Fri, 15 Jan 2027 08:00:00 GMT", "Last-Modified: Fri, 15 Jan 2027 07:50:00 GMT"], fresh: 60),
    Case(
      "§4.2.2: a day at most",
      ["Date: Fri, 15 Jan 2027 08:00:00 GMT", "Last-Modified: Fri, 15 Jan 2021 07:50:00 GMT"], fresh: 86400),
    Case(
      "§4.2.2: not for every status", ["Last-Modified: Fri, 15 Jan 2027 07:50:00 GMT"], status: 503,
      fresh: nil),
    Case(
      "§5.2.2.9: public makes it so",
      ["Cache-Control: public", "Last-Modified: Fri, 15 Jan 2027 07:50:00 GMT"], status: 503, fresh: 60),
    Case("nothing is said", [], fresh: nil),
    Case("§5.2.2.5: no-store", ["Cache-Control: max-age=60, no-store"], fresh: nil),
    Case("§5.2.2.7: private", ["Cache-Control: max-age=60, private"], fresh: nil),
    Case("§5.2.2.3: must-understand", ["Cache-Control: max-age=60, no-store, must-understand"], fresh: 60),
    Case(
      "§5.2.2.3: not understood", ["Cache-Control: max-age=60, must-understand"], status: 599, fresh: nil),
    Case("§3: any status with its own freshness", ["Cache-Control: max-age=60"], status: 599, fresh: 60),
    Case("§3.3: partial content", ["Cache-Control: max-age=60"], status: 206, fresh: nil),
    Case("§4.1: Vary: *", ["Cache-Control: max-age=60", "Vary: a, *"], fresh: nil),
    Case("cookies are not shared", ["Cache-Control: max-age=60", "Set-Cookie: a=b"], fresh: nil),
    Case("unless said", ["Cache-Control: max-age=60, public", "Set-Cookie: a=b"], fresh: 60),
    Case("RFC 9213 §2.2", ["CDN-Cache-Control: max-age=60", "Cache-Control: no-store"], fresh: 60),
    Case(
      "RFC 9213 §2.1: malformed", ["CDN-Cache-Control: max-age=60, &", "Cache-Control: no-store"], fresh: nil),
    Case(
      "RFC 9213 §2.2: no Expires beside it",
      ["CDN-Cache-Control: max-age=0", "Expires: Fri, 15 Jan 2027 08:01:00 GMT"], fresh: nil),
  ]

  @Test(arguments: cases) func `freshness`(_ one: Case) {
    let stored = Heads(status: one.status, fields: one.fields).stored()
    #expect(stored?.freshSeconds(Instant(milliseconds: 1_000_000)) == one.fresh)
  }

  @Test(arguments: [
    ("public", true), ("s-maxage=60", true), ("must-revalidate", true), ("max-age=60", false),
  ])
  func `§3.5: requests with Authorization`(_ directive: String, _ isStored: Bool) {
    let heads = Heads(fields: ["Cache-Control: max-age=60, \(directive)"], hasAuthorization: true)
    #expect((heads.stored() != nil) == isStored)
  }

  @Test func `§4.2.3: the time a response took counts as age`() {
    let heads = Heads(fields: ["Cache-Control: max-age=60", "Age: 10"])
    let stored = heads.stored(at: Instant(milliseconds: 25_000), sentAt: Instant(milliseconds: 20_000))
    #expect(stored?.age(Instant(milliseconds: 30_000)) == 20)
  }

  @Test func `§3.1: what frames, ages or was named is not kept`() throws {
    let heads = Heads(fields: [
      "Cache-Control: max-age=60, private=\"Secret\"", "Content-Length: 5", "Age: 1", "Secret: 1", "Other: 2",
      "Proxy-Authenticate: x", "Proxy-Authentication-Info: x",
    ])
    let stored = try #require(heads.stored())
    let text = String(decoding: stored.bytes, as: UTF8.self)
    #expect(
      text == "HTTP/1.1 200 Phrase\r\nCache-Control: max-age=60, private=\"Secret\"\r\nOther: 2\r\n\r\n")
  }

  @Test func `SLUICE_CACHE_TTL makes a plain 200 fresh`() {
    var settings = CacheSettings()
    settings.defaultTTL = .seconds(5)
    #expect(Heads().stored(settings)?.lifetimeSeconds == 5)
    #expect(Heads(status: 404).stored(settings) == nil)
    #expect(Heads(fields: ["Cache-Control: no-store"]).stored(settings) == nil)
  }
}
