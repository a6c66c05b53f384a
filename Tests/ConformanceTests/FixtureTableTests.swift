import Base
import TestSupport
import Testing

@Suite("Fixture tables") struct FixtureTableTests {
  @Test func `the tables hold at least as many cases as they did`() throws {
    let requests = try AcceptedRequests.all()
    #expect(requests.count >= 117)
    let refusedRequests = try RefusedRequest.all()
    #expect(refusedRequests.count >= 428)
    let answers = try ResponseFixture.accepted()
    #expect(answers.count >= 55)
    let refusedAnswers = try ResponseFixture.refused()
    #expect(refusedAnswers.count >= 137)
  }
}
