internal import Base
internal import HTTP1

/// What the demo backend saw of a request, as JSON.
enum Report {
  /// Appends all that the head tells. `finish` follows when the body is here.
  static func begin(
    _ head: RequestHead, _ bytes: Span<UInt8>, _ table: borrowing FieldTable, _ identity: Identity,
    requestNumber: Int, to out: inout ByteBuffer
  ) {
    out.append("{\n  \"host\": ")
    append(text: identity.hostName, to: &out)
    if let port = identity.port {
      out.append(",\n  \"port\": ")
      out.append(decimal: port)
    } else {
      out.append(",\n  \"socket\": ")
      append(text: identity.place, to: &out)
    }
    out.append(",\n  \"pid\": ")
    out.append(decimal: OriginSettings.processID)
    out.append(",\n  \"request\": ")
    out.append(decimal: requestNumber)
    out.append(",\n  \"method\": ")
    append(bytes, head.methodRange, to: &out)
    out.append(",\n  \"target\": ")
    append(bytes, head.targetRange, to: &out)
    out.append(",\n  \"version\": ")
    out.append(head.isHTTP10 ? "\"HTTP/1.0\"" : "\"HTTP/1.1\"")
    out.append(",\n  \"fields\": ")
    append(table, bytes, to: &out)
  }

  static func finish(bodyBytes: Int, checksum: UInt32, to out: inout ByteBuffer) {
    out.append(",\n  \"body_bytes\": ")
    out.append(decimal: bodyBytes)
    out.append(",\n  \"body_crc32\": \"")
    append(checksum, to: &out)
    out.append("\"\n}\n")
  }

  /// Eight hexadecimal digits.
  static func append(_ checksum: UInt32, to out: inout ByteBuffer) {
    for shift in stride(from: 28, through: 0, by: -4) { out.append(hex: Int(checksum) >> shift & 0xF) }
  }

  /// Appends the field lines as pairs of name and value, in their order.
  static func append(_ table: borrowing FieldTable, _ bytes: Span<UInt8>, to out: inout ByteBuffer) {
    out.append("[")
    for index in 0..<table.count {
      out.append(index == 0 ? "\n    [" : ",\n    [")
      append(bytes, table[index].nameRange, to: &out)
      out.append(", ")
      append(bytes, table[index].valueRange, to: &out)
      out.append("]")
    }
    out.append(table.count == 0 ? "]" : "\n  ]")
  }

  private static func append(text: String, to out: inout ByteBuffer) {
    let bytes = Array(text.utf8)
    append(bytes.span, 0..<bytes.count, to: &out)
  }

  /// Appends a JSON string. Each byte is taken for one character, so that any field value is told
  /// exactly: RFC 9110 §5.5 lets nobody assume that bytes above 0x7F are UTF-8.
  private static func append(_ bytes: Span<UInt8>, _ range: Range<Int>, to out: inout ByteBuffer) {
    out.append("\"")
    for index in range {
      let byte = bytes[index]
      if byte == 0x22 || byte == 0x5C {
        out.append(UInt8(ascii: "\\"))
        out.append(byte)
      } else if byte < 0x20 || byte > 0x7E {
        out.append("\\u00")
        out.append(hex: Int(byte >> 4))
        out.append(hex: Int(byte & 0xF))
      } else {
        out.append(byte)
      }
    }
    out.append("\"")
  }
}
