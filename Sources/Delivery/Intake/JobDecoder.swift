internal import Base
internal import FoundationEssentials
internal import HTTP1

/// A job as it was asked for.
struct JobRequest: Equatable {
  var spec: JobSpec
  /// When it may begin, in milliseconds since 1970; `nil` for at once.
  var notBefore: Int64?
}

/// Reads what a caller posts. Every refusal names the member and what was expected of it.
struct JobDecoder {
  var destinations: DestinationGuard
  /// Whether requests are signed: then nobody else says what they are signed with.
  var signs = false
  /// Jobs in one batch.
  static let batchMax = 1000
  /// What a URL and the fields of a request may come to.
  private static let fieldsMax = 100
  private static let fieldBytesMax = 32 * 1024
  private static let timeToLiveLongest = 7.0 * 86_400
  private static let delayMax = 365.0 * 86_400
  private static let orderingKeyBytesMax = 256

  /// One job, from an object.
  func request(_ body: [UInt8]) throws(Problem) -> JobRequest {
    var reader = JSONReader(body)
    return try job(reader, try JobDecoder.document(&reader), at: "")
  }

  /// Many, from an array, or from objects in lines of their own. All are good, or it is refused.
  func batch(_ body: [UInt8]) throws(Problem) -> [JobRequest] {
    let first = body.first { $0 > 0x20 }
    var jobs: [JobRequest] = []
    if first == UInt8(ascii: "[") {
      var reader = JSONReader(body)
      let elements = reader.elements(of: try JobDecoder.document(&reader))
      try JobDecoder.checkBatch(elements.count)
      for (index, element) in elements.enumerated() {
        jobs.append(try job(reader, element, at: "[\(index)]."))
      }
      return jobs
    }
    let lines = body.split(separator: UInt8(ascii: "\n")).filter { line in line.contains { $0 > 0x20 } }
    try JobDecoder.checkBatch(lines.count)
    for (index, line) in lines.enumerated() {
      var reader = JSONReader(Array(line))
      let value: JSONReader.Value
      do throws(Problem) {
        value = try JobDecoder.document(&reader)
      } catch {
        throw Problem(error.status, "job \(index): \(error.detail)", member: "[\(index)]")
      }
      jobs.append(try job(reader, value, at: "[\(index)]."))
    }
    return jobs
  }

  private static func checkBatch(_ count: Int) throws(Problem) {
    guard count > 0 else { throw Problem(400, "There is no job in the batch.") }
    guard count <= batchMax else {
      throw Problem(413, "There are \(count) jobs in the batch; \(batchMax) are taken at once.")
    }
  }

  private static func document(_ reader: inout JSONReader) throws(Problem) -> JSONReader.Value {
    do throws(JSONReader.Malformed) {
      return try reader.document()
    } catch {
      throw Problem(400, "The body is no JSON: it \(error.problem), at byte \(error.at).", expected: "JSON")
    }
  }

  // MARK: One job

  private func job(
    _ reader: JSONReader, _ value: JSONReader.Value, at path: String
  ) throws(Problem) -> JobRequest {
    guard value.kind == .object else {
      throw Problem.member(
        path.isEmpty ? "the body" : String(path.dropLast()), "is no object", expected: "an object")
    }
    var members = Members(reader: reader, given: reader.members(of: value), path: path)
    if let name = members.repeated {
      throw Problem.member(path + name, "is there twice", expected: "each member once")
    }
    guard let url = try members.text("external_url") else {
      throw Problem.member(path + "external_url", "is missing", expected: JobDecoder.urlExpected)
    }
    var spec = JobSpec(try destination(url, path + "external_url"))
    if let method = try members.text("rest_method") { spec.method = try JobDecoder.method(method, path) }
    try readFields(&members, into: &spec)
    try JobDecoder.readBody(&members, into: &spec)
    if let seconds = try members.seconds("request_ttl", from: 0.001, to: JobDecoder.timeToLiveLongest) {
      spec.timeToLive = seconds
    }
    if let retry = members.take("retry") { spec.retry = try JobDecoder.retry(reader, retry, path + "retry") }
    if let key = try members.text("ordering_key") {
      guard (1...JobDecoder.orderingKeyBytesMax).contains(key.utf8.count) else {
        throw Problem.member(path + "ordering_key", "is too short or too long", expected: "1 to 256 bytes")
      }
      spec.orderingKey = key
    }
    for (name, keep) in [
      ("callback_url", \JobSpec.callback), ("failure_callback_url", \JobSpec.failureCallback),
    ] {
      if let url = try members.text(name) { spec[keyPath: keep] = try destination(url, path + name) }
    }
    let notBefore = try JobDecoder.notBefore(&members)
    if let unknown = members.left.first {
      throw Problem.member(
        path + unknown, "is no member of a request",
        expected: "one of \(Members.known.joined(separator: ", "))")
    }
    return JobRequest(spec: spec, notBefore: notBefore)
  }

  private static let urlExpected = "an absolute http or https URL"

  private func destination(_ text: String, _ member: String) throws(Problem) -> Destination {
    let destination: Destination
    do throws(Destination.Malformed) {
      destination = try Destination(text)
    } catch {
      throw Problem.member(member, error.description, expected: JobDecoder.urlExpected)
    }
    if let refusal = destinations.refusal(destination) {
      throw Problem.member(member, refusal, expected: "a destination that is allowed (SLUICE_ASYNC_ALLOW)")
    }
    return destination
  }

  /// Any method but those that make no request to a resource (RFC 9110 §9.3.6, §9.3.8).
  private static func method(_ text: String, _ path: String) throws(Problem) -> String {
    let expected = "a method such as GET or POST"
    guard (1...32).contains(text.utf8.count), text.utf8.allSatisfy(Token.contains) else {
      throw Problem.member(path + "rest_method", "is no method", expected: expected)
    }
    // The original's clients wrote `post` as well.
    let upper = text.uppercased()
    let known = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"]
    if upper == "CONNECT" || upper == "TRACE" {
      throw Problem.member(path + "rest_method", "is not done for others", expected: expected)
    }
    return known.contains(upper) ? upper : text
  }

  // MARK: Fields

  /// Those that are for one connection or say where a message ends are ours to set (RFC 9110 §7.6.1).
  private static let forbidden: Set<String> = [
    "connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
    "content-length",
    "expect", "host", "proxy-authorization", "proxy-authenticate", "http2-settings",
  ]

  private func readFields(_ members: inout Members, into spec: inout JobSpec) throws(Problem) {
    let path = members.path + "request_headers"
    guard let object = members.take("request_headers") else { return }
    guard object.kind == .object else {
      throw Problem.member(path, "is no object", expected: "an object of names and texts")
    }
    var byteCount = 0
    for (name, value) in members.reader.members(of: object) {
      guard !name.isEmpty, name.utf8.count <= 256, name.utf8.allSatisfy(Token.contains) else {
        throw Problem.member(
          "\(path).\(name)", "is no field name", expected: "a token (RFC 9110 section 5.6.2)")
      }
      let lower = name.lowercased()
      let isArray = value.kind == .array
      for value in isArray ? members.reader.elements(of: value) : [value] {
        let text = try JobDecoder.fieldValue(members.reader, value, path, name)
        if JobDecoder.forbidden.contains(lower) {
          // A copy of what is sent anyway does no harm.
          if lower == "host", text.lowercased() == spec.destination.authority { continue }
          throw Problem.member(
            "\(path).\(name)", "is for a connection or for the framing, and set here",
            expected: "fields of the request itself")
        }
        if signs, Signature.fields.contains(lower) {
          throw Problem.member(
            "\(path).\(name)", "is a field of the signature, which is made here",
            expected: "fields of the request itself")
        }
        byteCount += name.utf8.count + text.utf8.count + 4
        spec.fields.append(JobField(name, text))
      }
    }
    guard spec.fields.count <= JobDecoder.fieldsMax, byteCount <= JobDecoder.fieldBytesMax else {
      throw Problem.member(path, "is too large", expected: "at most 100 fields and 32 KiB")
    }
  }

  private static func fieldValue(
    _ reader: JSONReader, _ value: JSONReader.Value, _ path: String, _ name: String
  ) throws(Problem) -> String {
    let text: String
    switch value.kind {
    case .string: text = reader.text(of: value)
    case .number, .truth: text = String(decoding: reader.copy(of: value), as: UTF8.self)
    default:
      throw Problem.member(
        "\(path).\(name)", "has a value of the wrong type", expected: "a text, or an array of texts")
    }
    guard text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }) else {
      throw Problem.member(
        "\(path).\(name)", "has a control character in its value", expected: "a text in one line")
    }
    let trimmed = text.utf8.trimmingBlanks
    return trimmed.count == text.utf8.count ? text : String(decoding: trimmed, as: UTF8.self)
  }

  // MARK: Body

  private static func readBody(_ members: inout Members, into spec: inout JobSpec) throws(Problem) {
    let (path, reader) = (members.path, members.reader)
    let encoded = try members.text("request_body_base64")
    let body = members.take("request_body")
    var type: String?
    if let encoded {
      guard body == nil else {
        throw Problem.member(
          path + "request_body_base64", "is there beside request_body", expected: "one of the two")
      }
      guard let data = Data(base64Encoded: encoded) else {
        throw Problem.member(
          path + "request_body_base64", "is no base64", expected: "base64 (RFC 4648 section 4)")
      }
      spec.body = Array(data)
      type = "application/octet-stream"
    } else if let body {
      if body.kind == .string {
        spec.body = Array(reader.text(of: body).utf8)
        type = "text/plain; charset=utf-8"
      } else {
        spec.body = reader.copy(of: body)
        type = "application/json"
      }
    }
    if let type, !spec.fields.contains(where: { $0.name.lowercased() == "content-type" }) {
      spec.fields.append(JobField("Content-Type", type))
    }
  }

  // MARK: Time

  private static func notBefore(_ members: inout Members) throws(Problem) -> Int64? {
    let path = members.path
    let delay = try members.seconds("delay", from: 0, to: delayMax)
    let moment = members.take("not_before")
    if let delay {
      guard moment == nil else {
        throw Problem.member(path + "not_before", "is there beside delay", expected: "one of the two")
      }
      return Moment.now() + Int64(delay.milliseconds)
    }
    guard let moment else { return nil }
    let expected = "a time as RFC 3339 writes it, or seconds since 1970, within a year from now"
    let milliseconds =
      moment.kind == .string
      ? Moment.parse(members.reader.text(of: moment))
      : members.reader.number(of: moment).flatMap { Moment.whole($0 * 1000) }
    guard let milliseconds, milliseconds <= Moment.now() + Int64(delayMax * 1000) else {
      throw Problem.member(path + "not_before", "is no time that can be waited for", expected: expected)
    }
    return milliseconds
  }

  // MARK: Retries

  private static func retry(
    _ reader: JSONReader, _ value: JSONReader.Value, _ path: String
  ) throws(Problem) -> RetryPolicy {
    guard value.kind == .object else { throw Problem.member(path, "is no object", expected: "an object") }
    var policy = RetryPolicy()
    var members = Members(reader: reader, given: reader.members(of: value), path: path + ".")
    if let name = members.repeated {
      throw Problem.member("\(path).\(name)", "is there twice", expected: "each member once")
    }
    if let count = members.take("max_attempts") {
      guard let number = reader.number(of: count), number >= 1, number <= 100, number == number.rounded()
      else {
        throw Problem.member(
          path + ".max_attempts", "is out of range", expected: "a whole number from 1 to 100")
      }
      policy.attemptsMax = Int(number)
    }
    if let text = try members.text("backoff") {
      guard let backoff = RetryPolicy.Backoff(rawValue: text) else {
        throw Problem.member(path + ".backoff", "is neither", expected: "exponential or fixed")
      }
      policy.backoff = backoff
    }
    if let initial = try members.seconds("initial", from: 0.001, to: 86_400) { policy.initial = initial }
    if let longest = try members.seconds("max", from: 0.001, to: 30 * 86_400) { policy.longest = longest }
    policy.longest = max(policy.longest, policy.initial)
    if let list = members.take("on") { policy.conditions = try conditions(reader, list, path + ".on") }
    if let unknown = members.left.first {
      throw Problem.member(
        "\(path).\(unknown)", "is no member of retry",
        expected: "one of max_attempts, backoff, initial, max, on")
    }
    return policy
  }

  private static func conditions(
    _ reader: JSONReader, _ list: JSONReader.Value, _ path: String
  ) throws(Problem) -> RetryPolicy.Conditions {
    let expected = "an array of connect, timeout, 5xx, 429"
    guard list.kind == .array else { throw Problem.member(path, "is no array", expected: expected) }
    var conditions: RetryPolicy.Conditions = []
    for element in reader.elements(of: list) {
      let text = element.kind == .string ? reader.text(of: element) : ""
      guard let known = RetryPolicy.Conditions.names.first(where: { $0.name == text }) else {
        throw Problem.member(path, "has an element that is none of them", expected: expected)
      }
      conditions.insert(known.condition)
    }
    return conditions
  }
}

extension String.UTF8View {
  /// Without spaces and tabs around it.
  fileprivate var trimmingBlanks: Substring.UTF8View {
    var slice = self[...]
    while let first = slice.first, first == 0x20 || first == 0x09 { slice = slice.dropFirst() }
    while let last = slice.last, last == 0x20 || last == 0x09 { slice = slice.dropLast() }
    return slice
  }
}

/// The members of an object, each of which is taken once.
private struct Members {
  static let known = [
    "external_url", "rest_method", "request_headers", "request_body", "request_body_base64", "request_ttl",
    "retry",
    "delay", "not_before", "callback_url", "failure_callback_url", "ordering_key",
  ]

  let reader: JSONReader
  /// In a list: of so few each is found sooner by looking than by hashing.
  private var given: [(name: String, value: JSONReader.Value)]
  let path: String
  /// A name that is there twice.
  let repeated: String?

  init(reader: JSONReader, given: [(name: String, value: JSONReader.Value)], path: String) {
    (self.reader, self.path) = (reader, path)
    repeated = Members.repeated(given)
    // `null` is the same as nothing.
    self.given = given.filter { $0.value.kind != .null }
  }

  private static func repeated(_ given: [(name: String, value: JSONReader.Value)]) -> String? {
    // Thousands are hashed: comparing each with all the others would take minutes.
    guard given.count <= known.count else {
      var seen: Set<String> = []
      return given.first { !seen.insert($0.name).inserted }?.name
    }
    for (index, member) in given.enumerated()
    where given[..<index].contains(where: { $0.name == member.name }) {
      return member.name
    }
    return nil
  }

  /// What nobody took, in order of names.
  var left: [String] { given.map(\.name).sorted() }

  mutating func take(_ name: String) -> JSONReader.Value? {
    guard let index = given.firstIndex(where: { $0.name == name }) else { return nil }
    return given.remove(at: index).value
  }

  mutating func text(_ name: String) throws(Problem) -> String? {
    guard let value = take(name) else { return nil }
    guard value.kind == .string else {
      throw Problem.member(path + name, "has a value of the wrong type", expected: "a text")
    }
    return reader.text(of: value)
  }

  /// A number of seconds, or a text such as `90s`, `5m`, `250ms`.
  mutating func seconds(_ name: String, from lower: Double, to upper: Double) throws(Problem) -> Interval? {
    guard let value = take(name) else { return nil }
    var expected: String { "seconds as a number, or a text such as 90s, from \(lower) to \(Int(upper)) s" }
    let seconds: Double?
    switch value.kind {
    case .number: seconds = reader.number(of: value)
    case .string: seconds = Members.duration(reader.text(of: value))
    default: seconds = nil
    }
    guard let seconds, seconds.isFinite else {
      throw Problem.member(path + name, "is no duration", expected: expected)
    }
    guard seconds >= lower, seconds <= upper else {
      throw Problem.member(path + name, "is out of range", expected: expected)
    }
    return Interval(milliseconds: UInt64((seconds * 1000).rounded()))
  }

  private static func duration(_ text: String) -> Double? {
    let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    let units: [Substring: Double] = ["ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400]
    guard let unit = units[text.dropFirst(digits.count)], let number = Double(digits) else { return nil }
    return number * unit
  }
}
