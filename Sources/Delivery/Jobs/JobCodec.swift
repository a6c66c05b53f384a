internal import Base

/// How jobs are written into the store: numbers and pieces with their lengths, after a byte that tells the version.
/// Not JSON: a body is bytes, and a million of them are read at a start.
struct JobWriter {
  private(set) var bytes: [UInt8] = []

  mutating func number(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }

  mutating func piece(_ value: [UInt8]) {
    number(UInt64(value.count))
    bytes += value
  }

  mutating func text(_ value: String) {
    number(UInt64(value.utf8.count))
    bytes += value.utf8
  }

  /// An absent text is told from an empty one.
  mutating func text(orNone value: String?) {
    guard let value else { return number(0) }
    number(1)
    text(value)
  }

  mutating func fields(_ fields: [JobField]) {
    number(UInt64(fields.count))
    for field in fields {
      text(field.name)
      text(field.value)
    }
  }
}

/// What is in the store is not what a job looks like.
struct DamagedJob: Error {}

struct JobReader {
  private let bytes: [UInt8]
  private var at = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  var isAtEnd: Bool { at == bytes.count }

  mutating func number() throws(DamagedJob) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while at < bytes.count, shift < 64 {
      let byte = bytes[at]
      at += 1
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
      shift += 7
    }
    throw DamagedJob()
  }

  /// Far beyond what is ever asked for, and so little that no sum overflows.
  mutating func interval() throws(DamagedJob) -> Interval {
    Interval(milliseconds: min(try number(), 100 * 366 * 86_400_000))
  }

  mutating func small() throws(DamagedJob) -> Int { Int(min(try number(), 1_000_000)) }

  mutating func count() throws(DamagedJob) -> Int {
    let value = try number()
    guard value <= UInt64(bytes.count - at) else { throw DamagedJob() }
    return Int(value)
  }

  mutating func piece() throws(DamagedJob) -> [UInt8] {
    let count = try count()
    defer { at += count }
    return Array(bytes[at..<at + count])
  }

  mutating func text() throws(DamagedJob) -> String { String(decoding: try piece(), as: UTF8.self) }

  mutating func textOrNone() throws(DamagedJob) -> String? { try number() == 0 ? nil : try text() }

  mutating func fields() throws(DamagedJob) -> [JobField] {
    var fields: [JobField] = []
    for _ in 0..<(try count()) { fields.append(JobField(try text(), try text())) }
    return fields
  }
}

extension JobSpec {
  private static let version: UInt64 = 1

  func encoded() -> [UInt8] {
    var writer = JobWriter()
    writer.number(JobSpec.version)
    writer.text(destination.text)
    writer.text(method)
    writer.fields(fields)
    if let body {
      writer.number(1)
      writer.piece(body)
    } else {
      writer.number(0)
    }
    writer.number(timeToLive.milliseconds)
    if let retry {
      writer.number(1)
      writer.number(UInt64(retry.attemptsMax))
      writer.number(retry.backoff == .exponential ? 0 : 1)
      writer.number(retry.initial.milliseconds)
      writer.number(retry.longest.milliseconds)
      writer.number(UInt64(retry.conditions.rawValue))
    } else {
      writer.number(0)
    }
    writer.text(orNone: orderingKey)
    writer.text(orNone: callback?.text)
    writer.text(orNone: failureCallback?.text)
    writer.text(orNone: parent?.description)
    return writer.bytes
  }

  init(encoded bytes: [UInt8]) throws(DamagedJob) {
    var reader = JobReader(bytes)
    guard try reader.number() == JobSpec.version else { throw DamagedJob() }
    self.init(try JobSpec.destination(try reader.text()))
    method = try reader.text()
    fields = try reader.fields()
    body = try reader.number() == 1 ? try reader.piece() : nil
    timeToLive = try reader.interval()
    if try reader.number() == 1 {
      var policy = RetryPolicy()
      policy.attemptsMax = try reader.small()
      policy.backoff = try reader.number() == 0 ? .exponential : .fixed
      policy.initial = try reader.interval()
      policy.longest = try reader.interval()
      policy.conditions = RetryPolicy.Conditions(rawValue: UInt8(truncatingIfNeeded: try reader.number()))
      retry = policy
    }
    orderingKey = try reader.textOrNone()
    if let text = try reader.textOrNone() { callback = try JobSpec.destination(text) }
    if let text = try reader.textOrNone() { failureCallback = try JobSpec.destination(text) }
    parent = try reader.textOrNone().flatMap { JobID($0) }
  }

  private static func destination(_ text: String) throws(DamagedJob) -> Destination {
    do throws(Destination.Malformed) {
      return try Destination(text)
    } catch {
      throw DamagedJob()
    }
  }
}

extension JobOutcome {
  private static let version: UInt64 = 1

  func encoded() -> [UInt8] {
    var writer = JobWriter()
    writer.number(JobOutcome.version)
    writer.number(UInt64(attempts))
    writer.number(UInt64(records.count))
    for record in records {
      writer.number(UInt64(max(0, record.startedAt)))
      writer.number(record.duration.milliseconds)
      writer.number(UInt64(record.status))
      writer.text(record.problem)
    }
    if let response {
      writer.number(1)
      writer.number(UInt64(response.status))
      writer.fields(response.fields)
      writer.piece(response.body)
      writer.number(response.isTruncated ? 1 : 0)
    } else {
      writer.number(0)
    }
    return writer.bytes
  }

  init(encoded bytes: [UInt8]) throws(DamagedJob) {
    self.init()
    if bytes.isEmpty { return }
    var reader = JobReader(bytes)
    guard try reader.number() == JobOutcome.version else { throw DamagedJob() }
    attempts = try reader.small()
    for _ in 0..<(try reader.count()) {
      records.append(
        AttemptRecord(
          startedAt: Moment.clamped(Int64(clamping: try reader.number())),
          duration: try reader.interval(),
          status: try reader.small(), problem: try reader.text()))
    }
    if try reader.number() == 1 {
      var answer = JobResponse(status: try reader.small())
      answer.fields = try reader.fields()
      answer.body = try reader.piece()
      answer.isTruncated = try reader.number() == 1
      response = answer
    }
  }
}
