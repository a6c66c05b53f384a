import Testing

@testable import Proxy

@Suite("The closing table of an exchange") struct VerdictTests {
  struct Cell: Sendable, CustomStringConvertible {
    let fault: ExchangeFault
    let progress: ExchangeProgress
    let verdict: Verdict
    var description: String { "\(fault) \(progress)" }
  }

  static let cells = [
    Cell(fault: .downstreamGone, progress: .beforeRequestHead, verdict: Verdict(keepsUpstream: true)),
    Cell(fault: .downstreamGone, progress: .beforeResponseHead, verdict: Verdict()),
    Cell(fault: .downstreamGone, progress: .duringBody, verdict: Verdict()),
    Cell(fault: .downstreamGone, progress: .afterBody, verdict: Verdict()),
    Cell(
      fault: .upstreamGone, progress: .beforeRequestHead,
      verdict: Verdict(reply: 502, retry: .anotherEndpoint, keepsDownstream: true)),
    Cell(
      fault: .upstreamGone, progress: .beforeResponseHead,
      verdict: Verdict(reply: 502, retry: .whereSafe, keepsDownstream: true)),
    Cell(fault: .upstreamGone, progress: .duringBody, verdict: Verdict()),
    Cell(fault: .upstreamGone, progress: .afterBody, verdict: Verdict(keepsDownstream: true)),
    Cell(
      fault: .deadline, progress: .beforeRequestHead,
      verdict: Verdict(reply: 504, retry: .anotherEndpoint, keepsDownstream: true)),
    Cell(
      fault: .deadline, progress: .beforeResponseHead, verdict: Verdict(reply: 504, keepsDownstream: true)),
    Cell(fault: .deadline, progress: .duringBody, verdict: Verdict()),
    Cell(fault: .deadline, progress: .afterBody, verdict: Verdict()),
  ]

  @Test(arguments: cells) func `says for each fault and progress what follows`(_ cell: Cell) {
    #expect(Verdict.of(cell.fault, cell.progress) == cell.verdict)
  }

  @Test func `has a test for each cell`() {
    for fault in ExchangeFault.allCases {
      for progress in ExchangeProgress.allCases {
        #expect(VerdictTests.cells.count { $0.fault == fault && $0.progress == progress } == 1)
      }
    }
  }

  @Test func `never answers and never retries once a response has begun`() {
    for fault in ExchangeFault.allCases {
      for progress in [ExchangeProgress.duringBody, .afterBody] {
        let verdict = Verdict.of(fault, progress)
        #expect(verdict.reply == nil)
        #expect(verdict.retry == .never)
        #expect(!verdict.keepsUpstream)
      }
    }
  }
}
