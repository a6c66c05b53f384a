internal import Base

/// When one client was let through, as far back as the window reaches: a sliding log.
///
/// Not GCRA, whose single word cannot keep the promise: a burst of N and N more trickling in behind it are up to 2N
/// in one window. Here no span of the window's length holds more than N, ever. Up to 128 requests are each
/// remembered; of more, those that came within a 128th of the window share an entry and leave together, which
/// costs a client that asks all the time at most 0.8 % of its quota, and bounds the log.
struct RequestLog {
  /// 16 µs: with 44 bits good for 8.9 years, and well below what matters in the shortest window.
  struct Ticks: Comparable {
    static let nanoseconds: UInt64 = 16_000
    var count: UInt64
    static func < (one: Ticks, two: Ticks) -> Bool { one.count < two.count }
  }

  /// What a rule comes to in ticks.
  struct Terms {
    let count: Int
    /// From the first request of an entry on, so long the entry counts: one tick more than the window, because
    /// times are cut down to ticks.
    let span: UInt64
    /// Requests of one entry lie no farther apart.
    let grain: UInt64

    init(_ rule: RateLimitRule) {
      count = rule.count
      let window = rule.window.milliseconds * 1_000_000 / Ticks.nanoseconds
      grain = rule.count > RequestLog.exactMax ? window / UInt64(RequestLog.exactMax) : 0
      span = window + grain + 1
    }
  }

  struct Decision {
    var isAllowed: Bool
    /// So many more would be let through now.
    var remaining: Int
    /// In so many ticks the oldest entry leaves.
    var wait: UInt64
  }

  static let exactMax = 128
  private static let countBits: UInt64 = 20
  private static let countMask: UInt64 = 1 << countBits - 1

  /// Entries: the tick of the first request, and how many. 0 where there is none. The newest stands apart, so that
  /// whoever asked once needs no array.
  private var newest: UInt64 = 0
  /// The older ones, the oldest at `head`.
  private var older: [UInt64] = []
  private var head: Int32 = 0
  private var total: Int32 = 0

  /// Memory beyond the log itself, the allocator's share included.
  var extraBytes: Int { older.capacity == 0 ? 0 : older.capacity * 8 + 48 }

  /// Whether nothing in it counts any more.
  mutating func isSpent(at now: Ticks, _ terms: Terms) -> Bool {
    forget(now, terms)
    return total == 0
  }

  /// Asks for one request, and enters it where it is let through. One that is not is not counted.
  mutating func admit(at now: Ticks, _ terms: Terms) -> Decision {
    // Threads read their clocks before they take the lock: the later may come first.
    let now = max(now, Ticks(count: newest >> RequestLog.countBits))
    forget(now, terms)
    guard total < terms.count else {
      return Decision(isAllowed: false, remaining: 0, wait: wait(now, terms))
    }
    if newest != 0, now.count - newest >> RequestLog.countBits <= terms.grain {
      newest += 1
    } else {
      if newest != 0 { older.append(newest) }
      newest = now.count << RequestLog.countBits | 1
    }
    total += 1
    return Decision(isAllowed: true, remaining: terms.count - Int(total), wait: wait(now, terms))
  }

  private var oldest: UInt64 { Int(head) < older.count ? older[Int(head)] : newest }

  private func wait(_ now: Ticks, _ terms: Terms) -> UInt64 {
    let end = oldest >> RequestLog.countBits + terms.span
    return end > now.count ? end - now.count : 0
  }

  private mutating func forget(_ now: Ticks, _ terms: Terms) {
    while total > 0 {
      let entry = oldest
      guard entry >> RequestLog.countBits + terms.span <= now.count else { break }
      total -= Int32(entry & RequestLog.countMask)
      if Int(head) < older.count { head += 1 } else { newest = 0 }
    }
    guard head > 0 else { return }
    if Int(head) == older.count {
      older.removeAll(keepingCapacity: older.capacity <= RequestLog.exactMax / 2)
      head = 0
    } else if head >= 16, Int(head) * 2 > older.count {
      older.removeFirst(Int(head))
      head = 0
    }
  }
}
