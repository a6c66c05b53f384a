/// A case of `requests-accepted.txt`: what a client sends on one connection, and the requests that reach
/// an origin for it, in their order.
public struct AcceptedRequests: Sendable, CustomStringConvertible {
  /// One request as it reaches an origin.
  public struct Message: Sendable {
    public var method: [UInt8] = []
    /// Path and query as they are forwarded.
    public var target: [UInt8] = []
    /// `nil` where the table leaves it open: HTTP/1.0 without Host.
    public var host: [UInt8]?
    /// The content, without its transfer coding.
    public var body: [UInt8] = []
    /// Trailer lines as `Name: value`, those that may be forwarded.
    public var trailers: [[UInt8]] = []
    /// Whether the client speaks HTTP/1.0.
    public var isHTTP10 = false
    /// Whether the client's connection stays open after the answer.
    public var isKeptAlive = false
  }

  public let place: String
  public let title: String
  public let bytes: [UInt8]
  public let messages: [Message]

  public var description: String { "\(place) \(title)" }

  /// Every case of the table.
  public static func all() throws -> [AcceptedRequests] {
    try FixtureReader.read("requests-accepted.txt").map { try AcceptedRequests($0) }
  }

  /// - Throws: `FixtureError` for a key or value that the table's head does not name.
  public init(_ fixture: Fixture) throws(FixtureError) {
    (place, title, bytes) = (fixture.place, fixture.title, fixture.bytes)
    var messages = [Message()]
    for expectation in fixture.expectations {
      let value = expectation.value
      let last = messages.count - 1
      switch expectation.key {
      case "method": messages[last].method = value
      case "target": messages[last].target = value
      case "host": messages[last].host = value
      case "body": messages[last].body = value
      case "trailer": messages[last].trailers.append(value)
      case "version": messages[last].isHTTP10 = try expectation.choice(["1.1", "1.0"], in: fixture) == 1
      case "keepalive": messages[last].isKeptAlive = try expectation.choice(["no", "yes"], in: fixture) == 1
      case "next": messages.append(Message())
      default: throw expectation.unknown(in: fixture)
      }
    }
    for message in messages where message.method.isEmpty || message.target.isEmpty {
      throw FixtureError(place: fixture.place, reason: "a message without method or target")
    }
    self.messages = messages
  }
}

/// A case of `requests-refused.txt`: what a client sends on one connection, the answers it gets, and what
/// may reach an origin.
public struct RefusedRequest: Sendable, CustomStringConvertible {
  public enum Origin: Sendable, Hashable {
    /// Not one byte.
    case none
    /// At most the head and a part of the body; then the connection is cut.
    case partial
    /// Exactly the first request.
    case one
  }

  public let place: String
  public let title: String
  public let bytes: [UInt8]
  /// The status of each answer; the last is the refusal, after which the connection is closed.
  public let statuses: [Int]
  public let origin: Origin

  public var description: String { "\(place) \(title)" }

  /// Every case of the table.
  public static func all() throws -> [RefusedRequest] {
    try FixtureReader.read("requests-refused.txt").map { try RefusedRequest($0) }
  }

  /// - Throws: `FixtureError` for a key or value that the table's head does not name.
  public init(_ fixture: Fixture) throws(FixtureError) {
    (place, title, bytes) = (fixture.place, fixture.title, fixture.bytes)
    var statuses: [Int] = []
    var origin: Origin?
    for expectation in fixture.expectations {
      switch expectation.key {
      case "status": statuses = try expectation.statuses(in: fixture)
      case "origin":
        origin =
          [Origin.none, .partial, .one][try expectation.choice(["none", "partial", "one"], in: fixture)]
      default: throw expectation.unknown(in: fixture)
      }
    }
    guard let origin, statuses.count == (origin == .one ? 2 : 1) else {
      throw FixtureError(place: fixture.place, reason: "statuses and origin do not fit")
    }
    self.statuses = statuses
    self.origin = origin
  }
}

extension Fixture.Expectation {
  func unknown(in fixture: Fixture) -> FixtureError {
    FixtureError(place: fixture.place, reason: "unknown key \(key)")
  }

  /// Which of `names` the value is.
  func choice(_ names: [String], in fixture: Fixture) throws(FixtureError) -> Int {
    guard let index = names.firstIndex(where: { Array($0.utf8) == value }) else {
      throw FixtureError(place: fixture.place, reason: "\(key) must be one of \(names)")
    }
    return index
  }

  /// Status codes with a space between them.
  func statuses(in fixture: Fixture) throws(FixtureError) -> [Int] {
    var statuses: [Int] = []
    for part in value.split(separator: 0x20, omittingEmptySubsequences: false) {
      guard part.count == 3, let status = Int(String(decoding: part, as: UTF8.self)) else {
        throw FixtureError(place: fixture.place, reason: "\(key) must be three digits")
      }
      statuses.append(status)
    }
    return statuses
  }
}
