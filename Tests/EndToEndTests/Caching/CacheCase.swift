import Cache
import Configuration
import Proxy
import TestSupport
import Testing

/// A conversation with a proxy that caches, about one target: who answers each request, and how.
struct CacheCase: Sendable, CustomTestStringConvertible {
  let name: String
  let turns: [Turn]
  var testDescription: String { name }

  init(_ name: String, _ turns: Turn...) { (self.name, self.turns) = (name, turns) }

  /// One request and what must become of it.
  struct Turn: Sendable {
    var method = "GET"
    /// Fields of the request.
    var ask: [String] = []
    /// What follows the case's own path; or a whole URI, in which BASE stands for that path.
    var path = ""
    /// Whether the origin must be asked.
    var reachesOrigin: Bool
    /// What it answers.
    var status = 200
    var answer: [String] = []
    var body = "body"
    /// Fields that the origin must see, or, without a colon, must not.
    var sees: [String] = []
    /// What the client must get.
    var gets: Int
    var text: String?
    /// Fields that the client must get, or, without a colon, must not.
    var has: [String] = []
    /// Seconds to wait before.
    var after = 0.0
  }
}

typealias Turn = CacheCase.Turn

extension Turn {
  /// The origin answers.
  static func origin(
    _ answer: [String] = [], _ method: String = "GET", ask: [String] = [], path: String = "",
    status: Int = 200,
    body: String = "body", sees: [String] = [], gets: Int? = nil, text: String? = nil, has: [String] = [],
    after: Double = 0
  ) -> Turn {
    Turn(
      method: method, ask: ask, path: path, reachesOrigin: true, status: status, answer: answer, body: body,
      sees: sees, gets: gets ?? status, text: text, has: has, after: after)
  }

  /// The cache answers.
  static func memory(
    _ method: String = "GET", ask: [String] = [], path: String = "", gets: Int = 200, text: String? = nil,
    has: [String] = [], after: Double = 0
  ) -> Turn {
    Turn(
      method: method, ask: ask, path: path, reachesOrigin: false, gets: gets, text: text, has: has,
      after: after)
  }
}

/// One proxy and one origin for many cases, each with a path of its own.
final class CacheBench: Sendable {
  private let proxy: ProxyUnderTest
  private let origin: ScriptedOrigin
  private let next: Waitable<(answer: String?, seen: WireRequest?)>
  private let number = Waitable(0)

  init(configure: (inout ProxySettings) -> Void = { _ in }) throws {
    let next = Waitable<(answer: String?, seen: WireRequest?)>((nil, nil))
    self.next = next
    origin = try ScriptedOrigin { request in
      next.withLock { next in
        next.seen = request
        return next.answer
      }
    }
    proxy = try ProxyUnderTest(origin) {
      $0.proxy.cache.isEnabled = true
      configure(&$0.proxy)
    }
  }

  func run(_ one: CacheCase) throws {
    // One at a time: there is one origin, and it says what it was told last.
    try number.withLock { number in
      number += 1
      try run(one, "/case-\(number)")
    }
  }

  private func run(_ one: CacheCase, _ base: String) throws {
    let client = try proxy.connect()
    defer { client.close() }
    for (index, turn) in one.turns.enumerated() {
      if turn.after > 0 { _ = try Waitable(false).waited(seconds: turn.after) }
      try run(turn, base, client, "\(one.name), turn \(index + 1)")
    }
  }

  private func run(_ turn: Turn, _ base: String, _ client: WireClient, _ place: String) throws {
    let path = turn.path.hasPrefix("http") ? turn.path.replacing("BASE", with: base) : base + turn.path
    next.withLock { $0 = (CacheBench.answer(turn, base), nil) }
    let host = turn.ask.contains { $0.hasPrefix("Host:") } ? [] : ["Host: a"]
    let body = turn.method == "POST" || turn.method == "PUT" ? ["Content-Length: 0"] : []
    let lines = ["\(turn.method) \(path) HTTP/1.1"] + host + turn.ask + body
    let response = try client.exchange(
      lines.map { $0 + "\r\n" }.joined() + "\r\n", method: turn.method)
    // In the background it is asked a moment later than the client is answered.
    if turn.reachesOrigin { try next.wait("the origin to be asked: \(place)", seconds: 5) { $0.seen != nil } }
    let seen = next.value.seen
    #expect((seen != nil) == turn.reachesOrigin, "\(place): \(turn.reachesOrigin ? "asks" : "does not ask")")
    #expect(response.status == turn.gets, "\(place): \(response.head)")
    let isEmpty = turn.method == "HEAD" || response.status == 304 || response.status == 204
    let text = turn.text ?? (response.status >= 400 && !turn.reachesOrigin ? nil : turn.body)
    if let text, response.status != 206 || turn.text != nil {
      #expect(response.text == (isEmpty ? "" : text), "\(place)")
    }
    CacheBench.check(turn.has, response.fields, "\(place): the client's fields\n\(response.head)")
    if let seen { CacheBench.check(turn.sees, seen.fields, "\(place): the origin's fields\n\(seen.head)") }
  }

  private static func answer(_ turn: Turn, _ base: String) -> String {
    let isBodiless = turn.method == "HEAD" || turn.status == 304 || turn.status == 204
    let length = isBodiless ? [] : ["Content-Length: \(turn.body.utf8.count)"]
    let fields = turn.answer.map { $0.replacing("BASE", with: base) }
    return (["HTTP/1.1 \(turn.status) Phrase"] + length + fields).map { $0 + "\r\n" }.joined() + "\r\n"
      + (isBodiless ? "" : turn.body)
  }

  /// Each of `wanted` is a field line that must be there, or a name that must not. The value `*` is any, `5~` is
  /// 5 or what it became in ten seconds.
  private static func check(_ wanted: [String], _ fields: [WireField], _ place: String) {
    for line in wanted {
      guard let colon = line.firstIndex(of: ":") else {
        #expect(!fields.contains { $0.name.lowercased() == line.lowercased() }, "\(place): has \(line)")
        continue
      }
      let name = line[..<colon].lowercased()
      let value = line[line.index(after: colon)...].drop { $0 == " " }
      #expect(
        fields.contains { $0.name.lowercased() == name && fits($0.value, String(value)) },
        "\(place): lacks \(line)")
    }
  }

  private static func fits(_ value: String, _ wanted: String) -> Bool {
    if wanted == "*" || wanted == value { return true }
    guard wanted.hasSuffix("~"), let low = Int(wanted.dropLast()), let number = Int(value) else {
      return false
    }
    return (low...(low + 10)).contains(number)
  }
}

/// An HTTP date so many seconds from now.
func date(_ seconds: Int) -> String { HTTPDateText.text(after: seconds) }
