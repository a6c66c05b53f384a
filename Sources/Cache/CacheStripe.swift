internal import Base

/// A part of the store, behind a lock of its own.
struct CacheStripe {
  struct Group {
    let key: [UInt8]
    /// The variants of one key, the newest first.
    var entries: [CacheEntry] = []
    /// Non-nil while somebody fetches it for all.
    var fill: Filling?

    var isEmpty: Bool { entries.isEmpty && fill == nil }
  }

  private static let variantsMax = 32
  private static let passes = 4096
  private static let passSeconds: UInt32 = 60

  private var groups: [UInt64: Group] = [:]
  private var queues: EvictionQueues
  /// Keys whose answers are not for sharing, by hash: a table in which the later takes the place of the earlier.
  /// Nobody waits for the answer of another there.
  private var passing = [(tag: UInt32, until: UInt32)](repeating: (0, 0), count: passes)

  init(bytesMax: Int) { queues = EvictionQueues(bytesMax: bytesMax) }

  var isEmpty: Bool { queues.isEmpty }

  func find(_ key: Span<UInt8>, _ hash: UInt64, now: Instant) -> CacheStore.Found {
    guard let group = groups[hash], ByteHash.equal(group.key.span, key) else {
      return CacheStore.Found(variants: [], fill: nil, passes: passes(hash, now))
    }
    if group.entries.count == 1, let only = group.entries[0].response {
      EvictionQueues.used(group.entries[0])
      return CacheStore.Found(only: only, fill: group.fill)
    }
    let variants = group.entries.compactMap { entry in
      EvictionQueues.used(entry)
      return entry.response
    }
    return CacheStore.Found(
      variants: variants, fill: group.fill,
      passes: variants.isEmpty && group.fill == nil ? passes(hash, now) : false)
  }

  // MARK: Filling

  /// The filling of that key; a new one of the caller's where there was none.
  mutating func lead(_ key: [UInt8], _ hash: UInt64) -> (filling: Filling, isLeader: Bool)? {
    if let group = groups[hash] {
      // Two keys with one hash: practically never. The second does without.
      guard group.key == key else { return nil }
      if let fill = group.fill { return (fill, false) }
    }
    let fill = Filling()
    groups[hash, default: Group(key: key)].fill = fill
    return (fill, true)
  }

  mutating func end(_ fill: Filling, _ hash: UInt64) {
    guard let known = groups[hash]?.fill, known === fill else { return }
    groups[hash]?.fill = nil
    if groups[hash]?.isEmpty == true { groups[hash] = nil }
  }

  // MARK: Entries

  func count(_ hash: UInt64) -> Int { groups[hash]?.entries.count ?? 0 }

  /// Stores a response in the place of the variant it takes over. Returns the bytes that became free; `nil`
  /// where another key with the same hash is being fetched, and nothing is stored.
  mutating func insert(_ entry: CacheEntry, _ key: [UInt8], replacing old: StoredResponse?) -> Int? {
    var freed = 0
    if let group = groups[entry.hash], group.key != key {
      guard group.fill == nil else { return nil }
      freed += remove(entry.hash)
    }
    var group = groups.removeValue(forKey: entry.hash) ?? Group(key: key)
    let names = entry.response?.head.vary
    var kept: [CacheEntry] = []
    for other in group.entries {
      let isSame = other.response === old || other.response?.head.vary.selectsAs(names) == true
      if isSame || kept.count + 1 >= CacheStripe.variantsMax {
        queues.remove(other)
        freed += other.costBytes
      } else {
        kept.append(other)
      }
    }
    group.entries = [entry] + kept
    groups[entry.hash] = group
    queues.insert(entry)
    return freed
  }

  /// Removes what is stored under a key. Returns the bytes that became free.
  mutating func remove(_ hash: UInt64) -> Int {
    guard let group = groups[hash] else { return 0 }
    var freed = 0
    for entry in group.entries {
      queues.remove(entry)
      freed += entry.costBytes
    }
    groups[hash]?.entries = []
    if group.fill == nil { groups[hash] = nil }
    return freed
  }

  private mutating func forget(_ entry: CacheEntry) {
    groups[entry.hash]?.entries.removeAll { $0 === entry }
    if groups[entry.hash]?.isEmpty == true { groups[entry.hash] = nil }
  }

  /// Returns the bytes that became free; 0 where nothing is left.
  mutating func evict() -> Int {
    guard let entry = queues.evict() else { return 0 }
    forget(entry)
    return entry.costBytes
  }

  /// Removes some of what nobody can use any more. Returns the bytes and the number.
  mutating func sweep(_ count: Int, now: Instant) -> (bytes: Int, count: Int) {
    let useless = queues.sweep(count) { $0.head.isUseless(now) }
    var freed = 0
    for entry in useless where !entry.isRemoved {
      queues.remove(entry)
      forget(entry)
      freed += entry.costBytes
    }
    return (freed, useless.count)
  }

  /// Removes all whose key fits.
  mutating func purge(_ fits: ([UInt8]) -> Bool) -> (bytes: Int, count: Int) {
    var (freed, count) = (0, 0)
    for (hash, group) in groups where fits(group.key) {
      count += group.entries.count
      freed += remove(hash)
    }
    return (freed, count)
  }

  // MARK: Passing

  mutating func markPass(_ hash: UInt64, _ now: Instant) {
    let place = Int(hash % UInt64(CacheStripe.passes))
    passing[place] = (
      tag(hash), UInt32(truncatingIfNeeded: now.milliseconds / 1000) &+ CacheStripe.passSeconds
    )
  }

  private func passes(_ hash: UInt64, _ now: Instant) -> Bool {
    let entry = passing[Int(hash % UInt64(CacheStripe.passes))]
    return entry.tag == tag(hash) && UInt32(truncatingIfNeeded: now.milliseconds / 1000) < entry.until
  }

  private func tag(_ hash: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: hash >> 32) | 1 }
}
