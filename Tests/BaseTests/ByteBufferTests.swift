import Base
import TestSupport
import Testing

@Suite("ByteBuffer") struct ByteBufferTests {
  @Test func `a buffer that was never appended to is empty and owns no memory`() {
    let buffer = ByteBuffer()
    let (isEmpty, capacity, bytes) = (buffer.isEmpty, buffer.capacityBytes, buffer.array())
    let spanCount = buffer.span.count
    #expect(isEmpty)
    #expect(capacity == 0)
    #expect(bytes == [])
    #expect(spanCount == 0)
  }

  @Test func `what was consumed is gone and the rest stays in its order`() {
    var buffer = ByteBuffer()
    buffer.append("0123456789")
    buffer.consume(3)
    let text = buffer.text()
    #expect(text == "3456789")
    buffer.consume(0)
    buffer.append("ab")
    let textAfter = buffer.text()
    #expect(textAfter == "3456789ab")
    buffer.truncate(to: 2)
    let textLater = buffer.text()
    #expect(textLater == "34")
    buffer.consume(2)
    let isEmpty = buffer.isEmpty
    #expect(isEmpty)
  }

  @Test func `memory is kept when the bytes are forgotten`() {
    var buffer = ByteBuffer(capacity: 1000)
    let before = buffer.capacityBytes
    #expect(before >= 1000)
    for _ in 0..<before { buffer.append(7) }
    buffer.removeAll()
    let isEmpty = buffer.isEmpty
    #expect(isEmpty)
    for _ in 0..<before { buffer.append(8) }
    let capacity = buffer.capacityBytes
    #expect(capacity == before)
  }

  @Test func `a queue of constant length does not grow without bound`() {
    var buffer = ByteBuffer()
    buffer.append(contentsOf: [UInt8](repeating: 1, count: 100))
    for step in 0..<10_000 {
      buffer.append(UInt8(truncatingIfNeeded: step))
      buffer.consume(1)
    }
    let count = buffer.count
    #expect(count == 100)
    let capacity = buffer.capacityBytes
    #expect(capacity <= 1024)
    let bytes = buffer.array()
    #expect(bytes == (9_900..<10_000).map { UInt8(truncatingIfNeeded: $0) })
  }

  @Test(arguments: [0, 1, 9, 10, 99, 100, 12_345, 999_999_999_999_999_999, 1_000_000_000_000_000_000, .max])
  func `a number is appended as Swift prints it`(value: Int) {
    var decimal = ByteBuffer()
    decimal.append(decimal: value)
    let decimalText = decimal.text()
    #expect(decimalText == String(value))
    var digits = ByteBuffer()
    digits.append(hexDigits: UInt64(value))
    let text = digits.text()
    #expect(text.count == 16 && UInt64(text, radix: 16) == UInt64(value) && text == text.lowercased())
    var hexadecimal = ByteBuffer()
    hexadecimal.append(hex: value)
    let hexadecimalText = hexadecimal.text()
    #expect(hexadecimalText == String(value, radix: 16))
  }

  @Test func `every power of ten and its neighbours keep their digits`() {
    var power = 1
    for _ in 0..<18 {
      power *= 10
      for value in [power - 1, power, power + 1] {
        var buffer = ByteBuffer()
        buffer.append(decimal: value)
        let text = buffer.text()
        #expect(text == String(value))
      }
    }
  }

  @Test func `a width pads with zeros and never cuts`() {
    var buffer = ByteBuffer()
    for (value, width) in [(7, 2), (0, 3), (42, 2), (1234, 2), (5, 1), (9, 4)] {
      buffer.append(decimal: value, width: width)
      buffer.append(" ")
    }
    let text = buffer.text()
    #expect(text == "07 000 42 1234 5 0009 ")
  }

  @Test func `bytes can be written in place up to the room that was asked for`() {
    var buffer = ByteBuffer()
    buffer.append("ab")
    let written = unsafe buffer.appendUninitialized(16) { memory in
      unsafe memory.storeBytes(of: UInt8(ascii: "c"), as: UInt8.self)
      return 1
    }
    #expect(written == 1)
    let text = buffer.text()
    #expect(text == "abc")
    let failed = unsafe buffer.appendUninitialized(16) { _ in -11 }
    #expect(failed == -11)
    let textAfter = buffer.text()
    #expect(textAfter == "abc")
  }

  @Test func `text that is not UTF-8 is repaired for people`() {
    var buffer = ByteBuffer()
    buffer.append(contentsOf: [0x61, 0xFF, 0x62])
    let text = buffer.text()
    #expect(text == "a\u{FFFD}b")
    let bytes = buffer.array()
    #expect(bytes == [0x61, 0xFF, 0x62])
  }

  @Test func `text outside ASCII is appended as UTF-8`() {
    var buffer = ByteBuffer()
    buffer.append(text: "Grüße")
    buffer.append(text: "")
    let bytes = buffer.array()
    #expect(bytes == Array("Grüße".utf8))
  }
}

@Suite("ByteBuffer beside an array") struct ByteBufferModelTests {
  @Test(arguments: 1...40 as ClosedRange<UInt64>)
  func `any series of operations leaves what an array would hold`(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    var buffer = ByteBuffer()
    var model: [UInt8] = []
    for step in 0..<400 {
      let operation = Int.random(in: 0..<10, using: &generator)
      let size = Int.random(in: 0..<[4, 40, 400, 4000].randomElement(using: &generator)!, using: &generator)
      switch operation {
      case 0:
        let byte = UInt8.random(in: 0...255, using: &generator)
        buffer.append(byte)
        model.append(byte)
      case 1, 2:
        let bytes = generator.bytes(size)
        buffer.append(contentsOf: bytes)
        model += bytes
      case 3:
        let bytes = generator.bytes(size)
        let from = Int.random(in: 0...size, using: &generator)
        let to = Int.random(in: 0...size, using: &generator)
        buffer.append(bytes.span, from: from, to: to)
        if from < to { model += bytes[from..<to] }
      case 4, 5:
        let count = Int.random(in: 0...model.count, using: &generator)
        buffer.consume(count)
        model.removeFirst(count)
      case 6:
        let count = model.count - min(size / 4, model.count)
        buffer.truncate(to: count)
        model.removeLast(model.count - count)
      case 7:
        let from = Int.random(in: 0...model.count, using: &generator)
        let to = min(model.count, from + size / 4)
        let bytes = generator.bytes(Int.random(in: 0...(size / 2), using: &generator))
        buffer.replace(from..<to, with: bytes.span)
        model.replaceSubrange(from..<to, with: bytes)
      case 8:
        var other = ByteBuffer()
        other.append(contentsOf: generator.bytes(size))
        let from = Int.random(in: 0...size, using: &generator)
        buffer.append(other, from: from)
        model += other.array()[from...]
      default:
        if size % 16 == 0 {
          buffer.removeAll()
          model.removeAll()
        } else {
          buffer.reserve(size)
        }
      }
      guard buffer.count == model.count, buffer.isEmpty == model.isEmpty, buffer.array() == model else {
        Issue.record("seed \(seed): the buffer differs after step \(step), operation \(operation)")
        return
      }
    }
  }
}

@Suite("A buffer without memory") struct EmptyByteBufferTests {
  @Test func `takes nothing and stays empty`() {
    var buffer = ByteBuffer()
    buffer.append("")
    let written = unsafe buffer.appendUninitialized(0) { _ in 0 }
    #expect(written == 0)
    // Read first: `#expect` would copy what it takes apart.
    let (isEmpty, capacityBytes) = (buffer.isEmpty, buffer.capacityBytes)
    #expect(isEmpty)
    #expect(capacityBytes == 0)
  }

  @Test func `appends a part in lower case and leaves other bytes alone`() {
    let bytes: [UInt8] = Array("xAbZ[@`{-9\u{C9}Yx".utf8)
    var buffer = ByteBuffer()
    buffer.append(lowercasing: bytes.span, 1..<(bytes.count - 1))
    #expect(buffer.text() == "abz[@`{-9\u{C9}y")
    buffer.append(lowercasing: bytes.span, 3..<3)
    #expect(buffer.count == bytes.count - 2)
  }
}
