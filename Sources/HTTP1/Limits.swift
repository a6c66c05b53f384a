/// How large a message head may be before it is refused.
public struct Limits: Sendable, Hashable {
  /// A whole head: start line, fields and the empty line. Also a whole trailer section.
  public var headBytesMax: Int
  /// A request line. Beyond it the answer is 414 and not 431.
  public var requestLineBytesMax: Int
  public var fieldCountMax: Int

  public init(headBytesMax: Int = 32 * 1024, fieldCountMax: Int = 100) {
    precondition(headBytesMax > 0)
    precondition(fieldCountMax > 0)
    self.headBytesMax = headBytesMax
    self.requestLineBytesMax = min(16 * 1024, headBytesMax)
    self.fieldCountMax = fieldCountMax
  }

  /// For heads of our own, which were within the limits when they came.
  public static let unlimited = Limits(headBytesMax: 4 << 20, fieldCountMax: 20_000)
}
