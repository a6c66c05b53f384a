import Base
import Reactor
import TestSupport
import Testing

@Suite("A delay", .timeLimit(.minutes(5))) struct DelayTests {
  @Test func `does it once, and the first of two that are asked for`() throws {
    let delay = Delay()
    var told: [String] = []
    try runLoop("the delay") { loop, done in
      let keeper = RepeatingTimer(every: .seconds(60), on: loop) {}
      let begin = loop.now
      delay.start(after: .milliseconds(20), on: loop) {
        told.append("first")
        #expect(loop.now.since(begin) >= .milliseconds(20))
        #expect(!delay.isPending)
        // It may be started anew from within.
        delay.start(after: .milliseconds(60), on: loop) {
          told.append("third")
          keeper.close()
          done()
        }
      }
      #expect(delay.isPending)
      delay.start(after: .milliseconds(1), on: loop) { told.append("second") }
    }
    #expect(told == ["first", "third"])
  }

  @Test func `is called off, and holds its loop only where that is asked for`() throws {
    let (one, other) = (Delay(), Delay())
    var told = 0
    let loop = try EventLoop()
    // Nothing else holds the loop: it ends by itself.
    other.start(after: .milliseconds(30), on: loop, holdsLoop: true) { told += 1 }
    one.start(after: .milliseconds(1), on: loop) { Issue.record("it was called off") }
    one.cancel()
    one.cancel()
    #expect(!one.isPending)
    loop.run()
    #expect(told == 1)
    other.start(after: .milliseconds(1), on: loop) { told += 1 }
    loop.run()
    #expect(told == 1)
    other.cancel()
    loop.run()
    loop.close()
  }
}
