import Base
import TestSupport
import Testing

@testable import Reactor

@Suite("The timer wheel", .timeLimit(.minutes(10))) struct TimerWheelTests {
  /// A wheel driven as `EventLoop` drives it.
  private struct Driver: ~Copyable {
    var wheel: TimerWheel
    var now: UInt64

    init(now: UInt64 = 0) {
      self.now = now
      wheel = TimerWheel(now: Instant(milliseconds: now))
    }

    mutating func arm(_ timer: WheelTimer, at deadline: UInt64) {
      _ = wheel.arm(timer, deadline: Instant(milliseconds: deadline))
    }

    /// Moves to `time` and returns the timers that ran out.
    mutating func advance(to time: UInt64) -> [WheelTimer] {
      now = time
      var fired: [WheelTimer] = []
      let instant = Instant(milliseconds: time)
      while let due = wheel.nextSlot(now: instant) {
        for timer in due {
          if timer.deadline <= instant {
            timer.disarm()
            fired.append(timer)
          } else if timer.deadline != .never {
            _ = wheel.arm(timer, deadline: timer.deadline)
          }
        }
      }
      return fired
    }
  }

  @Test func `tells a deadline late by less than a tick and never early`() {
    var driver = Driver()
    let timer = WheelTimer()
    driver.arm(timer, at: 1000)
    #expect(driver.advance(to: 999).isEmpty)
    #expect(driver.advance(to: 1000 + TimerWheel.tickMilliseconds).count == 1)
    #expect(timer.deadline == .never)
    #expect(driver.wheel.count == 0)
  }

  @Test func `says which tick to look at, and nothing where that is known`() {
    var driver = Driver()
    let timer = WheelTimer()
    let tick = driver.wheel.arm(timer, deadline: Instant(milliseconds: 640))
    #expect(tick == 10)
    #expect(driver.wheel.nextTick() == 10)
    #expect(
      driver.wheel.arm(timer, deadline: Instant(milliseconds: 6400)) == nil, "later: the old tick will do")
    #expect(driver.wheel.arm(timer, deadline: Instant(milliseconds: 320)) == 5)
    #expect(driver.wheel.nextTick() == 5)
    #expect(driver.wheel.count == 1)
  }

  @Test func `a deadline moved later is told at the later time only`() {
    var driver = Driver()
    let timer = WheelTimer()
    driver.arm(timer, at: 1000)
    driver.arm(timer, at: 5000)
    #expect(driver.advance(to: 4999).isEmpty)
    #expect(driver.advance(to: 5064).count == 1)
  }

  @Test func `a deadline moved earlier is told at the earlier time only`() {
    var driver = Driver()
    let timer = WheelTimer()
    driver.arm(timer, at: 5000)
    driver.arm(timer, at: 1000)
    #expect(driver.advance(to: 1064).count == 1)
    #expect(driver.advance(to: 6000).isEmpty)
  }

  @Test func `a cancelled deadline is not told, and can be set again`() {
    var driver = Driver()
    let timer = WheelTimer()
    driver.arm(timer, at: 1000)
    driver.wheel.cancel(timer)
    driver.wheel.cancel(timer)
    #expect(driver.wheel.count == 0)
    #expect(driver.wheel.nextTick() == nil)
    #expect(driver.advance(to: 2000).isEmpty)
    driver.arm(timer, at: 3000)
    #expect(driver.advance(to: 3064).count == 1)
  }

  @Test func `never is no deadline`() {
    var driver = Driver()
    let timer = WheelTimer()
    #expect(driver.wheel.arm(timer, deadline: .never) == nil)
    #expect(driver.wheel.count == 0)
    driver.arm(timer, at: 1000)
    #expect(driver.wheel.arm(timer, deadline: .never) == nil)
    #expect(driver.advance(to: 100_000).isEmpty)
  }

  @Test func `a deadline in the past is told at the next tick`() {
    var driver = Driver(now: 10_000)
    let timer = WheelTimer()
    driver.arm(timer, at: 5)
    #expect(driver.advance(to: 10_000).isEmpty)
    #expect(driver.advance(to: 10_064).count == 1)
  }

  @Test(arguments: [131_072, 131_073, 200_000, 3_600_000, 86_400_000] as [UInt64])
  func `a deadline beyond one turn is told at its time`(_ deadline: UInt64) {
    var driver = Driver()
    let timer = WheelTimer()
    driver.arm(timer, at: deadline)
    var time: UInt64 = 0
    while time + 50_000 < deadline {
      time += 50_000
      #expect(driver.advance(to: time).isEmpty, "at \(time)")
    }
    #expect(driver.advance(to: deadline - 1).isEmpty)
    #expect(driver.advance(to: deadline + 64).count == 1)
  }

  @Test func `after a long sleep everything due is told once`() {
    var driver = Driver()
    let timers = (0..<100).map { _ in WheelTimer() }
    for (index, timer) in timers.enumerated() { driver.arm(timer, at: UInt64(index) * 3000 + 1) }
    #expect(driver.advance(to: 10_000_000).count == 100)
    #expect(driver.wheel.count == 0)
  }

  @Test func `many timers do what a list of deadlines would`() {
    for seed in 0..<20 as Range<UInt64> {
      var generator = SeededGenerator(seed: seed)
      var driver = Driver(now: UInt64.random(in: 0...1_000_000, using: &generator))
      let timers = (0..<200).map { _ in WheelTimer() }
      // For each armed timer its deadline and the tick from which it must have been told.
      var model: [Int: (deadline: UInt64, tick: UInt64)] = [:]
      for step in 0..<2000 {
        let index = Int.random(in: 0..<timers.count, using: &generator)
        switch Int.random(in: 0..<10, using: &generator) {
        case 0..<6:
          let span: UInt64 = [100, 5000, 75_000, 4_000_000].randomElement(using: &generator)!
          let deadline = driver.now + UInt64.random(in: 0...span, using: &generator)
          driver.arm(timers[index], at: deadline)
          model[index] = (deadline, max((deadline + 63) / 64, driver.now / 64 + 1))
        case 6:
          driver.wheel.cancel(timers[index])
          model[index] = nil
        default:
          let span: UInt64 = [10, 64, 1000, 300_000].randomElement(using: &generator)!
          let time = driver.now + UInt64.random(in: 0...span, using: &generator)
          let fired = driver.advance(to: time)
          for timer in fired {
            let which = timers.firstIndex { $0 === timer }!
            #expect((model[which]?.deadline ?? .max) <= time, "seed \(seed) step \(step): early or not armed")
            model[which] = nil
          }
          let missed = model.filter { $0.value.tick <= time / 64 }
          #expect(missed.isEmpty, "seed \(seed) step \(step): \(missed) not told by \(time)")
        }
        #expect(driver.wheel.count == model.count, "seed \(seed) step \(step)")
      }
    }
  }
}
