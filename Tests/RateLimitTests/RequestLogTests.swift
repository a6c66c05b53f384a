import Base
import TestSupport
import Testing

@testable import RateLimit

/// A limiter under a clock of the test's own, in milliseconds.
private struct Clocked {
  let limiter: RateLimiter
  var now: Double = 1000

  init(_ count: Int, per window: Interval, bytesMax: Int = 32 << 20) {
    limiter = RateLimiter(RateLimitRule(count: count, window: window), bytesMax: bytesMax)
  }

  func ask(_ client: ClientKey = ClientKey(IPAddress("192.0.2.1"))) -> RateDecision {
    limiter.admit(client, at: UInt64(now * 1_000_000))
  }
}

@Suite("The rate limit")
struct RequestLogTests {
  @Test func `five in ten seconds: the sixth is refused, and after the window five pass again`() {
    var clock = Clocked(5, per: .seconds(10))
    for remaining in (0..<5).reversed() {
      let decision = clock.ask()
      #expect(decision.isAllowed)
      #expect(decision.remaining == remaining)
    }
    let refused = clock.ask()
    #expect(!refused.isAllowed)
    #expect(refused.waitSeconds == 11 || refused.waitSeconds == 10)
    clock.now += 9_999
    #expect(!clock.ask().isAllowed)
    clock.now += 2
    for _ in 0..<5 { #expect(clock.ask().isAllowed) }
    #expect(!clock.ask().isAllowed)
  }

  @Test func `who waits as long as it is told is let through`() {
    var random = SeededGenerator(seed: 7)
    for count in [1, 3, 100, 129, 5000] {
      var clock = Clocked(count, per: .milliseconds(700))
      for _ in 0..<(count * 3) {
        let decision = clock.ask()
        if !decision.isAllowed {
          clock.now += Double(decision.waitMilliseconds)
          #expect(clock.ask().isAllowed)
        }
        clock.now += Double.random(in: 0..<(700 / Double(count)), using: &random)
      }
    }
  }

  /// The promise: no span of the window's length holds more than the rule says, however requests come.
  @Test(arguments: [1, 2, 5, 100, 128, 129, 1000, 20_000])
  func `no window passes more than the rule promises`(_ count: Int) {
    var random = SeededGenerator(seed: UInt64(count))
    let window = 1000.0
    for pace in [0.2, 1, 3, 20] {
      var clock = Clocked(count, per: .seconds(1))
      var passed: [Double] = []
      let requests = min(60_000, count * 40)
      for _ in 0..<requests {
        let mean = window / Double(count) / pace
        // Bursts, pauses, and everything between.
        let step = Int.random(in: 0..<20, using: &random) == 0 ? mean * 20 : mean * 0.2
        clock.now += Double.random(in: 0...(2 * step), using: &random)
        if clock.ask().isAllowed { passed.append(clock.now) }
      }
      for index in passed.indices where index + count < passed.count {
        #expect(passed[index + count] - passed[index] > window)
      }
    }
  }

  @Test(arguments: [1, 5, 100, 129, 1000, 20_000])
  func `who asks all the time gets what is promised, within one in a hundred`(_ count: Int) {
    var clock = Clocked(count, per: .seconds(1))
    var passed = 0
    let step = 1000 / Double(count) / 3
    let end = clock.now + 30_000
    while clock.now < end {
      if clock.ask().isAllowed {
        passed += 1
        clock.now += step
      } else {
        clock.now += 0.2
      }
    }
    #expect(Double(passed) >= 0.99 * Double(count * 30))
    #expect(passed <= count * 31)
  }

  @Test func `what is refused does not count`() {
    var clock = Clocked(2, per: .seconds(1))
    #expect(clock.ask().isAllowed && clock.ask().isAllowed)
    for _ in 0..<100 {
      clock.now += 9
      #expect(!clock.ask().isAllowed)
    }
    clock.now += 101
    #expect(clock.ask().isAllowed)
  }

  @Test func `clients are counted apart, IPv6 by its network`() {
    let clock = Clocked(1, per: .seconds(1))
    #expect(clock.ask(ClientKey(IPAddress("192.0.2.1"))).isAllowed)
    #expect(clock.ask(ClientKey(IPAddress("192.0.2.2"))).isAllowed)
    #expect(!clock.ask(ClientKey(IPAddress("::ffff:192.0.2.1"))).isAllowed)
    #expect(clock.ask(ClientKey(IPAddress("2001:db8:0:1::1"))).isAllowed)
    #expect(!clock.ask(ClientKey(IPAddress("2001:db8:0:1:ffff::9"))).isAllowed)
    #expect(clock.ask(ClientKey(IPAddress("2001:db8:0:2::1"))).isAllowed)
    #expect(clock.ask(ClientKey(nil)).isAllowed)
    #expect(!clock.ask(ClientKey(nil)).isAllowed)
    #expect(clock.ask(ClientKey(value: Array("key".utf8).span)).isAllowed)
  }
}

@Suite("The memory of the rate limit")
struct LimiterMemoryTests {
  @Test func `millions of networks stay within the budget, and who keeps asking is remembered`() {
    var clock = Clocked(3, per: .seconds(60), bytesMax: 4 << 20)
    let loyal = ClientKey(IPAddress("192.0.2.1"))
    for _ in 0..<3 { #expect(clock.ask(loyal).isAllowed) }
    for network in 0..<600_000 {
      _ = clock.ask(ClientKey(IPAddress(high: 0x2001_0db8_0000_0000 + UInt64(network), low: 1)))
      clock.now += 0.01
      if network % 1000 == 0 { #expect(!clock.ask(loyal).isAllowed) }
    }
    let statistics = clock.limiter.statistics
    #expect(statistics.bytes <= 4 << 20)
    #expect(statistics.clients > 30_000)
    #expect(statistics.evicted > 500_000)
  }

  @Test func `logs that grow count, and push others out`() {
    var clock = Clocked(100, per: .seconds(1), bytesMax: 1 << 20)
    var random = SeededGenerator(seed: 3)
    for _ in 0..<200_000 {
      clock.now += 0.02
      _ = clock.ask(ClientKey(IPAddress(v4: UInt32.random(in: 0..<3000, using: &random))))
    }
    #expect(clock.limiter.statistics.bytes <= 1 << 20)
  }

  @Test func `who asked nothing for a window is forgotten`() {
    var clock = Clocked(2, per: .seconds(1))
    for client in 0..<10_000 { _ = clock.ask(ClientKey(IPAddress(v4: UInt32(client)))) }
    #expect(clock.limiter.statistics.clients == 10_000)
    clock.now += 500
    clock.limiter.sweep(4096, at: UInt64(clock.now * 1_000_000))
    #expect(clock.limiter.statistics.clients == 10_000)
    clock.now += 502
    clock.limiter.sweep(4096, at: UInt64(clock.now * 1_000_000))
    #expect(clock.limiter.statistics.clients == 0)
    #expect(clock.limiter.statistics.bytes == 0)
  }

  /// Against a plain list of times for each client, with clients that come, go and are swept.
  @Test func `it agrees with a plain list of times`() {
    var random = SeededGenerator(seed: 11)
    var clock = Clocked(4, per: .milliseconds(50))
    var lists: [UInt32: [Double]] = [:]
    for step in 0..<200_000 {
      clock.now += Double.random(in: 0..<0.5, using: &random)
      let client = UInt32.random(in: 0..<500, using: &random) & UInt32.random(in: 0..<500, using: &random)
      let times = lists[client, default: []].filter { clock.now - $0 < 50.05 }
      let isClear = !times.contains { abs(clock.now - $0 - 50) < 0.05 }
      let decision = clock.ask(ClientKey(IPAddress(v4: client)))
      // Within a tick of the window's end both answers are right.
      if isClear { #expect(decision.isAllowed == (times.count < 4)) }
      lists[client] = decision.isAllowed ? times + [clock.now] : times
      if step % 97 == 0 { clock.limiter.sweep(4, at: UInt64(clock.now * 1_000_000)) }
    }
  }

  @Test func `threads that ask at once get together what one would`() async {
    let limiter = RateLimiter(RateLimitRule(count: 1000, window: .seconds(3600)), bytesMax: 1 << 20)
    let passed = await withTaskGroup(of: Int.self) { group in
      for _ in 0..<4 {
        group.addTask {
          (0..<2000).reduce(0) { sum, step in
            sum + (limiter.admit(ClientKey(nil), at: 1_000_000_000 + UInt64(step) * 1000).isAllowed ? 1 : 0)
          }
        }
      }
      return await group.reduce(0, +)
    }
    #expect(passed == 1000)
  }
}

@Suite("Counts by client")
struct ClientCountsTests {
  @Test func `as many as the limit, and one more once one is given back`() {
    let counts = ClientCounts(limit: 2)
    let (one, other) = (ClientKey(IPAddress("192.0.2.1")), ClientKey(IPAddress("192.0.2.2")))
    #expect(counts.take(one) && counts.take(one))
    #expect(!counts.take(one))
    #expect(counts.take(other))
    #expect(counts.clients == 2)
    counts.release(one)
    #expect(counts.take(one))
    counts.release(one)
    counts.release(one)
    counts.release(other)
    #expect(counts.clients == 0)
  }
}
