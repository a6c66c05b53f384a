/// The CRC-32 of zip, PNG and `zlib.crc32`, eight bytes at a time.
struct CRC32 {
  private var state = ~UInt32(0)

  /// Of everything so far.
  var value: UInt32 { ~state }

  mutating func update(_ bytes: Span<UInt8>) {
    let tables = CRC32.tables
    let table = tables.span
    var crc = state
    var at = 0
    while at + 8 <= bytes.count {
      let low = crc ^ CRC32.word(bytes, at)
      let high = CRC32.word(bytes, at + 4)
      crc = table[0x700 + Int(low & 0xFF)] ^ table[0x600 + Int(low >> 8 & 0xFF)]
      crc ^= table[0x500 + Int(low >> 16 & 0xFF)] ^ table[0x400 + Int(low >> 24)]
      crc ^= table[0x300 + Int(high & 0xFF)] ^ table[0x200 + Int(high >> 8 & 0xFF)]
      crc ^= table[0x100 + Int(high >> 16 & 0xFF)] ^ table[Int(high >> 24)]
      at += 8
    }
    while at < bytes.count {
      crc = crc >> 8 ^ table[Int((crc ^ UInt32(bytes[at])) & 0xFF)]
      at += 1
    }
    state = crc
  }

  @inline(__always) private static func word(_ bytes: Span<UInt8>, _ at: Int) -> UInt32 {
    UInt32(bytes[at]) | UInt32(bytes[at + 1]) << 8 | UInt32(bytes[at + 2]) << 16 | UInt32(bytes[at + 3]) << 24
  }

  /// Eight tables of 256: entry `n` of table `k` is the effect of byte `n` followed by `k` zero bytes.
  private static let tables: [UInt32] = {
    var tables = [UInt32](repeating: 0, count: 8 * 256)
    for byte in 0..<256 {
      var crc = UInt32(byte)
      for _ in 0..<8 { crc = crc & 1 == 0 ? crc >> 1 : crc >> 1 ^ 0xEDB8_8320 }
      tables[byte] = crc
    }
    for index in 256..<tables.count {
      let previous = tables[index - 256]
      tables[index] = previous >> 8 ^ tables[Int(previous & 0xFF)]
    }
    return tables
  }()
}
