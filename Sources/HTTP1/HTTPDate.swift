public import Base

/// IMF-fixdate, `Sun, 06 Nov 1994 08:49:37 GMT`. RFC 9110 §5.6.7.
public enum HTTPDate {
  private static let days: StaticString = "ThuFriSatSunMonTueWed"
  private static let months: StaticString = "JanFebMarAprMayJunJulAugSepOctNovDec"

  /// A civil date and time in UTC.
  public struct Civil: Equatable, Sendable {
    public let year, month, day, hour, minute, second, daysSinceEpoch: Int

    /// - Parameter seconds: since 1970-01-01 00:00:00 UTC, not negative.
    public init(seconds: Int) {
      precondition(seconds >= 0)
      daysSinceEpoch = seconds / 86400
      (hour, minute, second) = (seconds % 86400 / 3600, seconds % 3600 / 60, seconds % 60)
      // Counted from 0000-03-01, so that the leap day is the last of its year.
      let shifted = daysSinceEpoch + 719_468
      let era = shifted / 146_097
      let dayOfEra = shifted % 146_097
      let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
      let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
      let shiftedMonth = (5 * dayOfYear + 2) / 153
      day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
      month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
      year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }
  }

  /// Appends the 29 bytes of the date.
  public static func append(seconds: Int, to buffer: inout ByteBuffer) {
    let civil = Civil(seconds: seconds)
    append(days, civil.daysSinceEpoch % 7, to: &buffer)
    buffer.append(", ")
    buffer.append(decimal: civil.day, width: 2)
    buffer.append(UInt8(ascii: " "))
    append(months, civil.month - 1, to: &buffer)
    buffer.append(UInt8(ascii: " "))
    buffer.append(decimal: civil.year, width: 4)
    buffer.append(UInt8(ascii: " "))
    appendTime(civil, to: &buffer)
    buffer.append(" GMT")
  }

  /// Appends `21/Nov/2026:08:49:37 +0000`, the form of the common log format.
  public static func appendLogTime(seconds: Int, to buffer: inout ByteBuffer) {
    let civil = Civil(seconds: seconds)
    buffer.append(decimal: civil.day, width: 2)
    buffer.append(UInt8(ascii: "/"))
    append(months, civil.month - 1, to: &buffer)
    buffer.append(UInt8(ascii: "/"))
    buffer.append(decimal: civil.year, width: 4)
    buffer.append(UInt8(ascii: ":"))
    appendTime(civil, to: &buffer)
    buffer.append(" +0000")
  }

  /// Appends `2026-11-21T08:49:37`, the date and time of RFC 3339 without what may follow.
  public static func appendInternetTime(seconds: Int, to buffer: inout ByteBuffer) {
    let civil = Civil(seconds: seconds)
    buffer.append(decimal: civil.year, width: 4)
    buffer.append("-")
    buffer.append(decimal: civil.month, width: 2)
    buffer.append("-")
    buffer.append(decimal: civil.day, width: 2)
    buffer.append("T")
    appendTime(civil, to: &buffer)
  }

  private static func appendTime(_ civil: Civil, to buffer: inout ByteBuffer) {
    buffer.append(decimal: civil.hour, width: 2)
    buffer.append(UInt8(ascii: ":"))
    buffer.append(decimal: civil.minute, width: 2)
    buffer.append(UInt8(ascii: ":"))
    buffer.append(decimal: civil.second, width: 2)
  }

  private static func append(_ names: StaticString, _ index: Int, to buffer: inout ByteBuffer) {
    let letters = names.bytes
    buffer.append(letters, from: index * 3, to: index * 3 + 3)
  }
}
