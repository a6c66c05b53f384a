// One owned run of bytes.
//
// `[UInt8]` would do for correctness, but it pays a uniqueness check per append and cannot be
// consumed from the front without moving what is left.

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

/// A growable run of bytes that is appended to at the end and consumed from the front.
///
/// Owns its memory alone: moving the buffer moves the bytes' ownership, nothing is ever shared. An
/// empty buffer that was never appended to owns no memory.
@safe public struct ByteBuffer: ~Copyable {
  @usableFromInline var base: UnsafeMutablePointer<UInt8>?
  @usableFromInline var capacity = 0
  /// Always `0 <= start <= end <= capacity`.
  @usableFromInline var start = 0
  @usableFromInline var end = 0

  @inlinable public init() { unsafe base = nil }

  public init(capacity: Int) {
    unsafe base = nil
    grow(toFit: capacity)
  }

  deinit { unsafe base?.deallocate() }

  /// The number of bytes held.
  @inlinable public var count: Int { @inline(__always) get { end - start } }
  @inlinable public var isEmpty: Bool { @inline(__always) get { end == start } }
  /// Bytes of memory owned, whatever is in them.
  public var capacityBytes: Int { capacity }

  /// The bytes held, valid until the buffer is next changed.
  @inlinable public var span: Span<UInt8> {
    @_lifetime(borrow self)
    @inline(__always) get {
      let bytes = unsafe UnsafeBufferPointer(
        start: base.map { unsafe UnsafePointer($0 + start) }, count: count)
      return unsafe _overrideLifetime(Span(_unsafeElements: bytes), borrowing: self)
    }
  }

  /// Calls `body` with the bytes where they are. They stay there until the buffer is next appended to.
  public func withUnsafeBytes<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
    unsafe body(UnsafeBufferPointer(start: base.map { unsafe UnsafePointer($0 + start) }, count: count))
  }

  /// Forgets the bytes, keeps the memory.
  @inlinable public mutating func removeAll() {
    start = 0
    end = 0
  }

  /// Drops `count` bytes from the front.
  /// - Precondition: `0 <= count <= self.count`.
  @inlinable public mutating func consume(_ count: Int) {
    precondition(count >= 0)
    precondition(count <= self.count)
    start += count
    if start == end { removeAll() }
  }

  /// Drops bytes from the end until `count` are left.
  public mutating func truncate(to count: Int) {
    precondition(count >= 0)
    precondition(count <= self.count)
    end = start + count
  }

  /// Makes room for `extra` bytes after the last, moving or reallocating at most once.
  @inlinable @inline(__always) public mutating func reserve(_ extra: Int) {
    if capacity - end < extra { makeRoom(extra) }
  }

  @inlinable @inline(__always) public mutating func append(_ byte: UInt8) {
    reserve(1)
    unsafe base![end] = byte
    end += 1
  }

  @inlinable @inline(__always) public mutating func append(_ bytes: Span<UInt8>) {
    guard !bytes.isEmpty else { return }
    reserve(bytes.count)
    unsafe bytes.withUnsafeBufferPointer { source in
      unsafe (base! + end).update(from: source.baseAddress!, count: source.count)
    }
    end += bytes.count
  }

  /// Appends `bytes[from..<to]`.
  @inlinable @inline(__always) public mutating func append(_ bytes: Span<UInt8>, from: Int, to: Int) {
    guard from < to else { return }
    append(bytes.extracting(from..<to))
  }

  /// Appends `bytes[range]` with its ASCII letters in lower case.
  public mutating func append(lowercasing bytes: Span<UInt8>, _ range: Range<Int>) {
    guard !range.isEmpty else { return }
    let part = bytes.extracting(range)
    reserve(part.count)
    unsafe part.withUnsafeBufferPointer { source in
      let target = unsafe base! + end
      for index in 0..<source.count { unsafe target[index] = ASCII.lowercased(source[index]) }
    }
    end += part.count
  }

  /// Appends what `other` holds from offset `from` on.
  @inlinable public mutating func append(_ other: borrowing ByteBuffer, from: Int = 0) {
    append(other.span, from: from, to: other.count)
  }

  @inlinable @inline(__always) public mutating func append(_ text: StaticString) {
    let count = text.utf8CodeUnitCount
    guard count > 0 else { return }
    reserve(count)
    unsafe (base! + end).update(from: text.utf8Start, count: count)
    end += count
  }

  /// Appends the UTF-8 of `text`. Named apart from `append`, or every literal would be a `String`.
  public mutating func append(text: String) {
    var text = text
    text.makeContiguousUTF8()
    append(text.utf8Span.span)
  }

  /// Appends an array. Named apart from `append` so that a literal is never ambiguous.
  public mutating func append(contentsOf bytes: [UInt8]) { append(bytes.span) }

  @usableFromInline mutating func makeRoom(_ extra: Int) {
    if start > 0, capacity - count >= extra, start >= count {
      // The held bytes fit before their own start: slide them down, no memory needed.
      unsafe base!.update(from: base! + start, count: count)
      end -= start
      start = 0
    } else {
      grow(toFit: count + extra)
    }
  }

  private mutating func grow(toFit wanted: Int) {
    precondition(wanted >= 0)
    let held = count
    // By half where it is large: by a fixed step, each byte of a long text would be copied again and again.
    let newCapacity = max(wanted, capacity + min(capacity, max(64 * 1024, capacity / 2)), 64)
    let fresh = UnsafeMutablePointer<UInt8>.allocate(capacity: newCapacity)
    if let base = unsafe base {
      unsafe fresh.update(from: base + start, count: held)
      unsafe base.deallocate()
    }
    unsafe base = fresh
    capacity = newCapacity
    start = 0
    end = held
  }
}

extension ByteBuffer {
  /// Replaces `range` (offsets from the front) by `bytes`, moving what follows.
  public mutating func replace(_ range: Range<Int>, with bytes: Span<UInt8>) {
    precondition(range.lowerBound >= 0)
    precondition(range.upperBound <= count)
    let tailCount = count - range.upperBound
    let growth = bytes.count - range.count
    if growth > 0 { reserve(growth) }
    guard let base = unsafe base else { return }
    let at = unsafe base + start + range.lowerBound
    unsafe memmove(at + bytes.count, at + range.count, tailCount)
    unsafe bytes.withUnsafeBufferPointer { source in
      if let from = source.baseAddress { unsafe at.update(from: from, count: source.count) }
    }
    end += growth
  }

  /// Appends `value` in decimal, without a sign.
  public mutating func append(decimal value: Int) {
    precondition(value >= 0)
    reserve(20)
    if value < 10 {
      unsafe base![end] = UInt8(truncatingIfNeeded: 0x30 + value)
      end += 1
      return
    }
    var digits = 1
    var bound = 10
    while digits < 19, value >= bound {
      digits += 1
      if digits < 19 { bound *= 10 }
    }
    // Unsigned: a division by a constant is one multiplication then.
    var rest = UInt(bitPattern: value)
    var at = end + digits
    while at > end {
      at -= 1
      unsafe base![at] = UInt8(truncatingIfNeeded: 0x30 &+ rest % 10)
      rest /= 10
    }
    end += digits
  }

  /// Appends `value` in decimal, padded with zeros to at least `width` digits.
  public mutating func append(decimal value: Int, width: Int) {
    var bound = 10
    var digits = 1
    while digits < width {
      if value < bound { append(UInt8(ascii: "0")) }
      bound *= 10
      digits += 1
    }
    append(decimal: value)
  }

  /// Appends `value` in lower-case hexadecimal, without leading zeros.
  public mutating func append(hex value: Int) {
    precondition(value >= 0)
    var shift = (Int.bitWidth - max(value, 1).leadingZeroBitCount - 1) / 4 * 4
    while shift >= 0 {
      let digit = UInt8(truncatingIfNeeded: value >> shift & 0xF)
      append(digit < 10 ? 0x30 + digit : 0x57 + digit)
      shift -= 4
    }
  }

  /// Appends the sixteen lower-case hexadecimal digits of `word`, eight at a time.
  public mutating func append(hexDigits word: UInt64) {
    reserve(16)
    appendEight(word >> 32)
    appendEight(word & 0xFFFF_FFFF)
  }

  /// There is room.
  private mutating func appendEight(_ half: UInt64) {
    // Each nibble to a byte of its own, the highest at the front.
    var digits = (half | half << 16) & 0x0000_FFFF_0000_FFFF
    digits = (digits | digits << 8) & 0x00FF_00FF_00FF_00FF
    digits = (digits | digits << 4) & 0x0F0F_0F0F_0F0F_0F0F
    // Adding 6 carries into the high nibble where it is a letter.
    let letters = ((digits &+ 0x0606_0606_0606_0606) >> 4) & 0x0101_0101_0101_0101
    let text = digits &+ 0x3030_3030_3030_3030 &+ letters &* 0x27
    unsafe UnsafeMutableRawPointer(base! + end).storeBytes(of: text.bigEndian, as: UInt64.self)
    end += 8
  }

  /// Takes what `other` holds, memory and all, and leaves it empty.
  public static func taking(_ other: inout ByteBuffer) -> ByteBuffer {
    var taken = ByteBuffer()
    swap(&taken, &other)
    return taken
  }

  /// A copy of the bytes.
  public func array() -> [UInt8] { unsafe withUnsafeBytes { unsafe Array($0) } }

  /// The bytes as text, repairing what is not UTF-8. For logs and tests, not for the data path.
  public func text() -> String {
    unsafe span.withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
  }
}

extension ByteBuffer {
  /// Lets `fill` write up to `room` bytes after the last; it returns how many, or a negative number for
  /// none. Returns what `fill` returned.
  public mutating func appendUninitialized(_ room: Int, _ fill: (UnsafeMutableRawPointer) -> Int) -> Int {
    guard room > 0 else { return 0 }
    reserve(room)
    let written = unsafe fill(UnsafeMutableRawPointer(base! + end))
    precondition(written <= room)
    if written > 0 { end += written }
    return written
  }
}
