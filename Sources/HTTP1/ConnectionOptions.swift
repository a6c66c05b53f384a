internal import Base

/// What the `Connection` fields of a head say. RFC 9110 §7.6.1.
public struct ConnectionOptions: OptionSet, Sendable {
  public let rawValue: UInt8
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  public static let close = ConnectionOptions(rawValue: 1)
  public static let keepAlive = ConnectionOptions(rawValue: 2)
  public static let upgrade = ConnectionOptions(rawValue: 4)
  /// Names a field that we would otherwise pass on.
  public static let nominatesOthers = ConnectionOptions(rawValue: 8)

  static func read(_ bytes: Span<UInt8>, _ table: borrowing FieldTable) -> ConnectionOptions {
    var options: ConnectionOptions = []
    guard table.contains(.connection) else { return options }
    for index in 0..<table.count where table[index].name == .connection {
      var list = ListElements(table[index].valueRange)
      while let element = list.next(bytes) {
        let (from, to) = (element.lowerBound, element.upperBound)
        if ASCII.equals(bytes, from, to, ignoringCase: "keep-alive") {
          options.insert(.keepAlive)
        } else if ASCII.equals(bytes, from, to, ignoringCase: "close") {
          options.insert(.close)
        } else if ASCII.equals(bytes, from, to, ignoringCase: "upgrade") {
          options.insert(.upgrade)
        } else if !ASCII.equals(bytes, from, to, ignoringCase: "te") {
          options.insert(.nominatesOthers)
        }
      }
    }
    return options
  }
}

extension FieldTable {
  /// Whether some `Connection` field names `field`, which makes it hop-by-hop.
  public func isNominated(_ field: Field, in bytes: Span<UInt8>) -> Bool {
    for index in 0..<count where self[index].name == .connection {
      var list = ListElements(self[index].valueRange)
      while let element = list.next(bytes) {
        if ASCII.equals(bytes, element, bytes, field.nameRange) { return true }
      }
    }
    return false
  }

  /// Whether each element of the list fields of that name is also an element of `other`'s, ignoring case.
  public func list(
    _ name: FieldName, in bytes: Span<UInt8>, isWithin other: borrowing FieldTable, in otherBytes: Span<UInt8>
  ) -> Bool {
    for index in 0..<count where self[index].name == name {
      var list = ListElements(self[index].valueRange)
      while let element = list.next(bytes) {
        guard other.list(name, in: otherBytes, has: element, of: bytes) else { return false }
      }
    }
    return true
  }

  private func list(
    _ name: FieldName, in bytes: Span<UInt8>, has wanted: Range<Int>, of wantedBytes: Span<UInt8>
  ) -> Bool {
    for index in 0..<count where self[index].name == name {
      var list = ListElements(self[index].valueRange)
      while let element = list.next(bytes) {
        if ASCII.equals(bytes, element, wantedBytes, wanted) { return true }
      }
    }
    return false
  }

  /// Whether a list field of that name has `token` among its elements, ignoring case.
  public func list(_ name: FieldName, in bytes: Span<UInt8>, has token: StaticString) -> Bool {
    guard contains(name) else { return false }
    for index in 0..<count where self[index].name == name {
      var list = ListElements(self[index].valueRange)
      while let element = list.next(bytes) {
        if ASCII.equals(bytes, element.lowerBound, element.upperBound, ignoringCase: token) { return true }
      }
    }
    return false
  }
}
