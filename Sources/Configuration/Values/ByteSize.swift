/// Sizes as text. The letters alone (`64K`) are refused: half of the world means 1000, half 1024.
enum ByteSize {
  private static let units: [Quantity.Unit] = [
    Quantity.Unit(name: "B", size: 1),
    Quantity.Unit(name: "kB", size: 1000),
    Quantity.Unit(name: "KB", size: 1000),
    Quantity.Unit(name: "MB", size: 1000 * 1000),
    Quantity.Unit(name: "GB", size: 1000 * 1000 * 1000),
    Quantity.Unit(name: "TB", size: 1000 * 1000 * 1000 * 1000),
    Quantity.Unit(name: "KiB", size: 1 << 10),
    Quantity.Unit(name: "MiB", size: 1 << 20),
    Quantity.Unit(name: "GiB", size: 1 << 30),
    Quantity.Unit(name: "TiB", size: 1 << 40),
  ]

  /// Reads `512B`, `64KiB`, `10MB`, `1.5GiB`, or a plain `0`. In bytes.
  static func parse(_ text: String) throws(Refusal) -> Int {
    guard let bytes = Int(exactly: try Quantity.parse(text, units: units)) else {
      throw Refusal(text, "is too large")
    }
    return bytes
  }

  /// - Precondition: `bytes >= 0`.
  static func text(_ bytes: Int) -> String { Quantity.text(UInt64(bytes), units: units) }
}
