internal import Base
internal import FoundationEssentials
internal import HTTP1

/// Moments in milliseconds since 1970: what is stored outlives the process, and so its monotonic clock.
enum Moment {
  /// As RFC 3339 writes it: `2026-11-27T09:30:00.250Z`.
  static func text(_ milliseconds: Int64) -> String {
    var buffer = ByteBuffer(capacity: 24)
    HTTPDate.appendInternetTime(seconds: Int(max(0, milliseconds) / 1000), to: &buffer)
    buffer.append(".")
    buffer.append(decimal: Int(max(0, milliseconds) % 1000), width: 3)
    buffer.append("Z")
    return buffer.text()
  }

  /// Reads RFC 3339, with a zone, with or without fractions of a second. `nil` for anything else.
  static func parse(_ text: String) -> Int64? {
    guard text.utf8.count <= 40 else { return nil }
    for fractions in [false, true] {
      let style = Date.ISO8601FormatStyle(includingFractionalSeconds: fractions)
      if let date = try? Date(text, strategy: style) { return whole(date.timeIntervalSince1970 * 1000) }
    }
    return nil
  }

  /// The end of the year 9999: no later time can be written.
  private static let end: Int64 = 253_402_300_799_999

  /// `nil` where it cannot be a time of ours.
  static func whole(_ milliseconds: Double) -> Int64? {
    milliseconds >= 0 && milliseconds <= Double(end) ? Int64(milliseconds) : nil
  }

  /// What was stored may be damaged; no sum with a time of ours overflows.
  static func clamped(_ milliseconds: Int64) -> Int64 { min(max(0, milliseconds), end) }

  static func now() -> Int64 { Int64(Date().timeIntervalSince1970 * 1000) }
}
