internal import Base

/// Text in segments that go from the general to the particular, each with its separator before it.
///
/// A path is read as it is, `/a/b`; a host name from its end and in lower case, so that `B.Example` is
/// `.elpmaxe.b` and lies below `.elpmaxe` as `/a/b` lies below `/a`.
struct SegmentedText: ~Escapable {
  static let pathSeparator = UInt8(ascii: "/")
  static let hostSeparator = UInt8(ascii: ".")

  let count: Int
  private let bytes: Span<UInt8>
  private let isHost: Bool

  /// Up to the query. What does not begin with a slash, such as the `*` of OPTIONS, has no segments.
  @_lifetime(copy target)
  init(path target: Span<UInt8>) {
    bytes = target
    isHost = false
    let isPath = !target.isEmpty && target[0] == SegmentedText.pathSeparator
    count = isPath ? ByteScan.first(UInt8(ascii: "?"), in: target, from: 1) : 0
  }

  /// - Parameter name: without a dot at either end.
  @_lifetime(copy name)
  init(host name: Span<UInt8>) {
    bytes = name
    isHost = true
    count = name.count + 1
  }

  subscript(_ index: Int) -> UInt8 {
    @inline(__always) get {
      guard isHost else { return bytes[index] }
      return index == 0 ? SegmentedText.hostSeparator : ASCII.lowercased(bytes[bytes.count - index])
    }
  }

  /// For tables: a copy that can be kept.
  func array() -> [UInt8] {
    var array: [UInt8] = []
    for index in 0..<count { array.append(self[index]) }
    return array
  }
}
