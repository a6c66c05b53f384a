internal import Base
internal import HTTP1

/// Reads one request and says what was found.
enum RequestProbe {
  private static let limits = Limits()

  static func describe(_ bytes: Span<UInt8>, _ table: inout FieldTable, into output: inout ByteBuffer) {
    switch RequestHead.parse(bytes, into: &table, limits: limits) {
    case .incomplete: output.append("incomplete")
    case .failed(let error): refuse(error, &output)
    case .complete(let head):
      var line = ByteBuffer()
      line.append("accepted ")
      hex(bytes, head.methodRange, into: &line)
      line.append(" ")
      hex(bytes, head.targetRange, into: &line)
      line.append(head.isHTTP10 ? " 1.0 " : " 1.1 ")
      fields(bytes, table, into: &line)
      line.append(" ")
      describeBody(bytes, head, &table, &line, into: &output)
    }
    output.append("\n")
  }

  private static func describeBody(
    _ bytes: Span<UInt8>, _ head: RequestHead, _ table: inout FieldTable, _ line: inout ByteBuffer,
    into output: inout ByteBuffer
  ) {
    switch head.framing {
    case .none, .untilClose: finish(&line, end: head.end, "- - ", into: &output)
    case .length(let count):
      guard bytes.count - head.end >= count else { return output.append("incomplete") }
      hex(bytes, head.end..<(head.end + count), into: &line)
      finish(&line, end: head.end + count, " - ", into: &output)
    case .chunked: describeChunks(bytes, head.end, &table, &line, into: &output)
    }
  }

  private static func describeChunks(
    _ bytes: Span<UInt8>, _ start: Int, _ table: inout FieldTable, _ line: inout ByteBuffer,
    into output: inout ByteBuffer
  ) {
    var decoder = ChunkedDecoder(trailerBytesMax: limits.headBytesMax)
    var at = start
    var body = ByteBuffer()
    while true {
      switch decoder.next(bytes, &at) {
      case .needMore: return output.append("incomplete")
      case .failed(let error): return refuse(error, &output)
      case .data(let range): body.append(bytes.extracting(range))
      case .finished(let end):
        if let error = table.parseTrailers(decoder.trailerBytes.span, limits: limits) {
          return refuse(error, &output)
        }
        hex(body.span, 0..<body.count, into: &line)
        line.append(" ")
        fields(decoder.trailerBytes.span, table, into: &line)
        return finish(&line, end: end, " ", into: &output)
      }
    }
  }

  private static func refuse(_ error: HTTP1Error, _ output: inout ByteBuffer) {
    output.append("refused ")
    output.append(decimal: error.status)
  }

  private static func finish(
    _ line: inout ByteBuffer, end: Int, _ text: StaticString, into output: inout ByteBuffer
  ) {
    line.append(text)
    output.append(line)
    output.append(decimal: end)
  }

  private static func fields(
    _ bytes: Span<UInt8>, _ table: borrowing FieldTable, into line: inout ByteBuffer
  ) {
    if table.count == 0 { line.append("-") }
    for index in 0..<table.count {
      if index > 0 { line.append(",") }
      hex(bytes, table[index].nameRange, into: &line)
      line.append(":")
      hex(bytes, table[index].valueRange, into: &line)
    }
  }

  private static func hex(_ bytes: Span<UInt8>, _ range: Range<Int>, into line: inout ByteBuffer) {
    if range.isEmpty { line.append("-") }
    for index in range {
      if bytes[index] < 16 { line.append("0") }
      line.append(hex: Int(bytes[index]))
    }
  }
}
