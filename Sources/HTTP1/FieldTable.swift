internal import Base

/// One field line of a head, as offsets into the bytes that were parsed.
public struct Field: Sendable {
  public let name: FieldName
  /// The line is `start..<end`, its CRLF included; the next line begins at `end`.
  public let start: Int32
  public let nameEnd: Int32
  /// The value without the white space around it. RFC 9110 §5.5.
  public let valueStart: Int32
  public let valueEnd: Int32
  public let end: Int32

  @inlinable public var nameRange: Range<Int> { Int(start)..<Int(nameEnd) }
  @inlinable public var valueRange: Range<Int> { Int(valueStart)..<Int(valueEnd) }
  @inlinable public var lineRange: Range<Int> { Int(start)..<Int(end) }
}

/// The field lines of one head or trailer section, in their order.
///
/// Kept and refilled: filling it allocates nothing once it has grown to the largest head seen.
public struct FieldTable: ~Copyable {
  /// The first `count` are this head's; what follows is left from a longer one and is written over.
  @usableFromInline var fields: [Field] = []
  public private(set) var count = 0
  /// The known names that occur, and those that occur more than once, as `FieldName.bit`s.
  public private(set) var present: UInt64 = 0
  public private(set) var repeated: UInt64 = 0

  public init() { fields.reserveCapacity(32) }

  /// - Precondition: `0 <= index < count`.
  @inlinable public subscript(_ index: Int) -> Field {
    precondition(index < count)
    return fields[index]
  }

  @inlinable public func contains(_ name: FieldName) -> Bool { present & name.bit != 0 }
  @inlinable public func isRepeated(_ name: FieldName) -> Bool { repeated & name.bit != 0 }

  /// The first field of that known name.
  public func first(_ name: FieldName) -> Field? {
    guard contains(name) else { return nil }
    for index in 0..<count where fields[index].name == name { return fields[index] }
    return nil
  }

  /// The first field of any name, compared without case. `bytes` are those that were parsed.
  public func first(named name: Span<UInt8>, in bytes: Span<UInt8>) -> Field? {
    for index in 0..<count where ASCII.equals(bytes, fields[index].nameRange, name, 0..<name.count) {
      return fields[index]
    }
    return nil
  }

  mutating func removeAll() {
    count = 0
    present = 0
    repeated = 0
  }

  @inline(__always) mutating func append(_ field: Field) {
    if count < fields.count { fields[count] = field } else { fields.append(field) }
    count += 1
    repeated |= present & field.name.bit
    present |= field.name.bit
  }
}
