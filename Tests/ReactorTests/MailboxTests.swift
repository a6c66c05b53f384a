import Base
import Foundation
import Reactor
import TestSupport
import Testing

@Suite("A mailbox", .timeLimit(.minutes(10))) struct MailboxTests {
  @Test func `brings what many threads post, each thread's in its order`() throws {
    let (threadCount, each) = (4, 500)
    let mailbox = Mailbox<(thread: Int, number: Int)>()
    var received: [[Int]] = Array(repeating: [], count: threadCount)
    try runLoop("the mail") { loop, done in
      mailbox.open(on: loop) { message in
        received[message.thread].append(message.number)
        guard received.allSatisfy({ $0.count == each }) else { return }
        mailbox.close()
        done()
      }
      for thread in 0..<threadCount {
        Thread.detachNewThread { for number in 0..<each { mailbox.post((thread, number)) } }
      }
    }
    for numbers in received { #expect(numbers == Array(0..<each)) }
  }

  @Test func `drops what is posted before it opens and after it closes`() throws {
    let mailbox = Mailbox<Int>()
    var received: [Int] = []
    mailbox.post(1)
    try runLoop("the mail") { loop, done in
      mailbox.open(on: loop) { message in
        received.append(message)
        mailbox.close()
        mailbox.close()
        done()
      }
      mailbox.post(2)
    }
    mailbox.post(3)
    #expect(received == [2])
  }

  @Test func `survives being closed while others post`() throws {
    for _ in 0..<50 {
      let mailbox = Mailbox<Int>()
      let posted = Waitable(0)
      try runLoop("the mail") { loop, done in
        mailbox.open(on: loop) { message in
          guard message == 10 else { return }
          mailbox.close()
          done()
        }
        Thread.detachNewThread {
          for number in 0..<200 { mailbox.post(number) }
          posted.withLock { $0 = 200 }
        }
      }
      try posted.wait("the poster") { $0 == 200 }
    }
  }

  @Test func `does not keep its loop running`() throws {
    let loop = try EventLoop()
    let mailbox = Mailbox<Int>()
    mailbox.open(on: loop) { _ in }
    loop.run()
    mailbox.close()
    loop.close()
  }
}
