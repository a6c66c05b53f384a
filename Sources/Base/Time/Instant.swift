/// A point on the monotonic clock, in whole milliseconds. Comparable within one process only.
///
/// A word and not `ContinuousClock.Instant` (two words): there is one in every timer of every
/// connection, and a loop reads its clock once a turn anyway.
public struct Instant: Comparable, Hashable, Sendable {
  public let milliseconds: UInt64

  @inlinable public init(milliseconds: UInt64) { self.milliseconds = milliseconds }

  /// Later than any other instant: a deadline that never comes.
  @inlinable public static var never: Instant { Instant(milliseconds: .max) }

  @inlinable public static func < (left: Instant, right: Instant) -> Bool {
    left.milliseconds < right.milliseconds
  }

  /// The instant `interval` later. `.never` stays `.never`.
  @inlinable public func advanced(by interval: Interval) -> Instant {
    let (sum, overflow) = milliseconds.addingReportingOverflow(interval.milliseconds)
    return overflow ? .never : Instant(milliseconds: sum)
  }

  /// The time from `earlier` to here, zero if it lies ahead.
  @inlinable public func since(_ earlier: Instant) -> Interval {
    Interval(milliseconds: self < earlier ? 0 : milliseconds - earlier.milliseconds)
  }
}

/// A length of time in whole milliseconds.
public struct Interval: Comparable, Hashable, Sendable {
  public let milliseconds: UInt64

  @inlinable public init(milliseconds: UInt64) { self.milliseconds = milliseconds }
  @inlinable public static func milliseconds(_ count: UInt64) -> Interval { Interval(milliseconds: count) }
  @inlinable public static func seconds(_ count: UInt64) -> Interval { Interval(milliseconds: count * 1000) }

  @inlinable public static func < (left: Interval, right: Interval) -> Bool {
    left.milliseconds < right.milliseconds
  }
}
