import TestSupport
import Testing

@testable import Proxy

@Suite("What may wait in the kernel") struct UnsentShareTests {
  @Test func `few have much, a crowd shares`() {
    var share = UnsentShare(budget: 64 << 20)
    #expect(share.bytes == 4 << 20)
    for (connections, bytes) in [
      (1, 4 << 20), (16, 4 << 20), (17, 2 << 20), (64, 1 << 20), (500, 128 << 10), (100_000, 128 << 10),
    ] {
      _ = share.update(connections: connections)
      #expect(share.bytes == bytes, "\(connections)")
    }
    let changes = share.update(connections: 0)
    #expect(changes)
    #expect(share.bytes == 4 << 20)
  }

  @Test func `it does not change with every connection that comes and goes`() {
    var share = UnsentShare(budget: 64 << 20)
    var changes = 0
    for _ in 0..<1000 {
      for connections in [63, 64, 65, 66] where share.update(connections: connections) { changes += 1 }
    }
    #expect(changes <= 3)
    // Whatever the counts, the budget holds for those that are there, but for the hysteresis.
    var random = SeededGenerator(seed: 1)
    var count = 0
    for _ in 0..<10_000 {
      count = max(0, count + Int.random(in: -40...41, using: &random))
      _ = share.update(connections: count)
      #expect(share.bytes == UnsentShare.least || share.bytes * count <= 64 << 20)
      #expect((UnsentShare.least...UnsentShare.most).contains(share.bytes))
    }
  }
}
