internal import Base
internal import HTTP1

/// What one request asks of the demo backend, read from its query without making text of it.
struct Query {
  enum Content: Equatable {
    /// A JSON report of the request.
    case report
    case small(Int)
    case bytes(Int)
    case events(Int)
    case echo
    /// The query could not be read.
    case problem(QueryProblem)
  }

  /// Where the answer is cut short.
  enum Abort: Equatable { case never, head, headReset, body, bodyReset }

  struct Flags: OptionSet {
    let rawValue: UInt16
    static let chunked = Flags(rawValue: 1)
    static let trailers = Flags(rawValue: 2)
    static let untilClose = Flags(rawValue: 4)
    static let early = Flags(rawValue: 8)
    static let close = Flags(rawValue: 16)
    static let refusesExpectation = Flags(rawValue: 32)
  }

  private static let hintsMax = 100

  var content = Content.report
  /// `nil` where none was asked for.
  var status: Int?
  var flags: Flags = []
  var abort = Abort.never
  var delay = Interval(milliseconds: 0)
  var interval = Interval(milliseconds: 100)
  /// `nil` where no size was asked for.
  var chunkBytes: Int?
  var hints = 0
  /// Whole field lines to add to the head.
  var fieldLines: [UInt8] = []

  /// Reads the query of the target at `target`. Parameters that are not ours are left alone.
  init(_ bytes: Span<UInt8>, target: Range<Int>) {
    var at = target.lowerBound
    while at < target.upperBound, bytes[at] != 0x3F { at += 1 }
    while at < target.upperBound {
      let start = at + 1
      var nameEnd = start
      while nameEnd < target.upperBound, bytes[nameEnd] != 0x3D, bytes[nameEnd] != 0x26 { nameEnd += 1 }
      at = nameEnd
      while at < target.upperBound, bytes[at] != 0x26 { at += 1 }
      let value = min(nameEnd + 1, at)..<at
      guard let problem = read(bytes, start..<nameEnd, value) else { continue }
      self.content = .problem(problem)
      return
    }
  }

  /// Whether the answer is a small one and nothing else was asked for; then its size.
  var plainSmallSize: Int? {
    guard case .small(let size) = content, flags.isEmpty, abort == .never, status == nil, hints == 0,
      delay.milliseconds == 0, fieldLines.isEmpty
    else { return nil }
    return size
  }

  private mutating func read(_ bytes: Span<UInt8>, _ name: Range<Int>, _ value: Range<Int>) -> QueryProblem? {
    func isNamed(_ text: StaticString) -> Bool { Query.isText(bytes, name, text) }
    if isNamed("small") {
      return choose(Units.size(bytes, value).map { .small($0) }, else: .small)
    } else if isNamed("bytes") {
      return choose(Units.size(bytes, value).map { .bytes($0) }, else: .bytes)
    } else if isNamed("events") {
      return choose(Units.count(bytes, value).map { .events($0) }, else: .events)
    } else if isNamed("echo") {
      guard let isOn = Query.flag(bytes, value) else { return .echo }
      return isOn ? choose(.echo, else: .echo) : nil
    }
    if isNamed("delay") {
      guard let interval = Units.interval(bytes, value) else { return .delay }
      delay = interval
    } else if isNamed("interval") {
      guard let interval = Units.interval(bytes, value) else { return .interval }
      self.interval = interval
    } else if isNamed("status") {
      guard let number = Units.count(bytes, value), (200...599).contains(number) else { return .status }
      status = number
    } else if isNamed("chunk") {
      guard let size = Units.size(bytes, value), size > 0 else { return .chunk }
      chunkBytes = size
      flags.insert(.chunked)
    } else if isNamed("hints") {
      guard let number = Units.count(bytes, value), number <= Query.hintsMax else { return .hints }
      hints = number
    } else if isNamed("header") {
      guard appendField(bytes, value) else { return .header }
    } else if isNamed("abort") {
      guard let abort = Query.abort(bytes, value) else { return .abort }
      self.abort = abort
    } else if isNamed("expect") {
      guard Query.isText(bytes, value, "refuse") else { return .expect }
      flags.insert(.refusesExpectation)
    } else {
      return readFlag(bytes, name, value)
    }
    return nil
  }

  private mutating func readFlag(
    _ bytes: Span<UInt8>, _ name: Range<Int>, _ value: Range<Int>
  ) -> QueryProblem? {
    let flag: Flags
    let problem: QueryProblem
    if Query.isText(bytes, name, "chunked") {
      (flag, problem) = (.chunked, .chunked)
    } else if Query.isText(bytes, name, "trailers") {
      (flag, problem) = ([.trailers, .chunked], .trailers)
    } else if Query.isText(bytes, name, "until_close") {
      (flag, problem) = (.untilClose, .untilClose)
    } else if Query.isText(bytes, name, "early") {
      (flag, problem) = (.early, .early)
    } else if Query.isText(bytes, name, "close") {
      (flag, problem) = (.close, .close)
    } else {
      return nil
    }
    guard let isOn = Query.flag(bytes, value) else { return problem }
    if isOn { flags.insert(flag) }
    return nil
  }

  private mutating func choose(_ wanted: Content?, else problem: QueryProblem) -> QueryProblem? {
    guard let wanted else { return problem }
    guard content == .report else { return .twoContents }
    content = wanted
    return nil
  }

  private static func isText(_ bytes: Span<UInt8>, _ range: Range<Int>, _ text: StaticString) -> Bool {
    ASCII.equals(bytes, range.lowerBound, range.upperBound, ignoringCase: text)
  }

  /// On for `1`, `true` and nothing, off for `0` and `false`.
  private static func flag(_ bytes: Span<UInt8>, _ value: Range<Int>) -> Bool? {
    func isText(_ text: StaticString) -> Bool { Query.isText(bytes, value, text) }
    if value.isEmpty || isText("1") || isText("true") { return true }
    return isText("0") || isText("false") ? false : nil
  }

  private static func abort(_ bytes: Span<UInt8>, _ value: Range<Int>) -> Abort? {
    func isText(_ text: StaticString) -> Bool { Query.isText(bytes, value, text) }
    if isText("head") { return .head }
    if isText("reset") { return .headReset }
    if isText("body") { return .body }
    return isText("body-reset") ? .bodyReset : nil
  }

  /// Adds the line `Name: Value`. Framing fields are let through: somebody tests with bad answers.
  private mutating func appendField(_ bytes: Span<UInt8>, _ value: Range<Int>) -> Bool {
    var line: [UInt8] = []
    var at = value.lowerBound
    while at < value.upperBound {
      if bytes[at] != 0x25 {
        line.append(bytes[at])
        at += 1
        continue
      }
      guard at + 2 < value.upperBound, let high = ASCII.hexValue(bytes[at + 1]),
        let low = ASCII.hexValue(bytes[at + 2])
      else { return false }
      line.append(high << 4 | low)
      at += 3
    }
    guard let colon = line.firstIndex(of: 0x3A), colon > 0, line[..<colon].allSatisfy(Query.isToken),
      line[colon...].allSatisfy({ $0 == 0x09 || ($0 >= 0x20 && $0 != 0x7F) })
    else { return false }
    fieldLines += line[...colon]
    fieldLines.append(0x20)
    fieldLines += line[(colon + 1)...].drop { $0 == 0x20 || $0 == 0x09 }
    fieldLines += [0x0D, 0x0A]
    return true
  }

  /// `tchar`. RFC 9110 §5.6.2.
  private static func isToken(_ byte: UInt8) -> Bool {
    if ASCII.isDigit(byte) || (byte | 0x20) &- 0x61 < 26 { return true }
    let others: StaticString = "!#$%&'*+-.^_`|~"
    return ByteScan.first(byte, in: others.bytes, from: 0) < others.utf8CodeUnitCount
  }
}

/// Why a query could not be read.
enum QueryProblem {
  case small, bytes, events, echo, delay, interval, status, chunk, hints, header, abort, expect
  case chunked, trailers, untilClose, early, close, twoContents

  var text: StaticString {
    switch self {
    case .small: "small: a size is wanted, such as 100\n"
    case .bytes: "bytes: a size is wanted, such as 10MB\n"
    case .events: "events: a number is wanted\n"
    case .echo: "echo: 1 or 0\n"
    case .delay: "delay: a time of at most a day is wanted, such as 200ms\n"
    case .interval: "interval: a time of at most a day is wanted, such as 100ms\n"
    case .status: "status: 200 to 599\n"
    case .chunk: "chunk: a size of at least 1 is wanted\n"
    case .hints: "hints: at most 100\n"
    case .header: "header: Name:Value is wanted, percent-encoded, without line ends\n"
    case .abort: "abort: head, body, reset or body-reset\n"
    case .expect: "expect: refuse\n"
    case .chunked: "chunked: 1 or 0\n"
    case .trailers: "trailers: 1 or 0\n"
    case .untilClose: "until_close: 1 or 0\n"
    case .early: "early: 1 or 0\n"
    case .close: "close: 1 or 0\n"
    case .twoContents: "only one of small, bytes, events and echo\n"
    }
  }
}
