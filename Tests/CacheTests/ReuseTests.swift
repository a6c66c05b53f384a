import Base
import Testing

@testable import Cache

@Suite("Whether a stored answer is used") struct ReuseTests {
  private let start = Instant(milliseconds: 1_000_000)

  struct Case: CustomTestStringConvertible {
    var name: String
    var control: String
    var age: UInt64
    var request = RequestDirectives()
    var expected: Reuse
    var testDescription: String { name }

    init(
      _ name: String, _ control: String, age: UInt64, _ expected: Reuse,
      _ ask: (inout RequestDirectives) -> Void = { _ in }
    ) {
      (self.name, self.control, self.age, self.expected) = (name, control, age, expected)
      ask(&request)
    }
  }

  static let cases = [
    Case("RFC 9111 §4.2: fresh", "max-age=60", age: 59, .fresh(1)),
    Case("§4.2: stale at its lifetime", "max-age=60", age: 60, .validate),
    Case("§5.2.2.4: no-cache is never used unasked", "max-age=60, no-cache", age: 0, .validate),
    Case("§5.2.1.1: max-age", "max-age=60", age: 20, .refused) { $0.maxAge = 10 },
    Case("§5.2.1.1: max-age of just that", "max-age=60", age: 10, .fresh(50)) { $0.maxAge = 10 },
    Case("§5.2.1.3: min-fresh", "max-age=60", age: 20, .refused) { $0.minFresh = 50 },
    Case("§5.2.1.3: min-fresh that is met", "max-age=60", age: 20, .fresh(40)) { $0.minFresh = 40 },
    Case("§5.2.1.4: no-cache", "max-age=60", age: 0, .refused) { $0.noCache = true },
    Case("§5.2.1.2: max-stale", "max-age=60", age: 70, .stale(10, refreshes: false)) { $0.maxStale = 10 },
    Case("§5.2.1.2: staler than that", "max-age=60", age: 71, .validate) { $0.maxStale = 10 },
    Case("§5.2.2.2: must-revalidate", "max-age=60, must-revalidate", age: 61, .validate) { $0.maxStale = 10 },
    Case("§5.2.2.8: proxy-revalidate", "max-age=60, proxy-revalidate", age: 61, .validate) {
      $0.maxStale = 10
    },
    Case("§5.2.2.10: s-maxage", "s-maxage=60", age: 61, .validate) { $0.maxStale = 10 },
    Case("RFC 5861 §3", "max-age=60, stale-while-revalidate=30", age: 90, .stale(30, refreshes: true)),
    Case("RFC 5861 §3: after its window", "max-age=60, stale-while-revalidate=30", age: 91, .validate),
    Case(
      "RFC 5861 §3: not against must-revalidate", "max-age=60, stale-while-revalidate=30, must-revalidate",
      age: 61, .validate),
    Case("RFC 5861 §3: not against the request", "max-age=60, stale-while-revalidate=30", age: 61, .validate)
    {
      $0.noCache = true
    },
  ]

  @Test(arguments: cases) func `reuse`(_ one: Case) throws {
    let head = try #require(
      Heads(fields: ["Cache-Control: \(one.control)", "ETag: \"a\""]).stored(at: start))
    #expect(head.reuse(by: one.request, at: start.advanced(by: .seconds(one.age))) == one.expected)
  }
}
