import Base
import Foundation
import Reactor
import TestSupport
import Testing

@Suite("The queue probe", .timeLimit(.minutes(5))) struct QueueProbeTests {
  @Test func `tells how long the loop was away, and nothing when it is idle`() throws {
    try runLoop("the probe") { loop, done in
      let probe = QueueProbe(on: loop)
      var turn = 0
      var timer: RepeatingTimer?
      timer = RepeatingTimer(every: .milliseconds(10), on: loop) {
        turn += 1
        switch turn {
        case 1:
          probe.send()
          // As a turn with much to do would.
          Thread.sleep(forTimeInterval: 0.06)
        case 2:
          #expect(probe.delay >= .milliseconds(50))
        case 5:
          // It went on by itself, and found the loop idle.
          #expect(probe.delay < .milliseconds(50))
          #expect(probe.wait == .milliseconds(0))
          probe.close()
          probe.close()
          probe.send()
          timer?.close()
          timer = nil
          done()
        default: break
        }
      }
    }
  }
}

@Suite("The budget of buffers") struct BufferBudgetTests {
  @Test func `is told in steps what all loops hold`() {
    let budget = BufferBudget(limit: 200_000)
    let loops = [HeldBytes(), HeldBytes()]
    for loop in loops { loop.budget = budget }
    loops[0].add(1000)
    #expect(budget.count == 0)
    for loop in loops { loop.add(130_000) }
    #expect(budget.count == 261_000)
    #expect(budget.isExceeded)
    loops[1].remove(130_000)
    #expect(budget.count == 131_000)
    #expect(!budget.isExceeded)
    loops[0].remove(131_000)
    #expect(budget.count == 0)
    #expect(loops.allSatisfy { $0.count == 0 })
  }
}
