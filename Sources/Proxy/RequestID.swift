internal import Base

/// Names a request in logs and to origins: 128 bits by chance, in hexadecimal.
package struct RequestID {
  let high: UInt64
  let low: UInt64

  package init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  func append(to out: inout ByteBuffer) {
    out.append(hexDigits: high)
    out.append(hexDigits: low)
  }
}

/// Makes ids that do not repeat: xoshiro256++ (Blackman and Vigna 2018), begun by chance on each loop. They are names,
/// not secrets.
struct RequestIDSource {
  private var state: (UInt64, UInt64, UInt64, UInt64)

  init() {
    var random = SystemRandomNumberGenerator()
    state = (random.next(), random.next(), random.next(), random.next() | 1)
  }

  mutating func next() -> RequestID { RequestID(high: step(), low: step()) }

  private mutating func step() -> UInt64 {
    func rotated(_ word: UInt64, _ by: UInt64) -> UInt64 { word << by | word >> (64 - by) }
    let result = rotated(state.0 &+ state.3, 23) &+ state.0
    let shifted = state.1 << 17
    state.2 ^= state.0
    state.3 ^= state.1
    state.1 ^= state.2
    state.0 ^= state.3
    state.2 ^= shifted
    state.3 = rotated(state.3, 45)
    return result
  }
}
