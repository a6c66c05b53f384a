/// Weighted round robin, smooth: an endpoint of weight 2 between two of weight 1 is met as A B A C and
/// not as A A B C.
enum RoundRobin {
  private static let turnsMax = 4096

  /// The order of one round, as indices. Its length is the sum of the weights, divided by their
  /// greatest common divisor.
  ///
  /// At most some four thousand turns, or two for each endpoint: beyond that weights are rounded. A round of
  /// half a million would take seconds to make, and lists are made anew while endpoints come and go.
  static func order(weights: [Int]) -> [Int] {
    precondition(weights.allSatisfy { $0 >= 1 })
    let divisor = weights.reduce(0, greatestCommonDivisor)
    var shares = weights.map { $0 / divisor }
    let wanted = shares.reduce(0, +)
    let most = max(turnsMax, 2 * shares.count)
    if wanted > most { shares = shares.map { max(1, $0 * most / wanted) } }
    let total = shares.reduce(0, +)
    // At each step everyone gains his share and the richest is chosen and pays the total.
    var credit = [Int](repeating: 0, count: shares.count)
    var order: [Int] = []
    order.reserveCapacity(total)
    for _ in 0..<total {
      var richest = 0
      for index in credit.indices {
        credit[index] += shares[index]
        if credit[index] > credit[richest] { richest = index }
      }
      credit[richest] -= total
      order.append(richest)
    }
    return order
  }

  private static func greatestCommonDivisor(_ left: Int, _ right: Int) -> Int {
    var (left, right) = (left, right)
    while right != 0 { (left, right) = (right, left % right) }
    return left
  }
}
