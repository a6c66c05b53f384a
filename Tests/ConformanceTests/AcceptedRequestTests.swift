import Base
import HTTP1
import TestSupport
import Testing

@Suite("Requests that are accepted") struct AcceptedRequestTests {
  @Test(arguments: try AcceptedRequests.all())
  func `each reaches the origin once, as it was meant`(fixture: AcceptedRequests) {
    let outcome = RequestReader.outcome(of: fixture.bytes)
    #expect(outcome.refusal == nil)
    #expect(!outcome.hasPartialMessage)
    #expect(outcome.messages.count == fixture.messages.count)
    for (message, expected) in zip(outcome.messages, fixture.messages) {
      #expect(FixtureEscapes.encode(message.method) == FixtureEscapes.encode(expected.method))
      #expect(FixtureEscapes.encode(message.target) == FixtureEscapes.encode(expected.target))
      if let host = expected.host {
        #expect(FixtureEscapes.encode(message.host ?? []) == FixtureEscapes.encode(host))
      }
      #expect(message.body == expected.body)
      #expect(message.isHTTP10 == expected.isHTTP10)
      #expect(message.isKeptAlive == expected.isKeptAlive)
      // What must not pass as a trailer has a name that we know; which of them do is not the parser's to say.
      let passing = message.trailers.filter { expected.trailers.contains($0.line) }
      #expect(
        passing.map { FixtureEscapes.encode($0.line) } == expected.trailers.map { FixtureEscapes.encode($0) })
      let held = message.trailers.filter { !expected.trailers.contains($0.line) && !$0.isKnownName }
      #expect(held.isEmpty)
    }
  }

  @Test(arguments: try AcceptedRequests.all())
  func `the outcome is the same wherever the bytes are cut`(fixture: AcceptedRequests) {
    let whole = RequestReader.outcome(of: fixture.bytes)
    for cuts in Cuts.all(fixture.bytes) {
      let outcome = RequestReader.outcome(of: fixture.bytes, cutAt: cuts)
      #expect(outcome == whole, "cut at \(cuts)")
    }
  }

  @Test(arguments: try AcceptedRequests.all())
  func `every prefix of the first head is incomplete and not a fault`(fixture: AcceptedRequests) throws {
    var table = FieldTable()
    guard
      case .complete(let head) = RequestHead.parse(fixture.bytes.span, into: &table, limits: Limits())
    else { throw UnexpectedVerdict() }
    for end in SplitPoints.of(Array(fixture.bytes[..<head.end]), seed: 1) {
      let prefix = RequestHead.parse(fixture.bytes.span.extracting(0..<end), into: &table, limits: Limits())
      guard case .incomplete = prefix else {
        Issue.record("the first \(end) bytes gave \(prefix)")
        return
      }
    }
  }

  @Test func `at least one hundred requests are tried`() throws {
    let all = try AcceptedRequests.all()
    #expect(all.count >= 110)
    #expect(all.reduce(0) { $0 + $1.messages.count } >= 120)
    #expect(Set(all.map(\.title)).count == all.count, "two cases with one name")
  }
}
