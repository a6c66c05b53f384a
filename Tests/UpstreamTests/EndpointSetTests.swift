import Base
import Dispatch
import Reactor
import Synchronization
import Testing

@testable import Upstream

@Suite("Whose turn it is") struct EndpointSetTests {
  private static func endpoints(_ weights: [Int]) -> EndpointSet { EndpointSet(entries(weights)) }

  @Test func `an endpoint goes by its address in the logs`() {
    let set = EndpointSetTests.endpoints([1, 1])
    #expect(set.entries.map(\.endpoint.name) == ["127.0.0.1:3001", "127.0.0.1:3002"])
  }

  @Test func `endpoints of one weight take turns in their order`() {
    let set = EndpointSetTests.endpoints([1, 1, 1])
    #expect((0..<7).map { _ in set.next() } == [0, 1, 2, 0, 1, 2, 0])
  }

  @Test func `weights shape the turns`() {
    let set = EndpointSetTests.endpoints([2, 1])
    #expect((0..<6).map { _ in set.next() } == [0, 1, 0, 0, 1, 0])
  }

  @Test func `the turns are exact over many threads`() {
    let weights = [3, 2, 1]
    let set = EndpointSetTests.endpoints(weights)
    let (threads, turns) = (8, 3000)
    let total = Mutex([Int](repeating: 0, count: weights.count))
    DispatchQueue.concurrentPerform(iterations: threads) { _ in
      var mine = [Int](repeating: 0, count: weights.count)
      for _ in 0..<turns { mine[set.next() ?? 0] += 1 }
      let counted = mine
      total.withLock { for index in $0.indices { $0[index] += counted[index] } }
    }
    let rounds = threads * turns / 6
    #expect(total.withLock { $0 } == weights.map { $0 * rounds })
    // And the round goes on where all of them together left it.
    #expect((0..<6).map { _ in set.next() } == RoundRobin.order(weights: weights))
  }

  @Test func `with nothing tried the next in turn is taken`() {
    let set = EndpointSetTests.endpoints([1, 1, 1])
    #expect((0..<4).map { _ in set.next(excluding: []) } == [0, 1, 2, 0])
  }

  @Test func `what was tried is passed over`() {
    let set = EndpointSetTests.endpoints([1, 1, 1])
    for _ in 0..<12 {
      let first = set.next() ?? -1
      let second = set.next(excluding: [first])
      #expect(second != nil)
      #expect(second != first)
      let third = set.next(excluding: [first, second ?? first])
      #expect(Set([first, second, third]) == [0, 1, 2])
    }
  }

  @Test func `a light endpoint is found behind heavy ones that were tried`() {
    let set = EndpointSetTests.endpoints([100, 100, 1])
    for _ in 0..<50 { #expect(set.next(excluding: [1, 0]) == 2) }
  }

  @Test func `there is none once all were tried`() {
    let set = EndpointSetTests.endpoints([2, 1])
    #expect(set.next(excluding: [0, 1]) == nil)
    #expect(set.next(excluding: [1]) == 0)
    #expect(EndpointSetTests.endpoints([1]).next(excluding: [0]) == nil)
  }

  @Test func `one that was not tried is found while other threads take turns`() {
    let set = EndpointSetTests.endpoints([5, 1])
    let wrong = Atomic(0)
    DispatchQueue.concurrentPerform(iterations: 4) { thread in
      for _ in 0..<2000 {
        if thread == 0 {
          if set.next(excluding: [0]) != 1 { wrong.add(1, ordering: .relaxed) }
        } else {
          _ = set.next()
        }
      }
    }
    #expect(wrong.load(ordering: .relaxed) == 0)
  }

  @Test func `there is none where none is available`() {
    let set = EndpointSet(entries([1, 1], [0: .unhealthy, 1: .unchecked]))
    #expect(set.next() == nil)
    #expect(set.next(excluding: []) == nil)
    #expect(set.usable.isEmpty)
    #expect(EndpointSet([]).next() == nil)
  }

  @Test func `those that are not available are passed over`() {
    let set = EndpointSet(entries([1, 1, 1, 1], [1: .unhealthy, 2: .ejected]))
    #expect((0..<4).map { _ in set.next() } == [0, 3, 0, 3])
    #expect(!set.isPanicking)
  }

  @Test func `with more than half ejected all are used`() {
    let half = EndpointSet(entries([1, 1, 1, 1], [0: .ejected, 1: .ejected]))
    #expect(half.usable == [2, 3])
    let most = EndpointSet(entries([1, 1, 1], [0: .ejected, 1: .ejected]))
    #expect(most.usable == [0, 1, 2])
    #expect(most.isPanicking)
    // What its checks condemn is dead for certain: it is not among those that could be used.
    let dead = EndpointSet(entries([1, 1, 1], [0: .ejected, 1: .unhealthy, 2: .unhealthy]))
    #expect(dead.usable == [0])
  }

  @Test func `one that starts slowly takes fewer turns`() {
    let set = EndpointSet(entries([1, 1], shares: [1: 1]))
    let turns = (0..<22).map { _ in set.next() ?? -1 }
    #expect(turns.count { $0 == 1 } == 2)
  }

  @Test func `the turns go on from one list to the next`() {
    let cursor = TurnCursor()
    let first = EndpointSet(entries([1, 1, 1]), cursor: cursor)
    _ = first.next()
    let second = EndpointSet(entries([1, 1, 1]), cursor: cursor)
    #expect(second.next() == 1)
    #expect(first.next() == 2)
  }
}
