public import Base
public import HTTP1

/// The request fields that a response was chosen by, with their values. RFC 9111 §4.1.
///
/// Values are compared in one spelling: lines joined by commas, no white space around commas; of languages and
/// codings, whose order and case mean nothing (RFC 9110 §12.5), in lower case and sorted.
public struct VarySelection: Sendable {
  /// In lower case, in the order of the response.
  let names: [[UInt8]]
  /// What `append` made of the request.
  let values: [UInt8]

  /// `nil` where the response depends on more than the fields of a request, or on what a proxy before us
  /// writes there: then it fits no other request.
  /// - Parameters:
  ///   - request: the request's head as it was sent to the origin, with its fields in `requestTable`.
  public init?(
    _ bytes: Span<UInt8>, _ table: borrowing FieldTable, request: Span<UInt8>,
    _ requestTable: borrowing FieldTable
  ) {
    var names: [[UInt8]] = []
    for index in 0..<table.count where table[index].name == .vary {
      var name: [UInt8] = []
      for at in table[index].valueRange.lowerBound...table[index].valueRange.upperBound {
        let byte = at < table[index].valueRange.upperBound ? bytes[at] : 0x2C
        if byte == 0x20 || byte == 0x09 { continue }
        guard byte == 0x2C else {
          name.append(ASCII.lowercased(byte))
          continue
        }
        if name == [0x2A] { return nil }
        if !name.isEmpty, !names.contains(name) { names.append(name) }
        name = []
      }
    }
    var kept: [[UInt8]] = []
    for name in names {
      switch FieldName.find(name.span, 0, name.count) {
      // Written by us, from what is in the key.
      case .host, .xForwardedHost, .xForwardedProto: continue
      // Written by us, from what is not.
      case .xForwardedFor, .via, .forwarded, .connection, .te, .upgrade: return nil
      default: kept.append(name)
      }
    }
    guard kept.count <= VarySelection.namesMax else { return nil }
    self.names = kept
    var values = ByteBuffer()
    VarySelection.append(kept, request, requestTable, to: &values)
    self.values = values.array()
  }

  private static let namesMax = 32

  /// Whether another request would have had the same answer.
  /// - Parameter scratch: room for this request's values; nothing is read from it.
  public func matches(
    _ bytes: Span<UInt8>, _ table: borrowing FieldTable, scratch: inout ByteBuffer
  ) -> Bool {
    if names.isEmpty { return true }
    scratch.removeAll()
    VarySelection.append(names, bytes, table, to: &scratch)
    guard scratch.count == values.count else { return false }
    let found = scratch.span
    for index in values.indices where values[index] != found[index] { return false }
    return true
  }

  /// Whether the same requests select both.
  public func selectsAs(_ other: VarySelection?) -> Bool {
    guard let other else { return false }
    return names == other.names && values == other.values
  }

  var costBytes: Int { values.count + names.reduce(0) { $0 + $1.count + 48 } }

  private static func append(
    _ names: [[UInt8]], _ bytes: Span<UInt8>, _ table: borrowing FieldTable, to out: inout ByteBuffer
  ) {
    for name in names {
      let start = out.count
      var isPresent = false
      for index in 0..<table.count {
        let field = table[index]
        guard field.nameRange.count == name.count,
          ASCII.equals(bytes, field.nameRange, name.span, 0..<name.count)
        else { continue }
        out.append(isPresent ? 0x2C : 0x01)
        isPresent = true
        appendWithoutBlanks(bytes, field.valueRange, to: &out)
      }
      if isPresent, isUnordered(name) { sort(&out, from: start + 1) }
      out.append(0x0A)
    }
  }

  /// Drops white space around commas.
  private static func appendWithoutBlanks(_ bytes: Span<UInt8>, _ range: Range<Int>, to out: inout ByteBuffer)
  {
    var blanks = 0
    var isAtStart = true
    for index in range {
      let byte = bytes[index]
      if byte == 0x20 || byte == 0x09 {
        blanks += 1
        continue
      }
      if byte != 0x2C, !isAtStart {
        for at in (index - blanks)..<index { out.append(bytes[at]) }
      }
      blanks = 0
      isAtStart = byte == 0x2C
      out.append(byte)
    }
  }

  private static func isUnordered(_ name: [UInt8]) -> Bool {
    ASCII.equals(name.span, 0, name.count, ignoringCase: "accept-language")
      || ASCII.equals(name.span, 0, name.count, ignoringCase: "accept-encoding")
  }

  private static func sort(_ out: inout ByteBuffer, from start: Int) {
    var elements = elements(out.span.extracting(start..<out.count))
    elements.sort { $0.lexicographicallyPrecedes($1) }
    out.truncate(to: start)
    for (index, element) in elements.enumerated() {
      if index > 0 { out.append(0x2C) }
      out.append(contentsOf: element)
    }
  }

  private static func elements(_ text: Span<UInt8>) -> [[UInt8]] {
    var elements: [[UInt8]] = []
    var element: [UInt8] = []
    for index in 0...text.count {
      let byte = index < text.count ? text[index] : 0x2C
      if byte == 0x2C {
        if !element.isEmpty { elements.append(element) }
        element = []
      } else {
        element.append(ASCII.lowercased(byte))
      }
    }
    return elements
  }
}
