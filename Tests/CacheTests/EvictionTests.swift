import TestSupport
import Base
import Testing

@testable import Cache

@Suite("Eviction") struct EvictionTests {
  /// A request of a trace: the key, by number.
  private static func trace(seed: UInt64, scans: Bool) -> [Int] {
    var random = SeededGenerator(seed: seed)
    let keys = 20_000
    // Zipf with exponent 0.9: the sums of 1/n^0.9, and a binary search in them.
    var sums: [Double] = []
    var sum = 0.0
    for rank in 1...keys {
      sum += 1 / power(Double(rank))
      sums.append(sum)
    }
    var trace: [Int] = []
    var scanKey = keys
    for step in 0..<150_000 {
      // A crawler comes by: keys that nobody asks for again.
      if scans, step % 10_000 < 3_000, step % 2 == 0 {
        scanKey += 1
        trace.append(scanKey)
        continue
      }
      let wanted = Double.random(in: 0..<sum, using: &random)
      var (low, high) = (0, keys - 1)
      while low < high {
        let middle = (low + high) / 2
        if sums[middle] < wanted { low = middle + 1 } else { high = middle }
      }
      trace.append(low)
    }
    return trace
  }

  /// x^0.9 without the mathematics library: x / x^0.1, by Newton's method for the tenth root.
  private static func power(_ x: Double) -> Double {
    var root = 1.5
    for _ in 0..<60 {
      var ninth = 1.0
      for _ in 0..<9 { ninth *= root }
      root -= (root * ninth - x) / (10 * ninth)
    }
    return x / root
  }

  private static let room = 1_000

  private static func hitsOfS3FIFO(_ trace: [Int]) -> Int {
    guard let head = Heads(fields: ["Cache-Control: max-age=60"]).stored() else { return 0 }
    var queues = EvictionQueues(bytesMax: room)
    var held: [Int: CacheEntry] = [:]
    var hits = 0
    for key in trace {
      if let entry = held[key] {
        EvictionQueues.used(entry)
        hits += 1
        continue
      }
      if held.count == room, let evicted = queues.evict() { held[Int(evicted.hash & 0xFFFF_FFFF)] = nil }
      var mixed = SeededGenerator(seed: UInt64(key))
      let hash = mixed.next() & ~0xFFFF_FFFF | UInt64(key)
      let entry = CacheEntry(StoredResponse(head, body: []), hash: hash, costBytes: 1)
      held[key] = entry
      queues.insert(entry)
    }
    return hits
  }

  private static func hitsOfLRU(_ trace: [Int]) -> Int {
    var usedAt: [Int: Int] = [:]
    var order: [(key: Int, at: Int)] = []
    var first = 0
    var hits = 0
    for (step, key) in trace.enumerated() {
      if usedAt[key] != nil {
        hits += 1
      } else if usedAt.count == room {
        while usedAt[order[first].key] != order[first].at { first += 1 }
        usedAt[order[first].key] = nil
        first += 1
      }
      usedAt[key] = step
      order.append((key, step))
    }
    return hits
  }

  @Test(arguments: [1, 2, 3]) func `finds more than the least recently used would, with scans and without`(
    _ seed: UInt64
  ) {
    for scans in [false, true] {
      let trace = EvictionTests.trace(seed: seed, scans: scans)
      let (ours, theirs) = (EvictionTests.hitsOfS3FIFO(trace), EvictionTests.hitsOfLRU(trace))
      #expect(Double(ours) > Double(theirs) * 1.05, "seed \(seed), scans \(scans)")
      print(
        "hit ratio, seed \(seed), scans \(scans): S3-FIFO \(ours * 1000 / trace.count), LRU \(theirs * 1000 / trace.count) of 1000"
      )
    }
  }
}
