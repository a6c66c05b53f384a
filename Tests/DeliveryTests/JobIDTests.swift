import Testing

@testable import Delivery

@Suite("Names of jobs") struct JobIDTests {
  @Test func `text and back`() throws {
    var random = SystemRandomNumberGenerator()
    for _ in 0..<10_000 {
      let row = Int64.random(in: 1..<(1 << 60), using: &random)
      let id = try #require(JobID(row: row, nonce: Int64(bitPattern: random.next() >> 2)))
      let text = id.description
      #expect(text.utf8.count == 36)
      #expect(text[text.index(text.startIndex, offsetBy: 14)] == "7")
      #expect("89ab".contains(text[text.index(text.startIndex, offsetBy: 19)]))
      #expect(JobID(text) == id)
      #expect(JobID(text.uppercased()) == id)
    }
  }

  @Test func `they rise, whatever the clock does, and however many come at once`() {
    var source = JobIDSource(after: 0)
    var last: JobID?
    for milliseconds in [1_800_000_000_000, 1_800_000_000_000, 1_700_000_000_000, 1_800_000_000_001]
      as [Int64]
    {
      for _ in 0..<5000 {
        let id = source.next(at: milliseconds)
        if let last {
          #expect(id > last)
          #expect(id.description > last.description)
        }
        last = id
      }
    }
    var later = JobIDSource(after: last?.row ?? 0)
    #expect(later.next(at: 0).row == (last?.row ?? 0) + 1)
  }

  @Test(arguments: [
    "", "1", "01a21c59-dd8d-7000-9153-87693ca596e", "01a21c59-dd8d-7000-9153-87693ca596e33",
    "01a21c59-dd8d-4000-9153-87693ca596e3", "01a21c59-dd8d-7000-1153-87693ca596e3",
    "01a21c59xdd8d-7000-9153-87693ca596e3", "01a21c59-dd8d-7000-9153-87693ca596eg",
    "00000000-0000-7000-8000-000000000000",
  ])
  func `other texts are none`(_ text: String) { #expect(JobID(text) == nil) }
}
