internal import Base

/// The server's side of a WebSocket that sends every message back, fragment for fragment. RFC 6455.
///
/// Bytes in, bytes out. A frame is sent back when all of it is here and known to be valid, so a
/// connection holds one frame at most.
struct WebSocketEcho: ~Copyable {
  enum Outcome {
    case open
    /// A close frame went both ways, or the client broke the protocol and was told so: end the connection.
    case closed
  }

  private enum Opcode: UInt8 { case continuation = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 }

  /// RFC 6455 §7.4.1.
  private enum CloseCode {
    static let goingAway = 1001
    static let protocolError = 1002
    static let notText = 1007
    static let tooBig = 1009
  }

  private struct Frame {
    var isFinal = false
    var opcode = Opcode.binary
    /// The masking key, the byte for the next payload byte lowest.
    var mask: UInt32 = 0
    var left = 0
  }

  static let frameBytesMax = 1024 * 1024
  /// What a frame's head takes at most: two bytes, a length of eight, a key of four.
  private static let headBytesMax = 14

  private var head: [UInt8] = []
  /// Non-nil from the end of a frame's head to the end of its payload.
  private var frame: Frame?
  /// What of the frame's payload is here, unmasked.
  private var payload = ByteBuffer()
  /// A message was begun by a frame that was not its last.
  private var isInMessage = false
  private var isText = false
  private var utf8 = UTF8Check()
  private var hasSentClose = false

  /// Takes everything from `bytes[from...]` and appends what is to be sent.
  mutating func receive(_ bytes: Span<UInt8>, from: Int, into out: inout ByteBuffer) -> Outcome {
    var at = from
    while at < bytes.count {
      guard frame != nil else {
        head.append(bytes[at])
        at += 1
        if let code = readHead() { return fail(code, &out) }
        if frame?.left == 0, completeFrame(&out) == .closed { return .closed }
        continue
      }
      at = takePayload(bytes, from: at)
      if frame?.left == 0, completeFrame(&out) == .closed { return .closed }
    }
    return .open
  }

  /// Appends a close frame that tells the client to leave. Its answer gives `.closed`.
  mutating func sayGoingAway(into out: inout ByteBuffer) { appendClose(CloseCode.goingAway, &out) }

  // MARK: Frames

  /// Looks at the head so far. Returns a close code if it breaks the protocol. RFC 6455 §5.2.
  private mutating func readHead() -> Int? {
    guard head.count >= 2 else { return nil }
    let shortLength = Int(head[1] & 0x7F)
    if head.count == 2 {
      // Reserved bits belong to extensions, and none was agreed on.
      guard head[0] & 0x70 == 0, head[1] & 0x80 != 0, let opcode = Opcode(rawValue: head[0] & 0x0F) else {
        return CloseCode.protocolError
      }
      let isFinal = head[0] & 0x80 != 0
      switch opcode {
      case .close, .ping, .pong: if !isFinal || shortLength > 125 { return CloseCode.protocolError }
      case .continuation: if !isInMessage { return CloseCode.protocolError }
      case .text, .binary: if isInMessage { return CloseCode.protocolError }
      }
    }
    let lengthBytes = shortLength == 126 ? 2 : shortLength == 127 ? 8 : 0
    guard head.count == 2 + lengthBytes + 4 else { return nil }
    var length = UInt64(shortLength)
    if lengthBytes > 0 {
      length = head[2..<(2 + lengthBytes)].reduce(0) { $0 << 8 | UInt64($1) }
      // The shortest form is required.
      guard length > (lengthBytes == 2 ? 125 : 65535) else { return CloseCode.protocolError }
    }
    guard length <= UInt64(WebSocketEcho.frameBytesMax) else { return CloseCode.tooBig }
    let mask = head.suffix(4).reversed().reduce(0) { $0 << 8 | UInt32($1) }
    frame = Frame(
      isFinal: head[0] & 0x80 != 0, opcode: Opcode(rawValue: head[0] & 0x0F) ?? .close, mask: mask,
      left: Int(length))
    head.removeAll(keepingCapacity: true)
    return nil
  }

  private mutating func takePayload(_ bytes: Span<UInt8>, from: Int) -> Int {
    guard var frame else { return from }
    let end = min(bytes.count, from + frame.left)
    payload.reserve(end - from)
    for index in from..<end {
      payload.append(bytes[index] ^ UInt8(truncatingIfNeeded: frame.mask))
      frame.mask = frame.mask >> 8 | frame.mask << 24
    }
    frame.left -= end - from
    self.frame = frame
    return end
  }

  private mutating func completeFrame(_ out: inout ByteBuffer) -> Outcome {
    guard let frame else { return .open }
    self.frame = nil
    let payload = exchange(&self.payload, with: ByteBuffer())
    switch frame.opcode {
    case .pong: return .open
    case .ping:
      if !hasSentClose { appendFrame(isFinal: true, .pong, payload.span, &out) }
      return .open
    case .close: return received(close: payload.span, &out)
    case .text, .binary:
      isText = frame.opcode == .text
      utf8 = UTF8Check()
    case .continuation: break
    }
    isInMessage = !frame.isFinal
    if isText {
      guard utf8.take(payload.span), !frame.isFinal || utf8.isComplete else {
        return fail(CloseCode.notText, &out)
      }
    }
    if !hasSentClose { appendFrame(isFinal: frame.isFinal, frame.opcode, payload.span, &out) }
    return .open
  }

  /// RFC 6455 §5.5.1: the answer repeats the code.
  private mutating func received(close payload: Span<UInt8>, _ out: inout ByteBuffer) -> Outcome {
    if hasSentClose { return .closed }
    if payload.isEmpty {
      hasSentClose = true
      appendFrame(isFinal: true, .close, payload, &out)
      return .closed
    }
    guard payload.count >= 2 else { return fail(CloseCode.protocolError, &out) }
    let code = Int(payload[0]) << 8 | Int(payload[1])
    guard WebSocketEcho.isSendable(code) else { return fail(CloseCode.protocolError, &out) }
    var reason = UTF8Check()
    guard reason.take(payload.extracting(2..<payload.count)), reason.isComplete else {
      return fail(CloseCode.notText, &out)
    }
    return fail(code, &out)
  }

  /// The codes that may stand in a frame. RFC 6455 §7.4.
  private static func isSendable(_ code: Int) -> Bool {
    switch code {
    case 1004, 1005, 1006: false
    case 1000...1014, 3000...4999: true
    default: false
    }
  }

  private mutating func fail(_ code: Int, _ out: inout ByteBuffer) -> Outcome {
    appendClose(code, &out)
    return .closed
  }

  private mutating func appendClose(_ code: Int, _ out: inout ByteBuffer) {
    guard !hasSentClose else { return }
    hasSentClose = true
    let payload = [UInt8(code >> 8), UInt8(code & 0xFF)]
    appendFrame(isFinal: true, .close, payload.span, &out)
  }

  private func appendFrame(isFinal: Bool, _ opcode: Opcode, _ payload: Span<UInt8>, _ out: inout ByteBuffer) {
    out.append(opcode.rawValue | (isFinal ? 0x80 : 0))
    if payload.count < 126 {
      out.append(UInt8(payload.count))
    } else if payload.count <= 65535 {
      out.append(126)
      for shift in [8, 0] { out.append(UInt8(payload.count >> shift & 0xFF)) }
    } else {
      out.append(127)
      for shift in stride(from: 56, through: 0, by: -8) { out.append(UInt8(payload.count >> shift & 0xFF)) }
    }
    out.append(payload)
  }
}

/// Checks UTF-8 in pieces that may split a character. RFC 3629 §4.
struct UTF8Check {
  /// Continuation bytes still to come; the next must lie in `low...high`.
  private var needed = 0
  private var low: UInt8 = 0x80
  private var high: UInt8 = 0xBF

  var isComplete: Bool { needed == 0 }

  mutating func take(_ bytes: Span<UInt8>) -> Bool {
    for index in bytes.indices {
      let byte = bytes[index]
      if needed > 0 {
        guard byte >= low, byte <= high else { return false }
        needed -= 1
        (low, high) = (0x80, 0xBF)
      } else if byte >= 0x80 {
        guard begin(byte) else { return false }
      }
    }
    return true
  }

  private mutating func begin(_ byte: UInt8) -> Bool {
    switch byte {
    case 0xC2...0xDF: needed = 1
    case 0xE0: (needed, low) = (2, 0xA0)
    case 0xED: (needed, high) = (2, 0x9F)
    case 0xE1...0xEF: needed = 2
    case 0xF0: (needed, low) = (3, 0x90)
    case 0xF4: (needed, high) = (3, 0x8F)
    case 0xF1...0xF3: needed = 3
    default: return false
    }
    return true
  }
}
