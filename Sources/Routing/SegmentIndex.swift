/// Finds the longest of its keys that is a text or ends where a segment of it ends.
///
/// The keys stand in order, the separator before all other bytes, so each is directly followed by those
/// that lie below it. Whatever key lies above a text therefore lies above the last key that is not after
/// the text, or is that key: one binary search, and then up from parent to parent.
struct SegmentIndex<Value: Sendable>: Sendable {
  private struct Node: Sendable {
    /// The key is `keys[start..<end]`.
    let start: Int
    let end: Int
    /// The longest other key above this one. `nil` for the root alone.
    let parent: Int?
    /// `nil` for a root that stands there for the search only.
    let value: Value?

    var count: Int { end - start }
  }

  private let separator: UInt8
  private let keys: [UInt8]
  /// The first is the root, whose key is empty.
  private let nodes: [Node]

  /// - Parameter entries: keys that differ, empty or with a separator at the front of every segment.
  init(separator: UInt8, _ entries: [(key: [UInt8], value: Value)]) {
    func rank(_ byte: UInt8) -> Int { byte == separator ? -1 : Int(byte) }
    let sorted = entries.sorted { left, right in
      left.key.lexicographicallyPrecedes(right.key) { rank($0) < rank($1) }
    }
    let root = sorted.first.flatMap { $0.key.isEmpty ? $0.value : nil }
    var keys: [UInt8] = []
    var nodes = [Node(start: 0, end: 0, parent: nil, value: root)]
    // The node before and those above it, the root first.
    var path = [0]
    for (key, value) in sorted where !key.isEmpty {
      precondition(key[0] == separator)
      while let last = path.last, last > 0 {
        let above = keys[nodes[last].start..<nodes[last].end]
        precondition(!key.elementsEqual(above), "a key is there twice")
        if key.starts(with: above), key[above.count] == separator { break }
        path.removeLast()
      }
      let start = keys.count
      keys += key
      nodes.append(Node(start: start, end: keys.count, parent: path.last, value: value))
      path.append(nodes.count - 1)
    }
    precondition(sorted.count { $0.key.isEmpty } <= 1, "a key is there twice")
    self.separator = separator
    self.keys = keys
    self.nodes = nodes
  }

  /// The node of the longest key at or above `text`; the root if there is no other.
  func deepest(_ text: borrowing SegmentedText) -> Int {
    var low = 0
    var high = nodes.count
    while high - low > 1 {
      let middle = (low + high) / 2
      if isAfter(middle, text) { high = middle } else { low = middle }
    }
    let common = commonCount(low, text)
    while let parent = nodes[low].parent {
      let count = nodes[low].count
      if count <= common, count == text.count || text[count] == separator { break }
      low = parent
    }
    return low
  }

  func parent(of node: Int) -> Int? { nodes[node].parent }
  func value(of node: Int) -> Value? { nodes[node].value }
  func keyCount(of node: Int) -> Int { nodes[node].count }

  private func isAfter(_ node: Int, _ text: borrowing SegmentedText) -> Bool {
    let common = commonCount(node, text)
    if common == nodes[node].count { return false }
    if common == text.count { return true }
    // They differ here, so at most one of the two bytes is the separator.
    if text[common] == separator { return true }
    let byte = keys[nodes[node].start + common]
    return byte != separator && byte > text[common]
  }

  /// How many bytes the key and the text have in common at their front.
  private func commonCount(_ node: Int, _ text: borrowing SegmentedText) -> Int {
    let start = nodes[node].start
    let limit = min(nodes[node].count, text.count)
    var count = 0
    while count < limit, keys[start + count] == text[count] { count += 1 }
    return count
  }
}
