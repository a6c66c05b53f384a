// A request parser on a pipe, for tools/fuzz/differential.
//
// Reads messages, each after its length in four big-endian bytes, and writes a line for each:
//   accepted METHOD TARGET 1.x NAME:VALUE,... BODY NAME:VALUE,... CONSUMED
//   refused STATUS
//   incomplete
// Texts are in hexadecimal, empty ones and empty lists are `-`. CONSUMED is the length of the request.

internal import Base
internal import Glibc
internal import HTTP1

@main enum ParseProbe {
  static func main() {
    var input = ByteBuffer()
    var output = ByteBuffer()
    var table = FieldTable()
    while readMore(&input) {
      var at = 0
      while let message = nextMessage(input.span, at) {
        RequestProbe.describe(input.span.extracting(message), &table, into: &output)
        at = message.upperBound
      }
      input.consume(at)
      writeAll(&output)
    }
  }

  /// Where the next message lies, if all of it is there.
  private static func nextMessage(_ bytes: Span<UInt8>, _ at: Int) -> Range<Int>? {
    guard bytes.count - at >= 4 else { return nil }
    var count = 0
    for index in at..<(at + 4) { count = count << 8 | Int(bytes[index]) }
    guard bytes.count - at - 4 >= count else { return nil }
    return (at + 4)..<(at + 4 + count)
  }

  private static func readMore(_ input: inout ByteBuffer) -> Bool {
    let room = 64 * 1024
    return unsafe input.appendUninitialized(room) { unsafe read(STDIN_FILENO, $0, room) } > 0
  }

  private static func writeAll(_ output: inout ByteBuffer) {
    while !output.isEmpty {
      let written = unsafe output.withUnsafeBytes { unsafe write(STDOUT_FILENO, $0.baseAddress, $0.count) }
      guard written > 0 else { exit(1) }
      output.consume(written)
    }
  }
}
