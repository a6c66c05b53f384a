public import Base

/// Who is told that a `WheelTimer` ran out.
public protocol TimeoutHandler: AnyObject {
  /// The timer is idle again when this is called; it may be armed anew at once.
  func timeoutPassed(_ timer: WheelTimer)
}

/// One deadline of one owner, kept in a `TimerWheel`.
///
/// The wheel holds the timer while it is armed, the timer never holds its owner: an owner cancels its
/// timer before it goes, or the process stops at the first missed one (`unowned`).
public final class WheelTimer {
  private(set) unowned var handler: (any TimeoutHandler)?
  fileprivate struct State {
    var deadline = Instant.never
    /// The tick whose slot holds this timer; meaningful while `index >= 0`.
    var tick: UInt64 = 0
    /// The place inside that slot; -1 while the timer is in no slot.
    var index: Int32 = -1
  }
  fileprivate let state = Confined(State())

  /// `.never` while the timer is idle.
  public var deadline: Instant { state.value.deadline }

  /// The timer ran out and is idle again.
  func disarm() { state.value.deadline = .never }

  public init() {}

  /// Says who is told. Before the timer is first armed; it does not hold `handler`.
  public func setHandler(_ handler: any TimeoutHandler) { self.handler = handler }
}

/// Deadlines of many connections behind one clock: a hashed wheel with lazy moves.
///
/// A deadline that moves away (the usual case: a keep-alive connection that was used again) costs one
/// store; the slot notices when it comes up and files the timer again. Precision is one tick, late
/// never early.
public struct TimerWheel: ~Copyable {
  static let tickMilliseconds: UInt64 = 64
  private static let slotCount: UInt64 = 2048  // 131 s in one turn; later deadlines are filed again

  private var slots: [ContiguousArray<WheelTimer>]
  /// Every tick up to this one has been handled.
  private var cursor: UInt64
  private(set) var count = 0

  init(now: Instant) {
    slots = Array(repeating: [], count: Int(TimerWheel.slotCount))
    cursor = now.milliseconds / TimerWheel.tickMilliseconds
  }

  /// Sets the deadline. Returns the tick at which the wheel must be looked at, if that is new to it.
  mutating func arm(_ timer: WheelTimer, deadline: Instant) -> UInt64? {
    timer.state.value.deadline = deadline
    guard deadline != .never else { return nil }
    let tick = slotTick(for: deadline)
    if timer.state.value.index >= 0 {
      if tick >= timer.state.value.tick { return nil }
      remove(timer)
    }
    insert(timer, tick: tick)
    return tick
  }

  mutating func cancel(_ timer: WheelTimer) {
    timer.state.value.deadline = .never
    if timer.state.value.index >= 0 { remove(timer) }
  }

  /// Takes out what may have run out by `now`: one slot a call. `nil` when `now` is reached.
  mutating func nextSlot(now: Instant) -> ContiguousArray<WheelTimer>? {
    let target = now.milliseconds / TimerWheel.tickMilliseconds
    // After a long sleep one full turn meets every slot.
    if target > cursor + TimerWheel.slotCount { cursor = target - TimerWheel.slotCount }
    while cursor < target {
      cursor += 1
      let slot = Int(cursor % TimerWheel.slotCount)
      guard !slots[slot].isEmpty else { continue }
      var taken: ContiguousArray<WheelTimer> = []
      swap(&taken, &slots[slot])
      for timer in taken { timer.state.value.index = -1 }
      count -= taken.count
      return taken
    }
    return nil
  }

  /// The next tick with a timer in it.
  func nextTick() -> UInt64? {
    guard count > 0 else { return nil }
    var tick = cursor + 1
    while slots[Int(tick % TimerWheel.slotCount)].isEmpty { tick += 1 }
    return tick
  }

  private func slotTick(for deadline: Instant) -> UInt64 {
    let wanted = (deadline.milliseconds + TimerWheel.tickMilliseconds - 1) / TimerWheel.tickMilliseconds
    return min(max(wanted, cursor + 1), cursor + TimerWheel.slotCount - 1)
  }

  private mutating func insert(_ timer: WheelTimer, tick: UInt64) {
    let slot = Int(tick % TimerWheel.slotCount)
    timer.state.value.tick = tick
    timer.state.value.index = Int32(slots[slot].count)
    slots[slot].append(timer)
    count += 1
  }

  private mutating func remove(_ timer: WheelTimer) {
    let slot = Int(timer.state.value.tick % TimerWheel.slotCount)
    let index = Int(timer.state.value.index)
    let last = slots[slot].removeLast()
    if last !== timer {
      slots[slot][index] = last
      last.state.value.index = Int32(index)
    }
    timer.state.value.index = -1
    count -= 1
  }
}
