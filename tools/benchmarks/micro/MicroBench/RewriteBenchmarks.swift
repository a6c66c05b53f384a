internal import Base
internal import HTTP1
internal import Proxy

/// Writing the head an origin gets, from one that was parsed before.
final class RequestRewriting: Benchmark {
  private static let ours =
    "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: www.example.test\r\n"
    + "X-Request-Id: 0123456789abcdef0fedcba987654321\r\nVia: 1.1 sluice-bench\r\n\r\n"

  let name: String
  private let message: Message
  private let bytes: [UInt8]
  private let head: RequestHead
  private let table = Confined(FieldTable())
  private let out = Confined(ByteBuffer())
  private let rewrite = RequestRewrite(RequestRewriting.settings)
  private let peer = RequestRewrite.Peer(
    address: IPAddress("192.0.2.7"), isTrusted: false,
    id: RequestID(high: 0x0123_4567_89AB_CDEF, low: 0x0FED_CBA9_8765_4321))
  private static let settings = {
    var settings = ProxySettings()
    settings.instance = "bench"
    return settings
  }()

  init(_ name: String, _ message: Message) throws(CheckFailure) {
    self.name = name
    self.message = message
    bytes = message.bytes
    head = try RequestParsing.parse(message, into: &table.value)
  }

  func check() throws(CheckFailure) {
    _ = run(1)
    let expected = message.text(without: ["Connection"]) + RequestRewriting.ours
    try CheckFailure.require(out.value.text(), equals: expected)
  }

  func run(_ steps: Int) -> Int {
    let bytes = bytes
    var sum = 0
    for _ in 0..<steps {
      newStep()
      out.value.removeAll()
      rewrite.write(bytes.span, head, table.value, peer: peer, authority: "127.0.0.1:3001", to: &out.value)
      sum &+= out.value.count
    }
    return sum
  }
}

/// Writing the head a client gets, from one that was parsed before.
final class ResponseRewriting: Benchmark {
  let name: String
  private let message: Message
  private let bytes: [UInt8]
  private let head: ResponseHead
  private let table = Confined(FieldTable())
  private let date = Confined(ByteBuffer())
  private let out = Confined(ByteBuffer())
  private let rewrite = ResponseRewrite(ProxySettings())
  private let connection = ResponseRewrite.Connection(encoding: .identity)

  init(_ name: String, _ message: Message) throws(CheckFailure) {
    self.name = name
    self.message = message
    bytes = message.bytes
    date.value.append("Sun, 06 Nov 1994 08:49:37 GMT")
    head = try ResponseParsing.parse(message, into: &table.value)
  }

  func check() throws(CheckFailure) {
    _ = run(1)
    let added =
      "X-Frame-Options: SAMEORIGIN\r\nX-Content-Type-Options: nosniff\r\n"
      + "Referrer-Policy: strict-origin-when-cross-origin\r\nVia: 1.1 sluice\r\n\r\n"
    let expected = message.text(without: ["Connection", "Server"]) + added
    try CheckFailure.require(out.value.text(), equals: expected)
  }

  func run(_ steps: Int) -> Int {
    let bytes = bytes
    var sum = 0
    for _ in 0..<steps {
      newStep()
      out.value.removeAll()
      rewrite.write(bytes.span, head, table.value, connection, date: date.value, to: &out.value)
      sum &+= out.value.count
    }
    return sum
  }
}
