/// Lengths at which an input is cut: all of a short one, some of a long one, fixed by a seed.
struct Prefixes: Sequence, IteratorProtocol {
  private static let everyBytesMax = 192

  private let count: Int
  private var at = 0
  private var random: Cuts

  init(of count: Int, seed: UInt8) {
    self.count = count
    random = Cuts(seed: seed)
  }

  mutating func next() -> Int? {
    guard at < count else { return nil }
    defer { at += count <= Prefixes.everyBytesMax ? 1 : random.next(upTo: count / 48) }
    return at
  }
}

/// Lengths of pieces, fixed by a seed.
struct Cuts {
  private var state: UInt64

  init(seed: UInt8) { state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 | 1 }

  /// From 1 to `bound`.
  mutating func next(upTo bound: Int) -> Int {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return 1 + Int(state >> 33) % bound
  }
}
