import Base
import HTTP1
import TestSupport
import Testing

@Suite("RFC 9110 §5.6.7 dates") struct HTTPDateParseTests {
  /// Thu, 26 Nov 2026 12:00:00 GMT.
  private static let now = 1_795_694_400

  private static func parse(
    _ text: [UInt8], now: Int = HTTPDateParseTests.now, between before: [UInt8] = [], and after: [UInt8] = []
  ) -> Int? {
    let bytes = before + text + after
    return HTTPDate.parse(bytes.span, before.count..<(before.count + text.count), now: now)
  }

  @Test(arguments: [
    ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777), ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
    ("Wed, 31 Dec 1969 23:59:59 GMT", -1), ("Mon, 01 Jan 1601 00:00:00 GMT", -11_644_473_600),
    ("Fri, 31 Dec 9999 23:59:59 GMT", 253_402_300_799), ("Thu, 18 Aug 2050 02:01:18 GMT", 2_544_400_878),
    ("Tue, 29 Feb 2000 00:00:00 GMT", 951_782_400), ("Thu, 29 Feb 2024 00:00:00 GMT", 1_709_164_800),
    ("Thu, 29 Feb 1968 00:00:00 GMT", -58_060_800), ("Mon, 01 Mar 2100 00:00:00 GMT", 4_107_542_400),
    ("Wed, 28 Feb 1900 00:00:00 GMT", -2_203_977_600),
  ])
  func `an IMF-fixdate is its second`(text: String, expected: Int) {
    #expect(HTTPDateParseTests.parse(Array(text.utf8)) == expected)
  }

  @Test(arguments: [
    ("Sun Nov  6 08:49:37 1994", 784_111_777), ("Thu Aug  8 02:01:18 2050", 2_543_536_878),
    ("Thu Aug 18 02:01:18 2050", 2_544_400_878), ("Sun Aug 28 02:01:18 2050", 2_545_264_878),
    ("Tue Feb 29 00:00:00 2000", 951_782_400), ("Mon Jan  1 00:00:00 1601", -11_644_473_600),
    // RFC 9110 lets an asctime-date have two digits of any value.
    ("Sun Nov 06 08:49:37 1994", 784_111_777),
  ])
  func `an asctime date is its second`(text: String, expected: Int) {
    #expect(HTTPDateParseTests.parse(Array(text.utf8)) == expected)
  }

  @Test(arguments: [
    ("Monday, 18-Aug-50 02:01:18 GMT", 2_544_400_878), ("Tuesday, 18-Aug-50 02:01:18 GMT", 2_544_400_878),
    ("Wednesday, 18-Aug-50 02:01:18 GMT", 2_544_400_878),
    ("Thursday, 18-Aug-50 02:01:18 GMT", 2_544_400_878), ("Friday, 18-Aug-50 02:01:18 GMT", 2_544_400_878),
    ("Saturday, 18-Aug-50 02:01:18 GMT", 2_544_400_878), ("Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777),
  ])
  func `a date of RFC 850 is its second`(text: String, expected: Int) {
    #expect(HTTPDateParseTests.parse(Array(text.utf8)) == expected)
  }

  /// The clock stands in 2026, 1970, 2049 and 2051.
  @Test(arguments: [
    (1_795_694_400, "00", 946_684_800), (1_795_694_400, "26", 1_767_225_600),
    (1_795_694_400, "76", 3_345_062_400), (1_795_694_400, "77", 220_924_800),
    (1_795_694_400, "99", 915_148_800), (0, "70", 0), (0, "99", 915_148_800), (0, "69", -31_536_000),
    (2_506_118_400, "99", 4_070_908_800), (2_506_118_400, "00", 946_684_800),
    (2_569_190_400, "99", 4_070_908_800), (2_569_190_400, "51", 2_556_144_000),
  ])
  func `a year of two digits is at most fifty years ahead`(now: Int, year: String, expected: Int) {
    let text = Array("Friday, 01-Jan-\(year) 00:00:00 GMT".utf8)
    #expect(HTTPDateParseTests.parse(text, now: now) == expected)
  }

  @Test(arguments: [
    "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
  ])
  func `the case of letters and what stands around a date are nothing to it`(text: String) {
    var generator = SeededGenerator(seed: 41)
    for _ in 0..<200 {
      let cased = text.utf8.map { byte in
        let isLetter = (0x61...0x7A).contains(byte | 0x20)
        return isLetter && Bool.random(using: &generator) ? byte ^ 0x20 : byte
      }
      let before = generator.bytes(Int.random(in: 0...9, using: &generator))
      let after = generator.bytes(Int.random(in: 0...9, using: &generator))
      #expect(HTTPDateParseTests.parse(cased, between: before, and: after) == 784_111_777)
    }
  }

  @Test func `the name of the day need not agree with the date`() {
    for day in ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"] {
      #expect(HTTPDateParseTests.parse(Array("\(day), 06 Nov 1994 08:49:37 GMT".utf8)) == 784_111_777)
      #expect(HTTPDateParseTests.parse(Array("\(day) Nov  6 08:49:37 1994".utf8)) == 784_111_777)
    }
  }

  @Test(arguments: [
    "Sat, 31 Dec 2016 23:59:60 GMT", "Saturday, 31-Dec-16 23:59:60 GMT", "Sat Dec 31 23:59:60 2016",
  ])
  func `a leap second is the one before it`(text: String) {
    #expect(HTTPDateParseTests.parse(Array(text.utf8)) == 1_483_228_799)
  }

  @Test(arguments: [
    "", "0", "-1", "784111777", "Sun", "Sun,", "Sun, ", "GMT", " ", "1994-11-06T08:49:37Z",
    // The year, the hyphens and the name of the day belong to one form each.
    "Thu, 18 Aug 50 02:01:18 GMT", "Thu, 18-Aug-2050 02:01:18 GMT", "Thu, 18-Aug-50 02:01:18 GMT",
    "Thursday, 18-Aug-2050 02:01:18 GMT", "Thursday, 18 Aug 2050 02:01:18 GMT",
    "Thursday, 18 Aug 50 02:01:18 GMT", "Thursday Aug 18 02:01:18 2050", "Thu, Aug 18 02:01:18 2050",
    "Thu Aug 18 02:01:18 50", "Thu Aug 18 02:01:18 2050 GMT", "Thu Aug 18 02:01:18 GMT 2050",
    // White space.
    "Thu, 18  Aug  2050 02:01:18 GMT", "Thu,  18 Aug 2050 02:01:18 GMT", "Thu,18 Aug 2050 02:01:18 GMT",
    "Thu, 18 Aug 2050  02:01:18 GMT", "Thu, 18 Aug 2050 02:01:18  GMT", "Thu, 18 Aug 2050 02:01:18GMT",
    "Thu, 18\tAug 2050 02:01:18 GMT", " Thu, 18 Aug 2050 02:01:18 GMT", "Thu, 18 Aug 2050 02:01:18 GMT ",
    "Thu , 18 Aug 2050 02:01:18 GMT", "Thursday, 18-Aug-50  02:01:18 GMT",
    "Thursday, 18- Aug-50 02:01:18 GMT", "Thu  Aug 18 02:01:18 2050", "Thu Aug   8 02:01:18 2050",
    "Thu Aug 18  02:01:18 2050", "Thu Aug 8 02:01:18 2050", "Thu Aug 18 02:01:18 2050 ",
    // Punctuation.
    "Thu 18 Aug 2050 02:01:18 GMT", "Thursday 18-Aug-50 02:01:18 GMT", "Thu. 18 Aug 2050 02:01:18 GMT",
    "Thu, 18 Aug. 2050 02:01:18 GMT", "Thu, 18 Aug 2050 02.01.18 GMT", "Thu, 18 Aug 2050 02:01.18 GMT",
    "Thu, 18 Aug 2050 02-01-18 GMT", "Thu, 18 Aug 2050 020118 GMT", "Thu, 18 Aug 2050 02:01:18.5 GMT",
    "Thursday, 18/Aug/50 02:01:18 GMT", "\"Thu, 18 Aug 2050 02:01:18 GMT\"",
    // Too few digits, too many, or none.
    "Thu, 8 Aug 2050 02:01:18 GMT", "Thu, 018 Aug 2050 02:01:18 GMT", "Thu,  8 Aug 2050 02:01:18 GMT",
    "Thu, 18 Aug 2050 2:01:18 GMT", "Thu, 18 Aug 2050 02:1:18 GMT", "Thu, 18 Aug 2050 02:01:8 GMT",
    "Thu, 18 Aug 2050 002:01:18 GMT", "Thu, 18 Aug 2050 02:01 GMT", "Thu, 18 Aug 205 02:01:18 GMT",
    "Thu, 18 Aug 20500 02:01:18 GMT", "Thu, 18 Aug 2050 GMT", "Thu, 1x Aug 2050 02:01:18 GMT",
    "Thu, 18 Aug +050 02:01:18 GMT", "Thu, -8 Aug 2050 02:01:18 GMT", "Thu Aug 18 2:01:18 2050",
    "Thursday, 8-Aug-50 02:01:18 GMT", "Thursday, 18-Aug-5 02:01:18 GMT",
    // The zone.
    "Thu, 18 Aug 2050 02:01:18", "Thu, 18 Aug 2050 02:01:18 ", "Thu, 18 Aug 2050 02:01:18 UTC",
    "Thu, 18 Aug 2050 02:01:18 UT", "Thu, 18 Aug 2050 02:01:18 Z", "Thu, 18 Aug 2050 02:01:18 +0000",
    "Thu, 18 Aug 2050 02:01:18 GMT+1", "Thu, 18 Aug 2050 02:01:18 EST", "Thu, 18 Aug 2050 02:01:18 GM",
    "Thu, 18 Aug 2050 02:01:18 GMTT", "Thursday, 18-Aug-50 02:01:18 UTC",
    // Names.
    "Xyz, 18 Aug 2050 02:01:18 GMT", "Thurs, 18 Aug 2050 02:01:18 GMT", "Th, 18 Aug 2050 02:01:18 GMT",
    "18 Aug 2050 02:01:18 GMT", ", 18 Aug 2050 02:01:18 GMT", "Thu, 18 August 2050 02:01:18 GMT",
    "Thu, 18 Foo 2050 02:01:18 GMT", "Thu, 18 08 2050 02:01:18 GMT", "Thurzday, 18-Aug-50 02:01:18 GMT",
    // No such day, no such time.
    "Thu, 00 Aug 2050 02:01:18 GMT", "Thu, 32 Aug 2050 02:01:18 GMT", "Fri, 31 Apr 2026 00:00:00 GMT",
    "Fri, 30 Feb 2024 00:00:00 GMT", "Sun, 29 Feb 2026 00:00:00 GMT", "Mon, 29 Feb 2100 00:00:00 GMT",
    "Thu, 29 Feb 1900 00:00:00 GMT", "Sunday, 29-Feb-26 00:00:00 GMT", "Sun Feb 29 00:00:00 2026",
    "Sun Nov  0 08:49:37 1994", "Thu, 18 Aug 2050 24:00:00 GMT", "Thu, 18 Aug 2050 02:60:18 GMT",
    "Thu, 18 Aug 2050 02:01:61 GMT", "Fri, 31 Dec 1600 23:59:59 GMT", "Fri, 01 Jan 0000 00:00:00 GMT",
  ])
  func `what is of no form is no date`(text: String) {
    #expect(HTTPDateParseTests.parse(Array(text.utf8)) == nil)
  }

  @Test(arguments: [
    "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
  ])
  func `a date cut short or with a byte more is none`(text: String) {
    let bytes = Array(text.utf8)
    for count in bytes.indices {
      // The rest stands behind the range, where it must not be read.
      let found = HTTPDateParseTests.parse(Array(bytes[..<count]), and: Array(bytes[count...]))
      #expect(found == nil, "\(count)")
    }
    for byte in UInt8.min...UInt8.max {
      #expect(HTTPDateParseTests.parse(bytes + [byte]) == nil, "\(byte)")
      #expect(HTTPDateParseTests.parse([byte] + bytes) == nil, "\(byte)")
    }
  }

  @Test func `what is written is read back`() {
    var generator = SeededGenerator(seed: 42)
    for _ in 0..<5000 {
      // Up to the last second of the year 9999.
      let seconds = Int.random(in: 0...253_402_300_799, using: &generator)
      var buffer = ByteBuffer()
      HTTPDate.append(seconds: seconds, to: &buffer)
      let found = HTTPDate.parse(buffer.span, 0..<buffer.count, now: HTTPDateParseTests.now)
      guard found == seconds else {
        Issue.record("\(buffer.text()) is read as \(String(describing: found)), not \(seconds)")
        return
      }
    }
  }

  @Test func `each day from 1601 to 2000 follows the one before`() {
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    let lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    var expected = -11_644_473_600
    for year in 1601...2000 {
      let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
      for (month, name) in months.enumerated() {
        for day in 1...(lengths[month] + (month == 1 && isLeap ? 1 : 0)) {
          let text = "Mon, \(day < 10 ? "0" : "")\(day) \(name) \(year) 00:00:00 GMT"
          guard HTTPDateParseTests.parse(Array(text.utf8)) == expected else {
            Issue.record("\(text) is not \(expected)")
            return
          }
          expected += 86400
        }
      }
    }
  }
}
