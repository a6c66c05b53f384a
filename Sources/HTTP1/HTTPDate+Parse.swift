internal import Base

extension HTTPDate {
  /// Reads any of the three forms of RFC 9110 §5.6.7, whatever the case of their letters.
  ///
  /// - Parameter now: seconds since 1970, by which a year of two digits is placed: one that would lie more
  ///   than fifty years ahead was in the century before.
  /// - Returns: seconds since 1970-01-01 00:00:00 UTC; `nil` where it is none of them, or no date of the
  ///   calendar.
  public static func parse(_ bytes: Span<UInt8>, _ range: Range<Int>, now: Int) -> Int? {
    var reader = DateReader(bytes.extracting(range))
    switch reader.dayName() {
    case .short(comma: true):
      // Sun, 06 Nov 1994 08:49:37 GMT
      guard reader.skip(" "), let day = reader.number(2), reader.skip(" "), let month = reader.month(),
        reader.skip(" "), let year = reader.number(4), reader.skip(" "), let time = reader.time(),
        reader.skip(" gmt"), reader.isAtEnd
      else { return nil }
      return seconds(year: year, month: month, day: day, time: time)
    case .long:
      // Sunday, 06-Nov-94 08:49:37 GMT
      guard reader.skip(" "), let day = reader.number(2), reader.skip("-"), let month = reader.month(),
        reader.skip("-"), let short = reader.number(2), reader.skip(" "), let time = reader.time(),
        reader.skip(" gmt"), reader.isAtEnd
      else { return nil }
      let thisYear = Civil(seconds: max(0, now)).year
      var year = thisYear / 100 * 100 + short
      if year > thisYear + 50 { year -= 100 }
      return seconds(year: year, month: month, day: day, time: time)
    case .short(comma: false):
      // Sun Nov  6 08:49:37 1994
      guard reader.skip(" "), let month = reader.month(), reader.skip(" "), let day = reader.paddedDay(),
        reader.skip(" "), let time = reader.time(), reader.skip(" "), let year = reader.number(4),
        reader.isAtEnd
      else { return nil }
      return seconds(year: year, month: month, day: day, time: time)
    case nil: return nil
    }
  }

  private static let daysInMonth = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

  private static func seconds(year: Int, month: Int, day: Int, time: Int) -> Int? {
    guard year >= 1601 else { return nil }
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    guard day >= 1, day <= daysInMonth[month - 1] + (month == 2 && isLeap ? 1 : 0) else { return nil }
    // Counted from 0000-03-01, as in `Civil`.
    let shiftedYear = month <= 2 ? year - 1 : year
    let shiftedMonth = month <= 2 ? month + 9 : month - 3
    let era = shiftedYear / 400
    let yearOfEra = shiftedYear % 400
    let dayOfYear = (153 * shiftedMonth + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return (era * 146_097 + dayOfEra - 719_468) * 86400 + time
  }
}

/// Reads the parts of a date from the front.
private struct DateReader: ~Escapable {
  enum DayName { case short(comma: Bool), long }

  private let bytes: Span<UInt8>
  private var at = 0

  @_lifetime(copy bytes)
  init(_ bytes: Span<UInt8>) { self.bytes = bytes }

  var isAtEnd: Bool { at == bytes.count }

  /// Takes `text`, which is in lower case.
  mutating func skip(_ text: StaticString) -> Bool {
    let end = at + text.utf8CodeUnitCount
    guard end <= bytes.count, ASCII.equals(bytes, at, end, ignoringCase: text) else { return false }
    at = end
    return true
  }

  mutating func number(_ digits: Int) -> Int? {
    guard at + digits <= bytes.count else { return nil }
    var value = 0
    for index in at..<(at + digits) {
      guard ASCII.isDigit(bytes[index]) else { return nil }
      value = value * 10 + Int(bytes[index] - 0x30)
    }
    at += digits
    return value
  }

  /// Two places, the first of which may be a space.
  mutating func paddedDay() -> Int? { skip(" ") ? number(1) : number(2) }

  /// Seconds since midnight. A leap second counts as the one before it.
  mutating func time() -> Int? {
    guard let hour = number(2), skip(":"), let minute = number(2), skip(":"), let second = number(2),
      hour < 24,
      minute < 60, second <= 60
    else { return nil }
    return hour * 3600 + minute * 60 + min(second, 59)
  }

  mutating func month() -> Int? {
    let names: [StaticString] = [
      "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ]
    for (index, name) in names.enumerated() where skip(name) { return index + 1 }
    return nil
  }

  mutating func dayName() -> DayName? {
    let long: [StaticString] = [
      "monday,", "tuesday,", "wednesday,", "thursday,", "friday,", "saturday,", "sunday,",
    ]
    for name in long where skip(name) { return .long }
    let short: [StaticString] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    for name in short where skip(name) { return .short(comma: skip(",")) }
    return nil
  }
}
