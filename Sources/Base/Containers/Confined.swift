/// A value that one loop changes in place.
///
/// A stored property of a class pays for a dynamic exclusivity check at each access that the compiler
/// cannot see through: on the path of a small request these were a fifth of all instructions. Here the
/// check is made in debug builds, in which the tests run, and left out in release builds. What makes
/// that sound is the law of the house that nobody is called back while being called.
///
/// Kept as a `let` of its owner, which is what saves the check; the value behind it is still a variable.
@safe public struct Confined<Value: ~Copyable>: ~Copyable {
  @usableFromInline let pointer: UnsafeMutablePointer<Value>
  #if DEBUG
    /// Readers under way, or -1 while the value is being changed.
    @usableFromInline let accesses: UnsafeMutablePointer<Int>
  #endif

  public init(_ value: consuming Value) {
    unsafe pointer = .allocate(capacity: 1)
    unsafe pointer.initialize(to: value)
    #if DEBUG
      unsafe accesses = .allocate(capacity: 1)
      unsafe accesses.initialize(to: 0)
    #endif
  }

  deinit {
    unsafe pointer.deinitialize(count: 1)
    unsafe pointer.deallocate()
    #if DEBUG
      unsafe accesses.deallocate()
    #endif
  }

  public var value: Value {
    @inlinable @inline(__always) _read {
      #if DEBUG
        unsafe precondition(accesses.pointee >= 0, "read while being changed")
        unsafe accesses.pointee += 1
        defer { unsafe accesses.pointee -= 1 }
      #endif
      yield unsafe pointer.pointee
    }
    @inlinable @inline(__always) nonmutating _modify {
      #if DEBUG
        unsafe precondition(accesses.pointee == 0, "changed while being read or changed")
        unsafe accesses.pointee = -1
        defer { unsafe accesses.pointee = 0 }
      #endif
      yield unsafe &pointer.pointee
    }
  }
}
