import Base
import HTTP1
import TestSupport
import Testing

@Suite("RFC 9112 §7.1 chunked coding") struct ChunkedDecoderTests {
  @Test func `the decoder says what lies where, and where the next message begins`() {
    let bytes = Array("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\nGET".utf8)
    var decoder = ChunkedDecoder(trailerBytesMax: 100)
    var at = 0
    var events: [ChunkedDecoder.Event] = []
    for _ in 0..<3 {
      let event = decoder.next(bytes.span, &at)
      events.append(event)
    }
    #expect(events == [.data(3..<6), .data(11..<13), .finished(20)])
    #expect(at == 20)
    let (isFinished, hasTrailers) = (decoder.isFinished, decoder.hasTrailers)
    #expect(isFinished)
    #expect(!hasTrailers)
    let again = decoder.next(bytes.span, &at)
    #expect(again == .finished(20))
  }

  @Test func `the decoder asks for more wherever the bytes run out`() {
    let bytes = Array("5;a=b\r\nhello\r\n0\r\nX: 1\r\n\r\n".utf8)
    for end in 0..<bytes.count {
      var decoder = ChunkedDecoder(trailerBytesMax: 100)
      var at = 0
      var event = ChunkedDecoder.Event.data(0..<0)
      while case .data = event { event = decoder.next(bytes.span.extracting(0..<end), &at) }
      #expect(event == .needMore)
      #expect(at == end)
    }
  }

  @Test func `a chunk that arrives in parts is handed on in parts`() {
    var decoder = ChunkedDecoder(trailerBytesMax: 100)
    var events: [ChunkedDecoder.Event] = []
    for piece in ["6\r\nab", "cd", "ef\r\n0\r\n\r", "\n"] {
      let bytes = Array(piece.utf8)
      var at = 0
      while at < bytes.count {
        let event = decoder.next(bytes.span, &at)
        events.append(event)
      }
    }
    #expect(events == [.data(3..<5), .data(0..<2), .data(0..<2), .needMore, .finished(1)])
  }

  @Test(arguments: [
    "0\r\n\r\n", "00000\r\n\r\n", "0;a\r\n\r\n", "0;a=b;c=\"d\"\r\n\r\n", "0 ;a\r\n\r\n",
    "0\t; a = b\r\n\r\n",
    "0;a=\"\\\"\"\r\n\r\n", "0;a=\"\"\r\n\r\n", "0;a ;b\r\n\r\n", "0;a=b ;c\r\n\r\n", "0;a=\";\"\r\n\r\n",
  ])
  func `a last chunk by the grammar ends the body`(text: String) {
    let result = Decoded(Array(text.utf8))
    #expect(result.error == nil)
    #expect(result.end == text.utf8.count)
    #expect(result.body.isEmpty)
  }

  @Test(arguments: [
    "\r\n", "x\r\n", " 0\r\n", "+0\r\n", "-1\r\n", "0x1\r\n", "1,\r\n", "0;\r\n", "0;;a\r\n", "0;=b\r\n",
    "0;a=\r\n",
    "0;a b\r\n", "0;a=b c\r\n", "0;a=\"b\"c\r\n", "0;a=b=c\r\n", "0 \r\n", "0\t\r\n", "0;a \r\n",
    "0;a=b \r\n",
    "0;a=\"b\"=\r\n", "0;a=\"\u{1}\"\r\n", "0;a=\"\\\u{1}\"\r\n", "0;a=\"b\r\n", "0;a=(\r\n", "0;a\u{0}\r\n",
    "00000000000000000\r\n", "8000000000000000\r\n", "FFFFFFFFFFFFFFFF\r\n", "g\r\n", "1\r\nabc",
  ])
  func `what the grammar does not have is a malformed chunk`(text: String) {
    #expect(Decoded(Array(text.utf8)).error == .malformedChunk)
  }

  @Test(arguments: ["0\n", "\n", "1\r\na\n", "1\r\n\r\n\r", "0\r\n\n", "0\r\nX: 1\n"])
  func `a line feed alone ends nothing`(text: String) {
    #expect(Decoded(Array(text.utf8)).error == .bareLineFeed)
  }

  @Test(arguments: ["0\r0", "0\r\r\n", "1\r\na\r1", "0;a\r;", "0\r\n\r\r\n", "0\r\n\rX: 1\r\n"])
  func `a carriage return alone ends nothing`(text: String) {
    #expect(Decoded(Array(text.utf8)).error == .bareCarriageReturn)
  }

  @Test func `the largest chunk size is what fits in Int`() {
    var decoder = ChunkedDecoder(trailerBytesMax: 100)
    let bytes = Array("7fffffffffffffff\r\nabc".utf8)
    var at = 0
    let event = decoder.next(bytes.span, &at)
    #expect(event == .data(18..<21))
  }

  @Test func `sixteen digits are read and not one more`() {
    #expect(Decoded(Array("000000000000000a\r\n0123456789\r\n0\r\n\r\n".utf8)).body.count == 10)
    #expect(Decoded(Array("0000000000000000a\r\n".utf8)).error == .malformedChunk)
  }

  @Test(arguments: 1...60 as ClosedRange<UInt64>)
  func `any body comes out as it went in, whatever the pieces`(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    var coding: [UInt8] = []
    var body: [UInt8] = []
    for _ in 0..<Int.random(in: 0...6, using: &generator) {
      let data = generator.bytes(Int.random(in: 1...60, using: &generator))
      let size = String(data.count, radix: 16, uppercase: Bool.random(using: &generator))
      let ending = ["", ";a", "; a=b", ";a=\"\\\"x\""].randomElement(using: &generator) ?? ""
      coding += Array("\(size)\(ending)\r\n".utf8) + data + [13, 10]
      body += data
    }
    let trailers = Array((Bool.random(using: &generator) ? "X: 1\r\nY:2\r\n\r\n" : "\r\n").utf8)
    coding += Array("0\r\n".utf8) + trailers
    let end = coding.count
    coding += Array("GET / HTTP/1.1\r\n".utf8)
    for pieceBytes in [1, 2, 3, 7, 64, .max] {
      let result = Decoded(coding, pieceBytes: pieceBytes)
      #expect(result.error == nil)
      #expect(result.body == body)
      #expect(result.trailers == trailers)
      #expect(result.end == end, "seed \(seed), pieces of \(pieceBytes)")
    }
  }
}

@Suite("RFC 9112 §7.1.2 trailers") struct TrailerTests {
  private static func read(_ text: String) -> (lines: [String], error: HTTP1Error?) {
    let bytes = Array(text.utf8)
    var table = FieldTable()
    if let error = table.parseTrailers(bytes.span, limits: Limits()) { return ([], error) }
    var lines: [String] = []
    for index in 0..<table.count {
      lines.append(String(decoding: bytes[table[index].lineRange], as: UTF8.self))
    }
    return (lines, nil)
  }

  @Test func `trailer fields keep their order, case and duplicates`() {
    let result = TrailerTests.read("X-Sum: 1\r\nx-sum:2\r\nSet-Cookie:  a\r\n\r\n")
    #expect(result.lines == ["X-Sum: 1\r\n", "x-sum:2\r\n", "Set-Cookie:  a\r\n"])
    #expect(result.error == nil)
  }

  @Test func `a section without fields is empty`() {
    #expect(TrailerTests.read("\r\n").lines.isEmpty)
    #expect(TrailerTests.read("\r\n").error == nil)
  }

  @Test(
    arguments: [
      ("X : 1\r\n\r\n", .malformedFieldName), (" X: 1\r\n\r\n", .lineFolding),
      ("X: 1\r\n y\r\n\r\n", .lineFolding),
      (": 1\r\n\r\n", .malformedFieldName), ("X\r\n\r\n", .bareCarriageReturn),
      ("X: \u{1}\r\n\r\n", .malformedFieldValue), ("X: 1\n\r\n", .bareLineFeed),
      ("X: 1\rY: 2\r\n\r\n", .bareCarriageReturn), ("X: 1\r\n", .malformedChunk),
      ("\r\nX: 1\r\n\r\n", .malformedChunk),
    ] as [(String, HTTP1Error)])
  func `a malformed section is refused with its fault`(text: String, error: HTTP1Error) {
    #expect(TrailerTests.read(text).error == error)
  }
}
