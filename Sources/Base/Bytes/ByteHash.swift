/// A hash of bytes that nobody outside the process can predict: keyed anew at each start (SipHash-1-3), so that
/// no client can choose keys that collide.
public enum ByteHash {
  public static func of(_ bytes: Span<UInt8>) -> UInt64 {
    var hasher = Hasher()
    unsafe bytes.withUnsafeBufferPointer { unsafe hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    return UInt64(bitPattern: Int64(hasher.finalize()))
  }

  public static func of(_ bytes: borrowing ByteBuffer) -> UInt64 { of(bytes.span) }

  /// Whether both hold the same bytes.
  @inlinable public static func equal(_ one: Span<UInt8>, _ two: Span<UInt8>) -> Bool {
    guard one.count == two.count else { return false }
    var index = 0
    while index < one.count {
      if one[index] != two[index] { return false }
      index += 1
    }
    return true
  }
}
