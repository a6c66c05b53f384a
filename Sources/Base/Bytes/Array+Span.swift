extension Array where Element == UInt8 {
  /// A copy of `bytes`.
  public init(copying bytes: Span<UInt8>) { self = unsafe bytes.withUnsafeBufferPointer { unsafe Array($0) } }
}
