/// A case of `responses-accepted.txt` or `responses-refused.txt`: what an origin sends on one connection to
/// answer one request, and what must come of it.
public struct ResponseFixture: Sendable, CustomStringConvertible {
  public enum Outcome: Sendable, Hashable {
    /// The client gets `status` and `body`; `isReusable` is for the origin's connection.
    case forwarded(status: Int, body: [UInt8], isReusable: Bool)
    /// The client gets 502; of the origin's answer at most good interim ones.
    case refused
    /// The head is forwarded, then the client's connection is cut.
    case cut
  }

  public let place: String
  public let title: String
  public let bytes: [UInt8]
  /// Of the request that is answered.
  public let method: String
  /// Whether the origin closes its connection after the bytes.
  public let closes: Bool
  public let outcome: Outcome

  public var description: String { "\(place) \(title)" }

  /// Every case of the table of good answers.
  public static func accepted() throws -> [ResponseFixture] {
    try FixtureReader.read("responses-accepted.txt").map { try ResponseFixture($0) }
  }

  /// Every case of the table of bad answers.
  public static func refused() throws -> [ResponseFixture] {
    try FixtureReader.read("responses-refused.txt").map { try ResponseFixture($0) }
  }

  /// - Throws: `FixtureError` for a key or value that the table's head does not name.
  public init(_ fixture: Fixture) throws(FixtureError) {
    (place, title, bytes) = (fixture.place, fixture.title, fixture.bytes)
    var method: String?
    var closes = false
    var status: Int?
    var body: [UInt8] = []
    var isReusable: Bool?
    var isCut = false
    for expectation in fixture.expectations {
      switch expectation.key {
      case "to": method = String(decoding: expectation.value, as: UTF8.self)
      case "close": closes = true
      case "status": status = try expectation.statuses(in: fixture).first
      case "body": body = expectation.value
      case "reuse": isReusable = try expectation.choice(["no", "yes"], in: fixture) == 1
      case "cut": isCut = true
      default: throw expectation.unknown(in: fixture)
      }
    }
    guard let method else { throw FixtureError(place: fixture.place, reason: "no method") }
    self.method = method
    self.closes = closes
    switch (status, isReusable, isCut) {
    case (let status?, let isReusable?, false):
      outcome = .forwarded(status: status, body: body, isReusable: isReusable)
    case (502, nil, false): outcome = .refused
    case (nil, nil, true): outcome = .cut
    default: throw FixtureError(place: fixture.place, reason: "the expectations do not fit together")
    }
  }
}
