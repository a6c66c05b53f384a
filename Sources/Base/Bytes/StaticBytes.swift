extension StaticString {
  /// The bytes of the literal, which live as long as the process.
  @inlinable public var bytes: Span<UInt8> {
    @_lifetime(immortal)
    get {
      let buffer = unsafe UnsafeBufferPointer(start: utf8Start, count: utf8CodeUnitCount)
      return unsafe _overrideLifetime(Span(_unsafeElements: buffer), borrowing: ())
    }
  }
}
