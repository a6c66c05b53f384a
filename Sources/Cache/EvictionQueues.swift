internal import Base

/// One response in a stripe's queues.
final class CacheEntry {
  /// `nil` once it is removed: its place in a queue must not keep a body alive.
  private(set) var response: StoredResponse?
  let hash: UInt64
  let costBytes: Int
  /// Uses since it was last looked at, 0 to 3.
  var uses: UInt8 = 0
  var isInMain = false
  /// No longer reachable; its place in a queue is skipped.
  private(set) var isRemoved = false

  func markRemoved() {
    isRemoved = true
    response = nil
  }

  init(_ response: StoredResponse, hash: UInt64, costBytes: Int) {
    self.response = response
    self.hash = hash
    self.costBytes = costBytes
  }
}

/// First in, first out, with places that were given up in between.
struct EntryQueue {
  private var items: [CacheEntry?] = []
  private var first = 0
  private var removed = 0
  var bytes = 0

  mutating func push(_ entry: CacheEntry) {
    items.append(entry)
    bytes += entry.costBytes
  }

  mutating func pop() -> CacheEntry? {
    while first < items.count {
      let entry = items[first]
      items[first] = nil
      first += 1
      if first > 1024, first * 2 > items.count {
        items.removeFirst(first)
        first = 0
      }
      guard let entry else { continue }
      if entry.isRemoved {
        removed -= 1
        continue
      }
      bytes -= entry.costBytes
      return entry
    }
    return nil
  }

  /// `entry`, which is in here, was marked as removed.
  mutating func wasRemoved(_ entry: CacheEntry) {
    bytes -= entry.costBytes
    removed += 1
    guard removed > 256, removed * 2 > items.count - first else { return }
    items = items[first...].filter { $0 != nil && $0?.isRemoved == false }
    (first, removed) = (0, 0)
  }

  /// The entry at a place counted from the oldest; `nil` for a place that was given up.
  func entry(at index: Int) -> CacheEntry? {
    let at = first + index
    guard at < items.count, let entry = items[at], !entry.isRemoved else { return nil }
    return entry
  }

  var places: Int { items.count - first }
}

/// S3-FIFO (Yang and others, SOSP 2023): what is asked for once goes through a small queue and leaves by it;
/// only what was asked for again comes into the main queue, or what comes back soon after it left.
struct EvictionQueues {
  private static let ghosts = 4096
  private static let usesMax: UInt8 = 3

  private var small = EntryQueue()
  private var main = EntryQueue()
  /// Who left the small queue lately, by hash: a table in which the later takes the place of the earlier.
  private var ghost = [UInt32](repeating: 0, count: ghosts)
  private var sweepAt = 0
  private let smallBytesMax: Int

  /// - Parameter bytesMax: what the stripe may hold on average.
  init(bytesMax: Int) { smallBytesMax = bytesMax / 10 }

  var isEmpty: Bool { small.bytes == 0 && main.bytes == 0 }

  @inline(__always) static func used(_ entry: CacheEntry) { if entry.uses < usesMax { entry.uses += 1 } }

  mutating func insert(_ entry: CacheEntry) {
    let place = Int(entry.hash % UInt64(EvictionQueues.ghosts))
    if ghost[place] == tag(entry.hash) {
      ghost[place] = 0
      entry.isInMain = true
      main.push(entry)
    } else {
      small.push(entry)
    }
  }

  mutating func remove(_ entry: CacheEntry) {
    guard !entry.isRemoved else { return }
    entry.markRemoved()
    if entry.isInMain { main.wasRemoved(entry) } else { small.wasRemoved(entry) }
  }

  /// Takes out the entry that is worth least. `nil` where there is none.
  mutating func evict() -> CacheEntry? {
    while true {
      if small.bytes > smallBytesMax || main.bytes == 0 {
        guard let entry = small.pop() else {
          guard main.bytes > 0 else { return nil }
          if let evicted = evictFromMain() { return evicted }
          continue
        }
        if entry.uses > 0 {
          entry.uses = 0
          entry.isInMain = true
          main.push(entry)
          continue
        }
        ghost[Int(entry.hash % UInt64(EvictionQueues.ghosts))] = tag(entry.hash)
        entry.markRemoved()
        return entry
      }
      if let evicted = evictFromMain() { return evicted }
    }
  }

  private mutating func evictFromMain() -> CacheEntry? {
    while let entry = main.pop() {
      if entry.uses == 0 {
        entry.markRemoved()
        return entry
      }
      entry.uses -= 1
      main.push(entry)
    }
    return nil
  }

  /// Looks at up to `count` places, going on where it stopped. Returns those that `isUseless` says it of.
  mutating func sweep(_ count: Int, _ isUseless: (StoredResponse) -> Bool) -> [CacheEntry] {
    var found: [CacheEntry] = []
    let places = small.places + main.places
    for _ in 0..<min(count, places) {
      sweepAt = sweepAt + 1 < places ? sweepAt + 1 : 0
      let entry = sweepAt < small.places ? small.entry(at: sweepAt) : main.entry(at: sweepAt - small.places)
      if let entry, let response = entry.response, isUseless(response) { found.append(entry) }
    }
    return found
  }

  private func tag(_ hash: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: hash >> 32) | 1 }
}
