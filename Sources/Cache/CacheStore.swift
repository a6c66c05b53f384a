public import Base
internal import Synchronization

/// The stored responses, shared by all loops. Locks are held for a look-up only; what is found is immutable.
public final class CacheStore: Sendable {
  /// What is known of a key.
  public struct Found: Sendable {
    /// The stored variants, the newest first, where there is not just one.
    public let variants: [StoredResponse]
    /// The one variant there is.
    public let only: StoredResponse?
    /// Somebody is fetching it for all.
    public let fill: Filling?
    /// Its answers are not for sharing, it was seen lately.
    public let passes: Bool

    init(variants: [StoredResponse], fill: Filling?, passes: Bool) {
      (self.variants, only, self.fill, self.passes) = (variants, nil, fill, passes)
    }

    init(only: StoredResponse, fill: Filling?) {
      (variants, self.only, self.fill, passes) = ([], only, fill, false)
    }

    public var isEmpty: Bool { only == nil && variants.isEmpty }
  }

  /// What it counted.
  public struct Statistics: Sendable {
    public var bytes = 0
    public var bytesMax = 0
    public var entries = 0
    public var stored: UInt64 = 0
    public var evicted: UInt64 = 0
    public var expired: UInt64 = 0
    public var invalidated: UInt64 = 0
    public init() {}
  }

  private static let stripeCount = 16
  /// What locks, tables and ghosts need, whatever is stored.
  static let fixedBytes = stripeCount * (4096 * 12 + 1024)

  private final class Locked: Sendable {
    let stripe: Mutex<CacheStripe>
    init(bytesMax: Int) { stripe = Mutex(CacheStripe(bytesMax: bytesMax)) }
  }

  /// When keys and groups were last invalidated: what was asked for before that is not to be stored or used.
  private struct Marks {
    var keys: [UInt64: Instant] = [:]
    var groups: [UInt64: Instant] = [:]
    /// All keys, and all groups, count as invalidated then.
    var keysFloor = Instant(milliseconds: 0)
    var groupsFloor = Instant(milliseconds: 0)
  }

  private static let marksMax = 16_384

  private let stripes: [Locked]
  private let bytesMax: Int
  public let objectBytesMax: Int
  private let marks = Mutex(Marks())
  private let usedBytes = Atomic<Int>(0)
  private let entryCount = Atomic<Int>(0)
  private let storedCount = Atomic<UInt64>(0)
  private let evictedCount = Atomic<UInt64>(0)
  private let expiredCount = Atomic<UInt64>(0)
  private let invalidatedCount = Atomic<UInt64>(0)
  private let sweepStripe = Atomic<Int>(0)

  public init(_ settings: CacheSettings) {
    bytesMax = max(0, settings.bytesMax - CacheStore.fixedBytes)
    objectBytesMax = min(settings.objectBytesMax, bytesMax / 4)
    let share = bytesMax / CacheStore.stripeCount
    stripes = (0..<CacheStore.stripeCount).map { _ in Locked(bytesMax: share) }
  }

  @inline(__always) private func stripe(_ hash: UInt64) -> Locked {
    stripes[Int(hash >> 60) & (CacheStore.stripeCount - 1)]
  }

  // MARK: Look-up

  /// - Parameter hash: `ByteHash.of(key)`.
  public func find(_ buffer: borrowing ByteBuffer, _ hash: UInt64, now: Instant) -> Found {
    let key = buffer.span
    let found = stripe(hash).stripe.withLock { $0.find(key, hash, now: now) }
    if let only = found.only {
      if only.head.groups.isEmpty || !isInvalidated(only.head) { return found }
      return Found(variants: [], fill: found.fill, passes: false)
    }
    guard found.variants.contains(where: { !$0.head.groups.isEmpty }) else { return found }
    return Found(
      variants: found.variants.filter { $0.head.groups.isEmpty || !isInvalidated($0.head) },
      fill: found.fill, passes: found.passes)
  }

  private func isInvalidated(_ head: StoredHead) -> Bool {
    marks.withLock { marks in
      if head.requestedAt <= marks.groupsFloor { return true }
      return head.groups.contains { marks.groups[$0].map { head.requestedAt <= $0 } ?? false }
    }
  }

  // MARK: Filling

  /// Who fetches `key` for all: the filling to read, and whether the caller is to write it.
  public func lead(_ key: [UInt8], _ hash: UInt64) -> (filling: Filling, isLeader: Bool)? {
    stripe(hash).stripe.withLock { $0.lead(key, hash) }
  }

  /// Nobody joins `fill` any more.
  public func end(_ fill: Filling, _ hash: UInt64) { stripe(hash).stripe.withLock { $0.end(fill, hash) } }

  /// Answers to that key are not for sharing.
  public func markPass(_ hash: UInt64, now: Instant) {
    stripe(hash).stripe.withLock { $0.markPass(hash, now) }
  }

  // MARK: Memory

  /// Makes room for bytes that are about to be held. `false` where there is none; nothing is reserved then.
  public func reserve(_ bytes: Int) -> Bool {
    precondition(bytes >= 0)
    guard bytes <= bytesMax else { return false }
    usedBytes.wrappingAdd(bytes, ordering: .relaxed)
    var at = sweepStripe.load(ordering: .relaxed)
    var empty = 0
    while usedBytes.load(ordering: .relaxed) > bytesMax {
      let freed = stripes[at].stripe.withLock { $0.evict() }
      if freed > 0 {
        empty = 0
        usedBytes.wrappingSubtract(freed, ordering: .relaxed)
        entryCount.wrappingSubtract(1, ordering: .relaxed)
        evictedCount.wrappingAdd(1, ordering: .relaxed)
      } else {
        empty += 1
        if empty == CacheStore.stripeCount {
          release(bytes)
          return false
        }
      }
      at = (at + 1) % CacheStore.stripeCount
    }
    sweepStripe.store(at, ordering: .relaxed)
    return true
  }

  /// Gives back what `reserve` took.
  public func release(_ bytes: Int) { usedBytes.wrappingSubtract(bytes, ordering: .relaxed) }

  // MARK: Entries

  /// Stores a response.
  /// - Parameter old: what it takes the place of, beside any variant that the same requests select.
  /// - Returns: `false` where there is no room, or the key was invalidated after this was asked for.
  @discardableResult public func insert(
    _ response: StoredResponse, _ key: [UInt8], _ hash: UInt64, replacing old: StoredResponse? = nil
  ) -> Bool {
    let cost = response.costBytes(key)
    let isDead = marks.withLock { marks in
      response.head.requestedAt <= marks.keysFloor
        || (marks.keys[hash].map { response.head.requestedAt <= $0 } ?? false)
    }
    guard !isDead, reserve(cost) else { return false }
    let (freed, removed) = stripe(hash).stripe.withLock { stripe in
      let before = stripe.count(hash)
      let entry = CacheEntry(response, hash: hash, costBytes: cost)
      let freed = stripe.insert(entry, key, replacing: old)
      return (freed, before + 1 - stripe.count(hash))
    }
    guard let freed else {
      release(cost)
      return false
    }
    release(freed)
    entryCount.wrappingAdd(1 - removed, ordering: .relaxed)
    storedCount.wrappingAdd(1, ordering: .relaxed)
    return true
  }

  /// Removes what is stored under a key, and lets nothing in that was asked for before now. RFC 9111 §4.4.
  public func invalidate(_ hash: UInt64, now: Instant) {
    marks.withLock { marks in
      if marks.keys.count >= CacheStore.marksMax {
        marks.keys = [:]
        marks.keysFloor = now
      }
      marks.keys[hash] = now
    }
    let (freed, count) = stripe(hash).stripe.withLock { stripe in
      let count = stripe.count(hash)
      return (stripe.remove(hash), count)
    }
    removed(freed, count)
  }

  /// Nothing in any of `groups` that was asked for before now is used any more. RFC 9875 §3.
  public func invalidate(groups: [UInt64], now: Instant) {
    guard !groups.isEmpty else { return }
    marks.withLock { marks in
      if marks.groups.count + groups.count > CacheStore.marksMax {
        marks.groups = [:]
        marks.groupsFloor = now
      }
      for group in groups { marks.groups[group] = now }
    }
  }

  /// Removes all whose key fits. Returns how many; takes time in proportion to what is stored.
  public func purge(now: Instant, _ fits: @Sendable ([UInt8]) -> Bool) -> Int {
    marks.withLock { $0.keysFloor = now }
    var total = 0
    for locked in stripes {
      let (freed, count) = locked.stripe.withLock { $0.purge(fits) }
      removed(freed, count)
      total += count
    }
    return total
  }

  /// Removes some of what nobody can use any more: to be called now and then.
  public func sweep(_ count: Int, now: Instant) {
    for locked in stripes {
      let (freed, count) = locked.stripe.withLock { $0.sweep(count / CacheStore.stripeCount, now: now) }
      guard count > 0 else { continue }
      release(freed)
      entryCount.wrappingSubtract(count, ordering: .relaxed)
      expiredCount.wrappingAdd(UInt64(count), ordering: .relaxed)
    }
  }

  private func removed(_ bytes: Int, _ count: Int) {
    release(bytes)
    entryCount.wrappingSubtract(count, ordering: .relaxed)
    invalidatedCount.wrappingAdd(UInt64(count), ordering: .relaxed)
  }

  public var statistics: Statistics {
    var statistics = Statistics()
    statistics.bytes = usedBytes.load(ordering: .relaxed) + CacheStore.fixedBytes
    statistics.bytesMax = bytesMax + CacheStore.fixedBytes
    statistics.entries = entryCount.load(ordering: .relaxed)
    statistics.stored = storedCount.load(ordering: .relaxed)
    statistics.evicted = evictedCount.load(ordering: .relaxed)
    statistics.expired = expiredCount.load(ordering: .relaxed)
    statistics.invalidated = invalidatedCount.load(ordering: .relaxed)
    return statistics
  }
}
