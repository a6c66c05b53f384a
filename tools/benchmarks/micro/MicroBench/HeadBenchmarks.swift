internal import Base
internal import HTTP1

/// Parsing a request head out of bytes that have all arrived.
final class RequestParsing: Benchmark {
  let name: String
  private let message: Message
  private let bytes: [UInt8]
  private let table = Confined(FieldTable())

  init(_ name: String, _ message: Message) {
    self.name = name
    self.message = message
    bytes = message.bytes
  }

  func check() throws(CheckFailure) {
    let head = try RequestParsing.parse(message, into: &table.value)
    try message.requireFields(of: table.value)
    let parts = message.startLine.split(separator: " ").map(String.init)
    try CheckFailure.require(message.text(head.methodRange), equals: parts[0])
    try CheckFailure.require(head.method == (parts[0] == "GET" ? .get : .post), "method \(head.method)")
    try CheckFailure.require(message.text(head.targetRange), equals: parts[1])
    try CheckFailure.require(
      head.authorityRange.map(message.text) ?? "", equals: message.value(of: "Host") ?? "")
    try CheckFailure.require(head.end == bytes.count, "ends at \(head.end)")
    try CheckFailure.require(head.isPersistent && !head.isHTTP10, "the connection would be closed")
    let length = message.value(of: "Content-Length").flatMap { Int($0) }
    try CheckFailure.require(head.framing == length.map { .length($0) } ?? .none, "framing \(head.framing)")
  }

  func run(_ steps: Int) -> Int {
    let (bytes, limits) = (bytes, Limits())
    var sum = 0
    for _ in 0..<steps {
      newStep()
      guard case .complete(let head) = RequestHead.parse(bytes.span, into: &table.value, limits: limits)
      else {
        return -1
      }
      sum &+= head.end &+ head.targetRange.upperBound &+ table.value.count
    }
    return sum
  }

  static func parse(_ message: Message, into table: inout FieldTable) throws(CheckFailure) -> RequestHead {
    let result = RequestHead.parse(message.bytes.span, into: &table, limits: Limits())
    guard case .complete(let head) = result else { throw CheckFailure(description: "parsed as \(result)") }
    return head
  }
}

/// Parsing a response head, the same way.
final class ResponseParsing: Benchmark {
  let name: String
  private let message: Message
  private let bytes: [UInt8]
  private let table = Confined(FieldTable())

  init(_ name: String, _ message: Message) {
    self.name = name
    self.message = message
    bytes = message.bytes
  }

  func check() throws(CheckFailure) {
    let head = try ResponseParsing.parse(message, into: &table.value)
    try message.requireFields(of: table.value)
    try CheckFailure.require(
      "HTTP/1.1 \(head.status) \(message.text(head.reasonRange))", equals: message.startLine)
    try CheckFailure.require(head.end == bytes.count, "ends at \(head.end)")
    try CheckFailure.require(head.isPersistent && !head.isHTTP10, "the connection would be closed")
    let length = message.value(of: "Content-Length").flatMap { Int($0) } ?? 0
    try CheckFailure.require(head.framing == .length(length), "framing \(head.framing)")
  }

  func run(_ steps: Int) -> Int {
    let (bytes, limits) = (bytes, Limits())
    var sum = 0
    for _ in 0..<steps {
      newStep()
      let result = ResponseHead.parse(bytes.span, answering: .get, into: &table.value, limits: limits)
      guard case .complete(let head) = result else { return -1 }
      sum &+= head.end &+ head.status &+ table.value.count
    }
    return sum
  }

  static func parse(_ message: Message, into table: inout FieldTable) throws(CheckFailure) -> ResponseHead {
    let result = ResponseHead.parse(message.bytes.span, answering: .get, into: &table, limits: Limits())
    guard case .complete(let head) = result else { throw CheckFailure(description: "parsed as \(result)") }
    return head
  }
}

/// The first field of a known name in a head that was parsed.
final class FieldLookUp: Benchmark {
  let name: String
  private let message: Message
  private let field: FieldName
  private let table = Confined(FieldTable())

  init(_ name: String, _ field: FieldName, in message: Message) throws(CheckFailure) {
    self.name = name
    self.message = message
    self.field = field
    _ = try RequestParsing.parse(message, into: &table.value)
  }

  func check() throws(CheckFailure) {
    guard let found = table.value.first(field) else { throw CheckFailure(description: "no \(field)") }
    try CheckFailure.require(message.text(found.nameRange).lowercased(), equals: "\(field)")
    try CheckFailure.require(
      message.text(found.valueRange), equals: message.value(of: message.text(found.nameRange)) ?? "")
  }

  func run(_ steps: Int) -> Int {
    var sum = 0
    for _ in 0..<steps {
      newStep()
      guard let found = table.value.first(field) else { return -1 }
      sum &+= Int(found.valueEnd)
    }
    return sum
  }
}

/// Telling known field names from others. One operation is one name.
final class NameFinding: Benchmark {
  private static let names: [(text: String, name: FieldName)] = [
    ("Host", .host), ("Connection", .connection), ("User-Agent", .userAgent), ("Accept", .other),
    ("Accept-Encoding", .other), ("Cookie", .cookie), ("Content-Length", .contentLength),
    ("content-type", .contentType), ("Sec-Fetch-Site", .other), ("Transfer-Encoding", .transferEncoding),
    ("X-Forwarded-For", .xForwardedFor), ("x-request-id", .xRequestID), ("Via", .via), ("ETag", .etag),
    ("Cache-Control", .cacheControl), ("Strict-Transport-Security", .strictTransportSecurity),
  ]

  let name: String
  private let bytes: [UInt8]
  private let ranges: [Range<Int>]
  /// The same in several orders: in one order only, a predictor learns them by heart, and how well it does
  /// depends on where the linker puts the code.
  private let shuffled: [Range<Int>]

  init(_ name: String) {
    self.name = name
    var bytes: [UInt8] = []
    var ranges: [Range<Int>] = []
    for entry in NameFinding.names {
      ranges.append(bytes.count..<bytes.count + entry.text.utf8.count)
      bytes += Array("\(entry.text): ".utf8)
    }
    self.bytes = bytes
    self.ranges = ranges
    // Odd strides through a power of two come by every name.
    precondition(ranges.count == 16)
    shuffled = [1, 3, 5, 7].flatMap { stride in (0..<16).map { ranges[$0 * stride % 16] } }
  }

  func check() throws(CheckFailure) {
    let bytes = bytes
    for (range, expected) in zip(ranges, NameFinding.names) {
      let found = FieldName.find(bytes.span, range.lowerBound, range.upperBound)
      try CheckFailure.require(found == expected.name, "\(expected.text) is taken for \(found)")
    }
  }

  /// A step goes through all of them.
  var operationsPerStep: Int { shuffled.count }

  func run(_ steps: Int) -> Int {
    let bytes = bytes
    var sum = 0
    for _ in 0..<steps {
      newStep()
      for range in shuffled {
        sum &+= Int(FieldName.find(bytes.span, range.lowerBound, range.upperBound).rawValue)
      }
    }
    return sum
  }
}
