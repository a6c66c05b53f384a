/// A value that one loop changes in place.
///
/// A stored property of a class pays for a dynamic exclusivity check at each access that the compiler
/// cannot see through: on the path of a small request these were a fifth of all instructions. Here the
/// check is made in debug builds, in which the tests run, and left out in release builds. What makes
/// that sound is the law of the house that nobody is called back while being called.
@safe public final class Confined<Value: ~Copyable> {
  @usableFromInline let pointer: UnsafeMutablePointer<Value>
  #if DEBUG
    /// Readers under way, or -1 while the value is being changed.
    @usableFromInline var accesses = 0
  #endif

  public init(_ value: consuming Value) {
    unsafe pointer = .allocate(capacity: 1)
    unsafe pointer.initialize(to: value)
  }

  deinit {
    unsafe pointer.deinitialize(count: 1)
    unsafe pointer.deallocate()
  }

  public var value: Value {
    @inlinable @inline(__always) _read {
      #if DEBUG
        precondition(accesses >= 0, "read while being changed")
        accesses += 1
        defer { accesses -= 1 }
      #endif
      yield unsafe pointer.pointee
    }
    @inlinable @inline(__always) _modify {
      #if DEBUG
        precondition(accesses == 0, "changed while being read or changed")
        accesses = -1
        defer { accesses = 0 }
      #endif
      yield unsafe &pointer.pointee
    }
  }
}
