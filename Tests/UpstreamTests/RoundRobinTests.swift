import Testing

@testable import Upstream

@Suite("Order of a weighted round") struct RoundRobinTests {
  @Test(arguments: [
    ([1], [0]), ([7], [0]), ([1, 1, 1], [0, 1, 2]), ([5, 5, 5], [0, 1, 2]), ([2, 1, 1], [0, 1, 2, 0]),
    ([5, 1, 1], [0, 0, 1, 0, 2, 0, 0]), ([3, 1], [0, 0, 1, 0]), ([6, 2], [0, 0, 1, 0]), ([1, 2], [1, 0, 1]),
  ])
  func `a round is the smooth order of its weights`(weights: [Int], order: [Int]) {
    #expect(RoundRobin.order(weights: weights) == order)
  }

  private static let mixed = [
    [1, 2, 3], [10, 1], [4, 6, 10], [1, 1, 1, 1, 9], [100, 99, 1], [3, 3, 3, 7], [2, 4, 6, 8, 10, 12],
    [256, 1],
  ]

  @Test(arguments: mixed)
  func `in a round each comes up as often as its weight says`(weights: [Int]) {
    let order = RoundRobin.order(weights: weights)
    let total = weights.reduce(0, +)
    #expect(total % order.count == 0)
    for (index, weight) in weights.enumerated() {
      #expect(order.count { $0 == index } * (total / order.count) == weight)
    }
  }

  @Test(arguments: mixed)
  func `at no point of a round is anyone a whole turn away from its share`(weights: [Int]) {
    let order = RoundRobin.order(weights: weights)
    let total = weights.reduce(0, +)
    var turns = [Int](repeating: 0, count: weights.count)
    for (step, index) in order.enumerated() {
      turns[index] += 1
      for (candidate, weight) in weights.enumerated() {
        let ahead = turns[candidate] * total - (step + 1) * weight
        #expect(ahead > -total, "\(candidate) is late after step \(step) of \(order)")
        #expect(ahead < total, "\(candidate) is early after step \(step) of \(order)")
      }
    }
  }

  @Test func `a light endpoint is never met twice in a row`() {
    for heavy in 1...20 {
      let order = RoundRobin.order(weights: [heavy, 1, 1])
      for (one, two) in zip(order, order.dropFirst() + order.prefix(1)) where one != 0 { #expect(one != two) }
    }
  }

  @Test func `a round stays short, whatever the weights`() {
    let weights = (0..<500).map { 1000 - $0 }
    let order = RoundRobin.order(weights: weights)
    #expect(order.count <= 4096)
    #expect(Set(order).count == 500)
    // The heaviest still gets about twice as many turns as the lightest.
    #expect(order.count { $0 == 0 } > order.count { $0 == 499 })
    let uneven = RoundRobin.order(weights: [1000, 999])
    #expect(abs(uneven.count { $0 == 0 } - uneven.count { $0 == 1 }) <= 1)
  }
}
