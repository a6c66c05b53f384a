internal import Base

/// How late a loop comes to its timers: the worst of the last ten to twenty seconds.
struct LoopLag {
  static let interval = Interval(milliseconds: 250)
  private static let window: UInt64 = 10_000_000_000

  private var lastTick: UInt64
  private var windowBegan: UInt64
  private var worst: UInt64 = 0
  private var worstBefore: UInt64 = 0

  init(at now: UInt64) {
    lastTick = now
    windowBegan = now
  }

  /// The timer came.
  mutating func ticked(at now: UInt64) {
    if now - windowBegan >= LoopLag.window {
      (worstBefore, worst) = (worst, 0)
      windowBegan = now
    }
    let due = lastTick + LoopLag.interval.milliseconds * 1_000_000
    if now > due { worst = max(worst, now - due) }
    lastTick = now
  }

  var milliseconds: Double { Double(max(worst, worstBefore)) / 1_000_000 }
}
