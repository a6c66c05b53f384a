internal import Base

/// Writes JSON piece by piece, with the commas where they belong.
struct JSONWriter: ~Copyable {
  private var buffer = ByteBuffer()
  private var needsComma = false

  mutating func take() -> ByteBuffer { ByteBuffer.taking(&buffer) }

  mutating func beginObject() { open("{") }
  mutating func endObject() { close("}") }
  mutating func beginArray() { open("[") }
  mutating func endArray() { close("]") }

  private mutating func open(_ mark: StaticString) {
    separate()
    buffer.append(mark)
    needsComma = false
  }

  private mutating func close(_ mark: StaticString) {
    buffer.append(mark)
    needsComma = true
  }

  private mutating func separate() {
    if needsComma { buffer.append(",") }
    needsComma = true
  }

  mutating func name(_ name: StaticString) {
    separate()
    buffer.append("\"")
    buffer.append(name)
    buffer.append("\":")
    needsComma = false
  }

  mutating func member(_ name: StaticString, text: String) {
    self.name(name)
    element(text: text)
  }

  mutating func member(dynamic name: String, text: String) {
    element(text: name)
    buffer.append(":")
    needsComma = false
    element(text: text)
  }

  mutating func member(_ name: StaticString, number: Int) {
    self.name(name)
    separate()
    if number < 0 { buffer.append("-") }
    buffer.append(decimal: Int(number.magnitude))
  }

  mutating func member(_ name: StaticString, truth: Bool) {
    self.name(name)
    separate()
    buffer.append(truth ? "true" : "false")
  }

  mutating func member(_ name: StaticString, at milliseconds: Int64) {
    member(name, text: Moment.text(milliseconds))
  }

  mutating func element(text: String) {
    separate()
    buffer.append("\"")
    for byte in text.utf8 {
      switch byte {
      case 0x22: buffer.append("\\\"")
      case 0x5C: buffer.append("\\\\")
      case 0x0A: buffer.append("\\n")
      case 0x0D: buffer.append("\\r")
      case 0x09: buffer.append("\\t")
      case 0x00..<0x20, 0x7F:
        buffer.append("\\u00")
        if byte < 16 { buffer.append("0") }
        buffer.append(hex: Int(byte))
      default: buffer.append(byte)
      }
    }
    buffer.append("\"")
  }
}
