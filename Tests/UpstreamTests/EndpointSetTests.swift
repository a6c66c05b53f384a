import Base
import Dispatch
import Reactor
import Synchronization
import Testing

@testable import Upstream

@Suite("Whose turn it is") struct EndpointSetTests {
  private static func endpoints(_ weights: [Int]) -> EndpointSet {
    EndpointSet(
      weights.enumerated().map { index, weight in
        let address = SocketAddress.ip(IPAddress(v4: 0x7F00_0001), port: UInt16(3001 + index))
        return Endpoint(index: index, address: address, authority: "origin-\(index)", weight: weight)
      })
  }

  @Test func `an endpoint goes by its address in the logs`() {
    let set = EndpointSetTests.endpoints([1, 1])
    #expect(set.endpoints.map(\.name) == ["127.0.0.1:3001", "127.0.0.1:3002"])
  }

  @Test func `endpoints of one weight take turns in their order`() {
    let set = EndpointSetTests.endpoints([1, 1, 1])
    #expect((0..<7).map { _ in set.next().index } == [0, 1, 2, 0, 1, 2, 0])
  }

  @Test func `weights shape the turns`() {
    let set = EndpointSetTests.endpoints([2, 1])
    #expect((0..<6).map { _ in set.next().index } == [0, 1, 0, 0, 1, 0])
  }

  @Test func `the turns are exact over many threads`() {
    let weights = [3, 2, 1]
    let set = EndpointSetTests.endpoints(weights)
    let (threads, turns) = (8, 3000)
    let total = Mutex([Int](repeating: 0, count: weights.count))
    DispatchQueue.concurrentPerform(iterations: threads) { _ in
      var mine = [Int](repeating: 0, count: weights.count)
      for _ in 0..<turns { mine[set.next().index] += 1 }
      let counted = mine
      total.withLock { for index in $0.indices { $0[index] += counted[index] } }
    }
    let rounds = threads * turns / 6
    #expect(total.withLock { $0 } == weights.map { $0 * rounds })
    // And the round goes on where all of them together left it.
    #expect((0..<6).map { _ in set.next().index } == RoundRobin.order(weights: weights))
  }

  @Test func `with nothing tried the next in turn is taken`() {
    let set = EndpointSetTests.endpoints([1, 1, 1])
    #expect((0..<4).map { _ in set.next(excluding: [])?.index } == [0, 1, 2, 0])
  }

  @Test func `what was tried is passed over`() {
    let set = EndpointSetTests.endpoints([1, 1, 1])
    for _ in 0..<12 {
      let first = set.next().index
      let second = set.next(excluding: [first])
      #expect(second != nil)
      #expect(second?.index != first)
      let third = set.next(excluding: [first, second?.index ?? first])
      #expect(Set([first, second?.index, third?.index]) == [0, 1, 2])
    }
  }

  @Test func `a light endpoint is found behind heavy ones that were tried`() {
    let set = EndpointSetTests.endpoints([100, 100, 1])
    for _ in 0..<50 { #expect(set.next(excluding: [1, 0])?.index == 2) }
  }

  @Test func `there is none once all were tried`() {
    let set = EndpointSetTests.endpoints([2, 1])
    #expect(set.next(excluding: [0, 1]) == nil)
    #expect(set.next(excluding: [1])?.index == 0)
    #expect(EndpointSetTests.endpoints([1]).next(excluding: [0]) == nil)
  }

  @Test func `one that was not tried is found while other threads take turns`() {
    let set = EndpointSetTests.endpoints([5, 1])
    let wrong = Atomic(0)
    DispatchQueue.concurrentPerform(iterations: 4) { thread in
      for _ in 0..<2000 {
        if thread == 0 {
          if set.next(excluding: [0])?.index != 1 { wrong.add(1, ordering: .relaxed) }
        } else {
          _ = set.next()
        }
      }
    }
    #expect(wrong.load(ordering: .relaxed) == 0)
  }
}
