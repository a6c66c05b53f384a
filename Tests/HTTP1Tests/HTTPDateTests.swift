import Base
import HTTP1
import Testing

@Suite("HTTPDate") struct HTTPDateTests {
  private static func text(_ seconds: Int) -> String {
    var buffer = ByteBuffer()
    HTTPDate.append(seconds: seconds, to: &buffer)
    return buffer.text()
  }

  @Test(arguments: [
    (0, "Thu, 01 Jan 1970 00:00:00 GMT"), (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
    (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"), (951_868_799, "Tue, 29 Feb 2000 23:59:59 GMT"),
    (951_868_800, "Wed, 01 Mar 2000 00:00:00 GMT"), (946_684_799, "Fri, 31 Dec 1999 23:59:59 GMT"),
    (1_234_567_890, "Fri, 13 Feb 2009 23:31:30 GMT"), (1_709_164_800, "Thu, 29 Feb 2024 00:00:00 GMT"),
    (2_147_483_647, "Tue, 19 Jan 2038 03:14:07 GMT"), (2_147_483_648, "Tue, 19 Jan 2038 03:14:08 GMT"),
    (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"), (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
  ])
  func `a second has its IMF-fixdate`(seconds: Int, expected: String) {
    #expect(HTTPDateTests.text(seconds) == expected)
  }

  @Test func `the log has the time in its common form`() {
    var buffer = ByteBuffer()
    HTTPDate.appendLogTime(seconds: 784_111_777, to: &buffer)
    let text = buffer.text()
    #expect(text == "06/Nov/1994:08:49:37 +0000")
  }

  @Test func `each day until 2400 follows the one before`() {
    let lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    var (year, month, day) = (1970, 1, 1)
    for count in 0..<157_054 {
      let civil = HTTPDate.Civil(seconds: count * 86400 + 86399)
      guard (civil.year, civil.month, civil.day, civil.daysSinceEpoch) == (year, month, day, count),
        (civil.hour, civil.minute, civil.second) == (23, 59, 59)
      else {
        Issue.record("day \(count) is \(civil) and not \(year)-\(month)-\(day)")
        return
      }
      let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
      day += 1
      if day > lengths[month - 1] + (month == 2 && isLeap ? 1 : 0) { (month, day) = (month + 1, 1) }
      if month > 12 { (year, month) = (year + 1, 1) }
    }
    #expect((year, month, day) == (2400, 1, 1))
  }
}
