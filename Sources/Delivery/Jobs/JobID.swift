internal import Base

/// What a job is called: a UUID of version 7 (RFC 9562 §5.7), so that names sort by the time of acceptance and
/// nobody guesses one.
///
/// Its time and a counter within the millisecond are the row in the store, which needs no other index then.
public struct JobID: Hashable, Comparable, Sendable {
  /// Milliseconds since 1970, and twelve bits of a counter.
  public let row: Int64
  /// 62 random bits.
  public let nonce: Int64

  private static let counterBits: Int64 = 12
  private static let nonceMask: UInt64 = (1 << 62) - 1
  private static let rowMax: Int64 = (1 << 60) - 1

  /// `nil` where the numbers cannot be those of a job.
  public init?(row: Int64, nonce: Int64) {
    guard row > 0, row <= JobID.rowMax, nonce >= 0, UInt64(nonce) <= JobID.nonceMask else { return nil }
    self.row = row
    self.nonce = nonce
  }

  /// Reads the 36 characters of RFC 9562 §4, in either case. `nil` for any other text.
  public init?(_ text: some StringProtocol) {
    var words: (UInt64, UInt64) = (0, 0)
    var index = 0
    for byte in text.utf8 {
      guard index < 36 else { return nil }
      if index == 8 || index == 13 || index == 18 || index == 23 {
        guard byte == UInt8(ascii: "-") else { return nil }
      } else {
        guard let digit = ASCII.hexValue(byte) else { return nil }
        words = (words.0 << 4 | words.1 >> 60, words.1 << 4 | UInt64(digit))
      }
      index += 1
    }
    guard index == 36, words.0 >> 12 & 0xF == 7, words.1 >> 62 == 2 else { return nil }
    let row = (words.0 >> 16) << 12 | words.0 & 0xFFF
    self.init(row: Int64(row), nonce: Int64(words.1 & JobID.nonceMask))
  }

  /// When the job was accepted, in milliseconds since 1970; a little later where more came than fit into one.
  public var milliseconds: Int64 { row >> JobID.counterBits }

  public static func < (one: JobID, two: JobID) -> Bool { one.row < two.row }

  /// The lowest row of a moment.
  static func row(at milliseconds: Int64) -> Int64 { milliseconds << counterBits }
}

extension JobID: CustomStringConvertible {
  public var description: String {
    var buffer = ByteBuffer(capacity: 36)
    append(to: &buffer)
    return buffer.text()
  }

  func append(to buffer: inout ByteBuffer) {
    let high = (UInt64(row) >> 12) << 16 | 0x7000 | UInt64(row) & 0xFFF
    let low = 0x8000_0000_0000_0000 | UInt64(nonce)
    var digits = ByteBuffer(capacity: 32)
    digits.append(hexDigits: high)
    digits.append(hexDigits: low)
    var from = 0
    for end in [8, 12, 16, 20, 32] {
      if from > 0 { buffer.append("-") }
      buffer.append(digits.span, from: from, to: end)
      from = end
    }
  }
}

/// Makes names, each higher than the one before, whatever the clock does.
struct JobIDSource {
  private var last: Int64
  private var random = SystemRandomNumberGenerator()

  /// - Parameter last: the highest row that there is.
  init(after last: Int64) { self.last = last }

  mutating func next(at milliseconds: Int64) -> JobID {
    last = max(last + 1, JobID.row(at: milliseconds))
    let nonce = Int64(bitPattern: random.next() >> 2)
    guard let id = JobID(row: last, nonce: nonce) else {
      preconditionFailure("the clock is beyond the year 10000")
    }
    return id
  }
}
