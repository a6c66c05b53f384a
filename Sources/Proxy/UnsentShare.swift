/// What each connection may have waiting in the kernel, so that all together have no more than a budget: a client that
/// reads nothing is given up to 4 MiB otherwise (tcp_wmem), and a crowd of them all that the kernel has for TCP, after
/// which everybody's connections stall.
struct UnsentShare {
  static let most = 4 << 20
  static let least = 128 << 10

  private let budget: Int
  private(set) var bytes = UnsentShare.most

  init(budget: Int) { self.budget = budget }

  /// `true` where the share changed with the count of connections. In powers of two, and up only by two of them:
  /// it changes seldom.
  mutating func update(connections: Int) -> Bool {
    let share = min(UnsentShare.most, max(UnsentShare.least, budget / max(1, connections)))
    let power = 1 << (Int.bitWidth - 1 - share.leadingZeroBitCount)
    guard power < bytes || power >= 4 * bytes || power > bytes && power == UnsentShare.most else {
      return false
    }
    bytes = power
    return true
  }
}
