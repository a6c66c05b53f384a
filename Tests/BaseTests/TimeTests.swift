import Base
import Testing

@Suite("Instant and Interval") struct TimeTests {
  @Test func `an instant is ordered by its milliseconds`() {
    #expect(Instant(milliseconds: 1) < Instant(milliseconds: 2))
    #expect(Instant(milliseconds: .max - 1) < .never)
    #expect(Interval.milliseconds(999) < .seconds(1))
    #expect(Interval.seconds(2) == Interval(milliseconds: 2000))
  }

  @Test func `the time between two instants is what was added`() {
    let start = Instant(milliseconds: 5000)
    #expect(start.advanced(by: .seconds(3)) == Instant(milliseconds: 8000))
    #expect(start.advanced(by: .seconds(3)).since(start) == .seconds(3))
    #expect(start.since(start) == .milliseconds(0))
  }

  @Test func `the time since a later instant is zero`() {
    #expect(Instant(milliseconds: 5).since(Instant(milliseconds: 6)) == .milliseconds(0))
    #expect(Instant(milliseconds: 5).since(.never) == .milliseconds(0))
  }

  @Test func `nothing comes after never`() {
    #expect(Instant.never.advanced(by: .milliseconds(1)) == .never)
    #expect(Instant.never.advanced(by: .milliseconds(0)) == .never)
    #expect(Instant(milliseconds: 10).advanced(by: .milliseconds(.max)) == .never)
  }

  @Test func `the clock on the wall shows a time after this was written`() {
    #expect(WallClock.seconds() > 1_760_000_000)
  }
}
