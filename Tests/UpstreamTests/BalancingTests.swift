import Base
import Reactor
import TestSupport
import Testing

@testable import Upstream

@Suite("Balancing", .timeLimit(.minutes(5))) struct BalancingTests {
  private func members(_ count: Int) -> [(name: String, weight: Int, value: Int)] {
    (0..<count).map { ("10.0.0.\($0):3000", 1, $0) }
  }

  private func hash(_ key: Int) -> UInt64 {
    var hash = KeyHash()
    for byte in "user-\(key)".utf8 { hash.add(byte) }
    return hash.finish()
  }

  @Test func `hashing spreads a hundred thousand keys evenly over ten endpoints`() {
    let table = Maglev(members(10))
    var counts = [Int](repeating: 0, count: 10)
    for key in 0..<100_000 { counts[table.find(hash(key)) ?? 0] += 1 }
    for count in counts { #expect((9000...11_000).contains(count)) }
  }

  @Test func `adding one of ten endpoints moves about a tenth of the keys`() {
    let (before, after) = (Maglev(members(9)), Maglev(members(10)))
    let moved = (0..<100_000).count { before.find(hash($0)) != after.find(hash($0)) }
    // The tenth that the new one gets, and a few that fall over each other.
    #expect((9000...14_000).contains(moved))
    // Whatever moved without need stays little.
    let needless = (0..<100_000).count { key in
      let now = after.find(hash(key))
      return now != 9 && before.find(hash(key)) != now
    }
    #expect(needless < 4000)
  }

  @Test func `every proxy makes the same table, whatever order it learns the endpoints in`() {
    let one = Maglev(members(7))
    let other = Maglev(members(7).reversed())
    #expect((0..<1000).allSatisfy { one.find(hash($0)) == other.find(hash($0)) })
  }

  @Test func `weights shape the shares of keys`() {
    let table = Maglev([("a", 3, 0), ("b", 1, 1)])
    let heavy = (0..<100_000).count { table.find(hash($0)) == 0 }
    #expect((72_000...78_000).contains(heavy))
    #expect(Maglev([]).find(1) == nil)
  }

  @Test func `a latency that rises is believed at once, one that falls by and by`() {
    var average = LatencyAverage()
    average.add(1_000_000, at: 0)
    average.add(20_000_000, at: 1_000_000)
    #expect(average.nanoseconds == 20_000_000)
    average.add(1_000_000, at: 2_000_000)
    #expect(average.nanoseconds > 19_000_000)
    for second in 1...60 { average.add(1_000_000, at: UInt64(second) * 1_000_000_000) }
    #expect(average.nanoseconds < 1_200_000)
  }

  @Test func `an endpoint that is not known yet is tried with one request`() {
    let unknown = LatencyAverage()
    #expect(unknown.cost(inFlight: 0, weight: 10, at: 0) == 0)
    var known = LatencyAverage()
    known.add(5_000_000, at: 0)
    #expect(unknown.cost(inFlight: 1, weight: 10, at: 0) > known.cost(inFlight: 50, weight: 10, at: 0))
  }

  @Test func `an endpoint that was slow long ago is tried again`() {
    var (slow, fast) = (LatencyAverage(), LatencyAverage())
    slow.add(40_000_000, at: 0)
    var seconds: UInt64 = 0
    while seconds < 1000 {
      let now = seconds * 1_000_000_000
      fast.add(2_000_000, at: now)
      if slow.cost(inFlight: 0, weight: 10, at: now) < fast.cost(inFlight: 0, weight: 10, at: now) { break }
      seconds += 1
    }
    #expect((60...400).contains(seconds))
  }

  @Test func `random indices are spread evenly`() {
    var random = RandomChoice(seed: 42)
    var counts = [Int](repeating: 0, count: 7)
    for _ in 0..<70_000 { counts[random.next(below: 7)] += 1 }
    for count in counts { #expect((9500...10_500).contains(count)) }
  }

  @Test func `retries are a fifth of the requests, and three a second`() {
    var budget = RetryBudget(workers: 1, at: Instant(milliseconds: 0))
    var now: UInt64 = 0
    // What was saved for the beginning.
    while budget.take(at: Instant(milliseconds: now)) {}
    for _ in 0..<1000 { budget.requestBegan() }
    var taken = 0
    while budget.take(at: Instant(milliseconds: now)) { taken += 1 }
    #expect(taken == 200)
    now = 1000
    taken = 0
    while budget.take(at: Instant(milliseconds: now)) { taken += 1 }
    #expect(taken == 3)
  }

  @Test func `tokens lead back to their endpoint after a restart and say nothing of it`() {
    var settings = UpstreamSettings(origins: [OriginSettings(.host("app", port: 3000))])
    settings.balance = .sticky(cookie: "route")
    settings.stickySecret = "a secret that nobody knows"
    let endpoints = entries([1, 1, 1]).map(\.endpoint)
    func tokens() -> [[UInt8]] {
      endpoints.compactMap { StickyToken.token(of: $0, settings, key: StickyToken.key(settings)) }
    }
    let first = tokens()
    #expect(Set(first).count == 3)
    #expect(first == tokens())
    #expect(first.allSatisfy { $0.count == 24 })
    settings.stickySecret = "another secret altogether"
    #expect(Set(first).isDisjoint(with: tokens()))
  }
}
