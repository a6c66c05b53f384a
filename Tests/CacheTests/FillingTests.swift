import Base
import Dispatch
import Foundation
import TestSupport
import Testing

@testable import Cache

@Suite("An answer on its way into the cache") struct FillingTests {
  /// One writer and some readers, each on a thread of its own, waiting only when told to.
  @Test(arguments: 1...24) func `reaches every reader whole, whoever is fast or slow or leaves`(
    _ seed: UInt64
  ) throws {
    let head = try #require(Heads(fields: ["Cache-Control: max-age=60"]).stored())
    let filling = Filling()
    let readers = 4
    let chunks = 200
    let passesFrom = seed % 3 == 0 ? chunks + 1 : 20
    let room = DispatchSemaphore(value: 0)
    let bells = (0..<readers).map { _ in DispatchSemaphore(value: 0) }
    let numbers = try bells.map { bell in try #require(filling.join { bell.signal() }) }
    let got = Waitable<[Int: [UInt8]]>([:])
    let stuck = Waitable<[String]>([])
    let group = DispatchGroup()
    let part: @Sendable (Int) -> Void = { index in
      var random = SeededGenerator(seed: seed &* 100 &+ UInt64(index))
      if index == readers {
        filling.begin(head, length: nil) { room.signal() }
        for number in 0..<chunks {
          switch filling.append([UInt8(number % 251)], isPassing: number >= passesFrom) {
          case .go: break
          case .pause:
            if room.wait(timeout: .now() + 5) == .timedOut { stuck.withLock { $0.append("the writer") } }
          case .stop: return
          }
        }
        _ = filling.finish()
        return
      }
      var bytes: [UInt8] = []
      let leavesAfter = index == 0 && seed % 2 == 0 ? Int.random(in: 0..<chunks, using: &random) : .max
      reading: while true {
        switch filling.look(numbers[index]) {
        case .waiting:
          if bells[index].wait(timeout: .now() + 5) == .timedOut {
            stuck.withLock { $0.append("reader \(index) at \(bytes.count)") }
            break reading
          }
        case .head: break
        case .chunk(let chunk):
          bytes += chunk
          if bytes.count > leavesAfter {
            filling.leave(numbers[index])
            return
          }
          if UInt8.random(in: .min ... .max, using: &random) < 8 { usleep(200) }
        case .complete: break reading
        case .cut, .stored, .released:
          stuck.withLock { $0.append("reader \(index) was told of an end that there was not") }
          break reading
        }
      }
      filling.leave(numbers[index])
      got.withLock { $0[index] = bytes }
    }
    for index in 0...readers {
      group.enter()
      Thread.detachNewThread {
        part(index)
        group.leave()
      }
    }
    #expect(group.wait(timeout: .now() + 30) == .success)
    #expect(stuck.value == [])
    let whole = (0..<chunks).map { UInt8($0 % 251) }
    for (index, bytes) in got.value { #expect(bytes == whole, "reader \(index), seed \(seed)") }
  }
}
