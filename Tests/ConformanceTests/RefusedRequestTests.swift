import Base
import HTTP1
import TestSupport
import Testing

@Suite("Requests that are refused") struct RefusedRequestTests {
  @Test(arguments: try RefusedRequest.all())
  func `each is refused with its status and no more than it may reaches the origin`(fixture: RefusedRequest) {
    let outcome = RequestReader.outcome(of: fixture.bytes)
    #expect(outcome.refusal == fixture.statuses.last)
    switch fixture.origin {
    case .none:
      #expect(outcome.messages.isEmpty)
      #expect(!outcome.hasPartialMessage)
    case .partial: #expect(outcome.messages.isEmpty)
    case .one:
      #expect(outcome.messages.count == 1)
      #expect(!outcome.hasPartialMessage)
    }
  }

  @Test(arguments: try RefusedRequest.all())
  func `the outcome is the same wherever the bytes are cut`(fixture: RefusedRequest) {
    let whole = RequestReader.outcome(of: fixture.bytes)
    for cuts in Cuts.all(fixture.bytes) {
      let outcome = RequestReader.outcome(of: fixture.bytes, cutAt: cuts)
      #expect(outcome == whole, "cut at \(cuts)")
    }
  }

  @Test(arguments: try RefusedRequest.all())
  func `every prefix is undecided or refused with the status of the whole`(fixture: RefusedRequest) {
    for end in SplitPoints.of(fixture.bytes, seed: 2) {
      let outcome = RequestReader.outcome(of: Array(fixture.bytes[..<end]))
      #expect(outcome.refusal == nil || outcome.refusal == fixture.statuses.last, "of the first \(end) bytes")
      #expect(outcome.messages.count <= (fixture.origin == .one ? 1 : 0), "of the first \(end) bytes")
    }
  }

  @Test func `at least four hundred requests are tried`() throws {
    let all = try RefusedRequest.all()
    #expect(all.count >= 400)
    #expect(all.filter { $0.origin == .none }.count >= 120)
    #expect(Set(all.map(\.title)).count == all.count, "two cases with one name")
  }
}
