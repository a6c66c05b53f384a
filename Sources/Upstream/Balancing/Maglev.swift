/// Consistent hashing: a table in which each endpoint fills its share of the places, and keeps most of
/// them when others come and go. After Eisenbud and others, "Maglev: A Fast and Reliable Software Network
/// Load Balancer", NSDI 2016, §3.4.
struct Maglev: Sendable {
  /// A prime, some hundred times the endpoints that are likely: shares are even to one in a hundred.
  static let size = 65_537

  private let places: [Int32]

  /// - Parameter members: whose `value`s are found; the table depends on their names and weights alone,
  ///   not on their order, so that every proxy makes the same one.
  init(_ members: [(name: String, weight: Int, value: Int)]) {
    guard !members.isEmpty else {
      places = []
      return
    }
    let sorted = members.sorted { $0.name < $1.name }
    let heaviest = sorted.map(\.weight).max() ?? 1
    var walkers = sorted.map { Walker($0.name, $0.weight) }
    var places = [Int32](repeating: -1, count: Maglev.size)
    var filled = 0
    while true {
      for index in walkers.indices {
        // Whoever weighs less takes its turn less often.
        walkers[index].credit += walkers[index].weight
        guard walkers[index].credit >= heaviest else { continue }
        walkers[index].credit -= heaviest
        var place = walkers[index].next()
        while places[place] >= 0 { place = walkers[index].next() }
        places[place] = Int32(sorted[index].value)
        filled += 1
        if filled == Maglev.size {
          self.places = places
          return
        }
      }
    }
  }

  /// The value that `hash` leads to; `nil` where there are no members.
  func find(_ hash: UInt64) -> Int? {
    places.isEmpty ? nil : Int(places[Int(hash % UInt64(places.count))])
  }

  /// One endpoint's own order of all places.
  private struct Walker {
    let weight: Int
    var credit = 0
    private var place: Int
    private let step: Int

    init(_ name: String, _ weight: Int) {
      self.weight = weight
      var hash = KeyHash()
      for byte in name.utf8 { hash.add(byte) }
      let value = hash.finish()
      place = Int(value % UInt64(Maglev.size))
      step = Int(KeyHash.mix(value) % UInt64(Maglev.size - 1)) + 1
    }

    mutating func next() -> Int {
      defer {
        place += step
        if place >= Maglev.size { place -= Maglev.size }
      }
      return place
    }
  }
}

/// A hash of keys that is the same in every process: FNV-1a, then mixed so that every bit depends on
/// every byte.
public struct KeyHash: Sendable {
  private var state: UInt64 = 0xCBF2_9CE4_8422_2325

  public init() {}

  @inlinable @inline(__always) public mutating func add(_ byte: UInt8) { add(word: UInt64(byte)) }

  @usableFromInline mutating func add(word: UInt64) { state = (state ^ word) &* 0x0000_0100_0000_01B3 }

  public func finish() -> UInt64 { KeyHash.mix(state) }

  /// The finaliser of SplitMix64.
  static func mix(_ value: UInt64) -> UInt64 {
    var value = value &+ 0x9E37_79B9_7F4A_7C15
    value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
    return value ^ value >> 31
  }
}
