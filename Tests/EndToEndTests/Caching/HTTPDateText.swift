import Base
import HTTP1

/// Dates for fields of tests.
enum HTTPDateText {
  static func text(after seconds: Int) -> String {
    var buffer = ByteBuffer()
    HTTPDate.append(seconds: WallClock.seconds() + seconds, to: &buffer)
    return buffer.text()
  }
}
