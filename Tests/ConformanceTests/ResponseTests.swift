import Base
import HTTP1
import TestSupport
import Testing

@Suite("Answers of origins") struct ResponseTests {
  private static let methods: [String: Method] = [
    "GET": .get, "HEAD": .head, "POST": .post, "PUT": .put, "DELETE": .delete,
  ]

  @Test(arguments: try ResponseFixture.accepted() + ResponseFixture.refused())
  func `each is forwarded, refused or cut as its table says`(fixture: ResponseFixture) throws {
    let method = try #require(ResponseTests.methods[fixture.method])
    let outcome = ResponseReader.outcome(of: fixture.bytes, answering: method, closes: fixture.closes)
    switch fixture.outcome {
    case .refused: #expect(outcome == .refused)
    case .cut: #expect(outcome == .cut)
    case .forwarded(let status, let body, let isReusable):
      #expect(outcome == .forwarded(status: status, body: body, isReusable: isReusable))
    }
  }

  @Test(arguments: try ResponseFixture.accepted() + ResponseFixture.refused())
  func `the outcome is the same wherever the bytes are cut`(fixture: ResponseFixture) throws {
    let method = try #require(ResponseTests.methods[fixture.method])
    let whole = ResponseReader.outcome(of: fixture.bytes, answering: method, closes: fixture.closes)
    for cuts in Cuts.all(fixture.bytes) {
      let outcome = ResponseReader.outcome(
        of: fixture.bytes, answering: method, closes: fixture.closes, cutAt: cuts)
      #expect(outcome == whole, "cut at \(cuts)")
    }
  }

  @Test(arguments: try ResponseFixture.accepted() + ResponseFixture.refused())
  func `no prefix is taken for a complete answer that the whole is not`(fixture: ResponseFixture) throws {
    let method = try #require(ResponseTests.methods[fixture.method])
    let whole = ResponseReader.outcome(of: fixture.bytes, answering: method, closes: fixture.closes)
    for end in SplitPoints.of(fixture.bytes, seed: 3) {
      let prefix = ResponseReader.outcome(
        of: Array(fixture.bytes[..<end]), answering: method, closes: false)
      switch (prefix, whole) {
      case (.pending, _): continue
      case (.forwarded(let status, let body, _), .forwarded(let wholeStatus, let wholeBody, _)):
        // Complete already; what follows in the whole is no part of the answer.
        #expect(status == wholeStatus)
        #expect(body == wholeBody)
      default: #expect(prefix == whole, "of the first \(end) bytes")
      }
    }
  }

  @Test func `at least one hundred and eighty answers are tried`() throws {
    let accepted = try ResponseFixture.accepted()
    let refused = try ResponseFixture.refused()
    #expect(accepted.count >= 50)
    #expect(refused.count >= 130)
    #expect(refused.filter { $0.outcome == .refused }.count >= 100)
    #expect(
      Set((accepted + refused).map(\.title)).count == accepted.count + refused.count,
      "two cases with one name")
  }
}
