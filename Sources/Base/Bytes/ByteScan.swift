// Looking for bytes eight at a time. The only unsafe reads of a parser are here, each behind a
// bounds check of its own.

/// Word-at-a-time searches over spans.
public enum ByteScan {
  @usableFromInline static let ones: UInt64 = 0x0101_0101_0101_0101
  @usableFromInline static let highs: UInt64 = 0x8080_8080_8080_8080

  /// The first index at or after `from` whose byte is a control (0x00-0x1F, 0x7F), or `bytes.count`.
  /// Horizontal tab counts as a control: the caller decides.
  @inlinable @inline(__always) public static func firstControl(_ bytes: Span<UInt8>, from: Int) -> Int {
    precondition(from >= 0)
    return unsafe bytes.withUnsafeBufferPointer { buffer in
      var at = from
      let count = buffer.count
      guard at < count, let base = unsafe UnsafeRawPointer(buffer.baseAddress) else { return count }
      while at + 8 <= count {
        let word = UInt64(littleEndian: unsafe base.loadUnaligned(fromByteOffset: at, as: UInt64.self))
        // Below 0x20: the subtraction borrows into the high bit of a byte that had none. A borrow
        // can spill into later bytes only, so the lowest set bit is exact.
        let below = (word &- ones &* 0x20) & ~word & highs
        let del = word ^ (ones &* 0x7F)
        let found = below | ((del &- ones) & ~del & highs)
        if found != 0 { return at + found.trailingZeroBitCount / 8 }
        at += 8
      }
      while at < count {
        let byte = unsafe base.load(fromByteOffset: at, as: UInt8.self)
        if byte < 0x20 || byte == 0x7F { return at }
        at += 1
      }
      return count
    }
  }

  /// The first index at or after `from` whose byte is not in a set of ASCII characters, or `bytes.count`.
  /// - Parameters:
  ///   - low: the members below 0x40, one bit each.
  ///   - high: the members from 0x40 to 0x7F.
  @inlinable @inline(__always) public static func firstOutside(
    low: UInt64, high: UInt64, _ bytes: Span<UInt8>, from: Int
  ) -> Int {
    precondition(from >= 0)
    return unsafe bytes.withUnsafeBufferPointer { buffer in
      var at = from
      let count = buffer.count
      guard at < count, let base = buffer.baseAddress else { return count }
      while at < count {
        let byte = unsafe base[at]
        let set = byte < 0x40 ? low : high
        if byte >= 0x80 || set >> UInt64(byte & 0x3F) & 1 == 0 { return at }
        at += 1
      }
      return count
    }
  }

  /// The first index at or after `from` whose byte is no letter and no `-`, looked for eight at a time,
  /// or where fewer than eight are left. Field names are hardly ever made of anything else.
  @inlinable @inline(__always) public static func skipLettersAndHyphens(
    _ bytes: Span<UInt8>, from: Int
  ) -> Int {
    precondition(from >= 0)
    return unsafe bytes.withUnsafeBufferPointer { buffer in
      var at = from
      guard let base = unsafe UnsafeRawPointer(buffer.baseAddress) else { return at }
      while at + 8 <= buffer.count {
        let word = UInt64(littleEndian: unsafe base.loadUnaligned(fromByteOffset: at, as: UInt64.self))
        // Seven bits a byte, so that no sum carries into the next byte.
        let folded = (word | ones &* 0x20) & ~highs
        let isLetter = (folded &+ ones &* 0x1F) & ~(folded &+ ones &* 0x05)
        let difference = word ^ (ones &* 0x2D)
        let isHyphen = ~(((difference & ~highs) &+ ~highs) | difference)
        let others = ~((isLetter | isHyphen) & ~word) & highs
        if others != 0 { return at + others.trailingZeroBitCount / 8 }
        at += 8
      }
      return at
    }
  }

  /// The first index at or after `from` that holds `byte`, or `bytes.count`.
  @inlinable public static func first(_ byte: UInt8, in bytes: Span<UInt8>, from: Int) -> Int {
    precondition(from >= 0)
    var at = from
    while at < bytes.count {
      if bytes[at] == byte { return at }
      at += 1
    }
    return bytes.count
  }

  /// Eight bytes from `at` as a little-endian word, ASCII letters folded to lower case by setting
  /// bit 5 of every byte. Bytes past the end of the span read as 0x20.
  ///
  /// Only for comparison with words of lower-case letters, digits and `-`: other characters collide.
  @inlinable @inline(__always) public static func foldedWord(_ bytes: Span<UInt8>, at: Int, count: Int)
    -> UInt64
  {
    precondition(at >= 0)
    precondition(count >= 0)
    precondition(at + count <= bytes.count)
    let fold: UInt64 = 0x2020_2020_2020_2020
    return unsafe bytes.withUnsafeBufferPointer { buffer in
      guard let base = unsafe UnsafeRawPointer(buffer.baseAddress) else { return fold }
      if count >= 8 {
        return UInt64(littleEndian: unsafe base.loadUnaligned(fromByteOffset: at, as: UInt64.self)) | fold
      }
      if at + 8 <= buffer.count {
        // Reads past `count` but inside the span, then masks: cheaper than a loop.
        let word = UInt64(littleEndian: unsafe base.loadUnaligned(fromByteOffset: at, as: UInt64.self))
        let mask = count == 0 ? 0 : UInt64.max >> UInt64(64 - 8 * count)
        return (word & mask) | fold
      }
      var word: UInt64 = 0
      var index = 0
      while index < count {
        word |= UInt64(unsafe base.load(fromByteOffset: at + index, as: UInt8.self)) << UInt64(8 * index)
        index += 1
      }
      return word | fold
    }
  }
}
