import Base
import Reactor
import TestSupport
import Testing

@Suite("An event loop", .timeLimit(.minutes(10))) struct EventLoopTests {
  private final class Owner: TimeoutHandler {
    let timer = WheelTimer()
    var onTimeout: () -> Void = {}
    init() { timer.setHandler(self) }
    func timeoutPassed(_ timer: WheelTimer) { onTimeout() }
  }

  @Test func `tells deadlines in their order and not before their time`() throws {
    let owners = (0..<3).map { _ in Owner() }
    var order: [Int] = []
    try runLoop("the deadlines") { loop, done in
      let start = loop.now
      for (index, delay) in [300, 100, 200].enumerated() as EnumeratedSequence<[UInt64]> {
        owners[index].onTimeout = {
          #expect(loop.now.since(start).milliseconds >= delay)
          order.append(index)
          if order.count == 3 { done() }
        }
        loop.arm(owners[index].timer, deadline: start.advanced(by: .milliseconds(delay)))
      }
    }
    #expect(order == [1, 2, 0])
  }

  @Test func `lets a deadline be set anew, cancelled and set for others while it tells one`() throws {
    let (first, second, third) = (Owner(), Owner(), Owner())
    var told: [String] = []
    try runLoop("the deadlines") { loop, done in
      first.onTimeout = {
        told.append("first")
        loop.cancel(second.timer)
        if told.count < 3 { loop.arm(first.timer, deadline: loop.now.advanced(by: .milliseconds(1))) }
        loop.arm(third.timer, deadline: loop.now.advanced(by: .milliseconds(300)))
      }
      second.onTimeout = { told.append("second") }
      third.onTimeout = {
        told.append("third")
        // The owners hold each other by these.
        for owner in [first, second] { owner.onTimeout = {} }
        done()
      }
      // The same slot: the second is in the hands of the loop when the first cancels it.
      loop.arm(first.timer, deadline: loop.now.advanced(by: .milliseconds(10)))
      loop.arm(second.timer, deadline: loop.now.advanced(by: .milliseconds(11)))
    }
    #expect(told == ["first", "first", "first", "third"])
  }

  @Test func `ends when nothing is left that could bring an event`() throws {
    let loop = try EventLoop()
    let owner = Owner()
    loop.arm(owner.timer, deadline: loop.now.advanced(by: .seconds(1000)))
    loop.run()
    loop.cancel(owner.timer)
    loop.close()
  }

  @Test func `calls a repeating timer until it is closed, also from its own action`() throws {
    var count = 0
    try runLoop("the timer") { loop, done in
      var timer: RepeatingTimer?
      timer = RepeatingTimer(every: .milliseconds(5), on: loop) {
        count += 1
        guard count == 3 else { return }
        timer?.close()
        timer?.close()
        timer = nil
        done()
      }
    }
    #expect(count == 3)
  }

  @Test func `thread runs its body and is joined`() throws {
    let ran = Waitable(false)
    let thread = try LoopThread { ran.withLock { $0 = true } }
    thread.join()
    #expect(ran.value)
  }
}
