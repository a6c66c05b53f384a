/// How far apart two names are, for the question "did you mean".
enum EditDistance {
  /// The insertions, deletions, replacements and swaps of neighbours between the two, at least.
  ///
  /// Quadratic in the lengths: for names, not for texts.
  static func between(_ left: String, _ right: String) -> Int {
    let left = Array(left.utf8)
    let right = Array(right.utf8)
    var beforeLast: [Int] = []
    var last = Array(0...right.count)
    for row in 0..<left.count {
      var current = [row + 1]
      for column in 0..<right.count {
        let replaced = last[column] + (left[row] == right[column] ? 0 : 1)
        var least = min(replaced, last[column + 1] + 1, current[column] + 1)
        if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
          least = min(least, beforeLast[column - 1] + 1)
        }
        current.append(least)
      }
      beforeLast = last
      last = current
    }
    return last[right.count]
  }

  /// The nearest of `names`, the first of several. `nil` only if there are none.
  static func nearest(to name: String, among names: [String]) -> String? {
    let ranked = names.map { (name: $0, distance: betweenNames(name, $0)) }
    return ranked.min { $0.distance < $1.distance }?.name
  }

  /// For names of words joined by `_`: whole words in another order, left out or added, count less than
  /// their letters, as it is words that people mix up: `HOST` is meant for `HOST_HEADER`, not for `LISTEN`.
  static func betweenNames(_ left: String, _ right: String) -> Int {
    let leftWords = left.split(separator: "_").sorted()
    let rightWords = right.split(separator: "_").sorted()
    var distance = between(left, right)
    let reordered = between(leftWords.joined(separator: "_"), rightWords.joined(separator: "_"))
    distance = min(distance, reordered + 1)
    let difference = Set(leftWords).symmetricDifference(rightWords).count
    let isPart = Set(leftWords).isSubset(of: rightWords) || Set(leftWords).isSuperset(of: rightWords)
    return isPart ? min(distance, difference + 1) : distance
  }
}
