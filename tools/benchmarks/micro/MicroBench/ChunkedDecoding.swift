internal import Base
internal import HTTP1

/// Taking the chunked coding off a body of 16 KiB in chunks of 4 KiB, all of which has arrived.
final class ChunkedDecoding: Benchmark {
  private static let chunkBytes = 4096
  private static let chunkCount = 4

  let name: String
  private let coded: [UInt8]
  private let body: [UInt8]

  init(_ name: String) {
    self.name = name
    // The period of a prime, so that no two chunks are alike.
    body = (0..<ChunkedDecoding.chunkCount * ChunkedDecoding.chunkBytes).map {
      UInt8(truncatingIfNeeded: $0 % 251)
    }
    var coded: [UInt8] = []
    for start in stride(from: 0, to: body.count, by: ChunkedDecoding.chunkBytes) {
      coded += Array("\(String(ChunkedDecoding.chunkBytes, radix: 16))\r\n".utf8)
      coded += body[start..<start + ChunkedDecoding.chunkBytes] + Array("\r\n".utf8)
    }
    self.coded = coded + Array("0\r\n\r\n".utf8)
  }

  func check() throws(CheckFailure) {
    let coded = coded
    var decoder = ChunkedDecoder(trailerBytesMax: 1024)
    var decoded: [UInt8] = []
    var position = 0
    reading: while true {
      switch decoder.next(coded.span, &position) {
      case .data(let range): decoded += coded[range]
      case .finished(let end):
        try CheckFailure.require(end == coded.count, "ends at \(end)")
        break reading
      case .needMore: throw CheckFailure(description: "wants more than there is")
      case .failed(let error): throw CheckFailure(description: "\(error)")
      }
    }
    try CheckFailure.require(decoded == body, "the body is not what was coded")
  }

  func run(_ steps: Int) -> Int {
    let coded = coded
    var sum = 0
    for _ in 0..<steps {
      newStep()
      var decoder = ChunkedDecoder(trailerBytesMax: 32 * 1024)
      var position = 0
      reading: while true {
        switch decoder.next(coded.span, &position) {
        case .data(let range): sum &+= range.count
        case .finished: break reading
        case .needMore, .failed: return -1
        }
      }
    }
    return sum
  }
}
