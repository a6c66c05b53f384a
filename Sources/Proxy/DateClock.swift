internal import Base
internal import HTTP1

/// The date as text, made once a second and not once a response.
struct DateClock: ~Copyable {
  private var second = -1
  private var checked = Instant(milliseconds: 0)
  /// IMF-fixdate, 29 bytes.
  private(set) var date = ByteBuffer()
  /// `21/Nov/2026:08:49:37 +0000`
  private(set) var logTime = ByteBuffer()

  /// Makes both texts true for `now`, to within a quarter of a second.
  mutating func refresh(_ now: Instant) {
    if second >= 0, now.since(checked).milliseconds < 250 { return }
    checked = now
    let current = WallClock.seconds()
    guard current != second else { return }
    second = current
    date.removeAll()
    HTTPDate.append(seconds: current, to: &date)
    logTime.removeAll()
    HTTPDate.appendLogTime(seconds: current, to: &logTime)
  }
}
