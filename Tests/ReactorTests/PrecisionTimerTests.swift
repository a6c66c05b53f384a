import Base
import Reactor
import TestSupport
import Testing

@Suite("The precision timer", .timeLimit(.minutes(5))) struct PrecisionTimerTests {
  @Test func `comes when it was set for, never before, again and again`() throws {
    try runLoop("the timer") { loop, done in
      var due = EventLoop.nanoseconds + 300_000
      var times = 0
      var timer: PrecisionTimer?
      timer = try PrecisionTimer(on: loop) {
        #expect(EventLoop.nanoseconds >= due)
        times += 1
        if times < 20 {
          due = EventLoop.nanoseconds + 300_000
          timer?.set(nanoseconds: due)
          return
        }
        timer?.close()
        timer = nil
        done()
      }
      timer?.set(nanoseconds: due)
    }
  }

  @Test func `a time in the past is reached at once, a stopped one never`() throws {
    try runLoop("the timer") { loop, done in
      var wasReached = false
      let stopped = try PrecisionTimer(on: loop) { wasReached = true }
      stopped.set(nanoseconds: EventLoop.nanoseconds + 1_000_000)
      stopped.stop()
      var timer: PrecisionTimer?
      timer = try PrecisionTimer(on: loop) {
        timer?.stop()
        var later: RepeatingTimer?
        later = RepeatingTimer(every: .milliseconds(20), on: loop) {
          later?.close()
          timer?.close()
          stopped.close()
          done()
        }
      }
      timer?.set(nanoseconds: 1)
      #expect(!wasReached)
    }
  }
}
