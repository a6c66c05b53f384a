/// A part of the limiter's memory, behind a lock of its own: the logs of some clients, by key, and who was seen
/// least lately.
struct LimiterStripe {
  private struct Slot {
    var key: UInt64
    /// Neighbours in the order of being seen; `none` at the ends. Free slots are chained by `older`.
    var newer: UInt32
    var older: UInt32
    var log = RequestLog()
  }

  private static let none = UInt32.max

  private let terms: RequestLog.Terms
  private let bytesMax: Int
  private var slots: ContiguousArray<Slot> = []
  /// Where keys are: slot + 1, or 0; open addressing with linear probing, at most half full.
  private var places: ContiguousArray<UInt32> = []
  private var newest = none
  private var oldest = none
  private var free = none
  private(set) var count = 0
  /// What logs hold beyond their slots.
  private var extraBytes = 0
  private(set) var evicted: UInt64 = 0

  init(_ terms: RequestLog.Terms, bytesMax: Int) {
    self.terms = terms
    self.bytesMax = bytesMax
  }

  var bytes: Int { slots.capacity * MemoryLayout<Slot>.stride + places.count * 4 + extraBytes }

  mutating func admit(_ key: UInt64, at now: RequestLog.Ticks) -> RequestLog.Decision {
    let index = find(key) ?? add(key)
    touch(index)
    let before = slots[Int(index)].log.extraBytes
    let decision = slots[Int(index)].log.admit(at: now, terms)
    extraBytes += slots[Int(index)].log.extraBytes - before
    // The one that is being counted is the newest, so it is never the one that goes.
    while bytes > bytesMax, oldest != index {
      remove(oldest)
      evicted += 1
    }
    return decision
  }

  /// Forgets up to `limit` of those seen least lately whose requests all lie behind the window.
  mutating func sweep(_ limit: Int, at now: RequestLog.Ticks) {
    for _ in 0..<limit {
      guard oldest != LimiterStripe.none else { break }
      let before = slots[Int(oldest)].log.extraBytes
      let isSpent = slots[Int(oldest)].log.isSpent(at: now, terms)
      extraBytes += slots[Int(oldest)].log.extraBytes - before
      guard isSpent else { break }
      remove(oldest)
    }
    if count == 0, !slots.isEmpty { (slots, places, free) = ([], [], LimiterStripe.none) }
  }

  // MARK: Keys

  private func home(_ key: UInt64) -> Int { Int(truncatingIfNeeded: key) & (places.count - 1) }

  private func find(_ key: UInt64) -> UInt32? {
    guard !places.isEmpty else { return nil }
    var at = home(key)
    while places[at] != 0 {
      let slot = places[at] - 1
      if slots[Int(slot)].key == key { return slot }
      at = (at + 1) & (places.count - 1)
    }
    return nil
  }

  private mutating func add(_ key: UInt64) -> UInt32 {
    makeRoom()
    let slot: UInt32
    let fresh = Slot(key: key, newer: LimiterStripe.none, older: newest)
    if free != LimiterStripe.none {
      slot = free
      free = slots[Int(slot)].older
      slots[Int(slot)] = fresh
    } else {
      slot = UInt32(slots.count)
      slots.append(fresh)
    }
    if newest != LimiterStripe.none { slots[Int(newest)].newer = slot }
    newest = slot
    if oldest == LimiterStripe.none { oldest = slot }
    count += 1
    place(slot)
    return slot
  }

  /// Grows by doubling as long as the budget has room for that, then lets the oldest go.
  private mutating func makeRoom() {
    guard free == LimiterStripe.none, slots.count == slots.capacity else { return }
    let grown = max(16, slots.capacity * 2)
    let needed = grown * MemoryLayout<Slot>.stride + grown * 8 + extraBytes
    if needed > bytesMax, oldest != LimiterStripe.none {
      remove(oldest)
      evicted += 1
      return
    }
    slots.reserveCapacity(grown)
    var size = 32
    while size < slots.capacity * 2 { size *= 2 }
    places = ContiguousArray(repeating: 0, count: size)
    for slot in slots.indices { place(UInt32(slot)) }
  }

  private mutating func place(_ slot: UInt32) {
    var at = home(slots[Int(slot)].key)
    while places[at] != 0 { at = (at + 1) & (places.count - 1) }
    places[at] = slot + 1
  }

  private mutating func remove(_ slot: UInt32) {
    unlink(slot)
    extraBytes -= slots[Int(slot)].log.extraBytes
    count -= 1
    var gap = home(slots[Int(slot)].key)
    while places[gap] != slot + 1 { gap = (gap + 1) & (places.count - 1) }
    places[gap] = 0
    // Whoever was put further on because of it moves back, so that no search stops too early.
    var at = (gap + 1) & (places.count - 1)
    while places[at] != 0 {
      let wanted = home(slots[Int(places[at] - 1)].key)
      if (at - wanted) & (places.count - 1) >= (at - gap) & (places.count - 1) {
        places[gap] = places[at]
        places[at] = 0
        gap = at
      }
      at = (at + 1) & (places.count - 1)
    }
    slots[Int(slot)] = Slot(key: 0, newer: LimiterStripe.none, older: free)
    free = slot
  }

  // MARK: Order

  private mutating func touch(_ slot: UInt32) {
    guard slot != newest else { return }
    unlink(slot)
    slots[Int(slot)].newer = LimiterStripe.none
    slots[Int(slot)].older = newest
    if newest != LimiterStripe.none { slots[Int(newest)].newer = slot }
    newest = slot
    if oldest == LimiterStripe.none { oldest = slot }
  }

  private mutating func unlink(_ slot: UInt32) {
    let (newer, older) = (slots[Int(slot)].newer, slots[Int(slot)].older)
    if newer == LimiterStripe.none { newest = older } else { slots[Int(newer)].older = older }
    if older == LimiterStripe.none { oldest = newer } else { slots[Int(older)].newer = newer }
  }
}
