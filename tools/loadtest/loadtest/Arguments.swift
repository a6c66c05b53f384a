internal import ArgumentParser
internal import Base

/// `200,204`
struct NumberList: ExpressibleByArgument {
  let numbers: [Int]

  init?(argument: String) {
    let parts = argument.split(separator: ",", omittingEmptySubsequences: false)
    let numbers = parts.compactMap { Int($0) }
    guard numbers.count == parts.count else { return nil }
    self.numbers = numbers
  }
}

/// `200ms`, `5s`, `1m`, `1h`: at most a day.
struct TimeArgument: ExpressibleByArgument {
  let interval: Interval

  init(_ interval: Interval) { self.interval = interval }

  init?(argument: String) {
    let units: [(String, Double)] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)]
    guard let (unit, factor) = units.first(where: { argument.hasSuffix($0.0) }),
      let number = Double(argument.dropLast(unit.count)), number.isFinite, number >= 0,
      number * factor <= 24 * 3_600_000
    else { return nil }
    interval = Interval(milliseconds: UInt64((number * factor).rounded()))
  }

  var defaultValueDescription: String {
    interval.milliseconds % 1000 == 0 ? "\(interval.milliseconds / 1000)s" : "\(interval.milliseconds)ms"
  }
}

/// `0.01` or `1%`
struct ShareArgument: ExpressibleByArgument {
  let share: Double

  init?(argument: String) {
    let isPercent = argument.hasSuffix("%")
    guard let number = Double(isPercent ? argument.dropLast() : argument[...]), number.isFinite else {
      return nil
    }
    share = isPercent ? number / 100 : number
  }
}

enum Hexadecimal {
  static func bytes(_ text: String) -> [UInt8]? {
    let digits = text.utf8.map { ASCII.hexValue($0) }
    guard digits.count % 2 == 0 else { return nil }
    var bytes: [UInt8] = []
    for index in stride(from: 0, to: digits.count, by: 2) {
      guard let high = digits[index], let low = digits[index + 1] else { return nil }
      bytes.append(high << 4 | low)
    }
    return bytes
  }
}
