internal import Configuration
@unsafe @preconcurrency internal import Glibc

extension Environment {
  /// The environment that the process was started with. Read here only: every room below gets values.
  ///
  /// To be called before any other thread starts: the C library allows no change meanwhile. Unsafe, because
  /// the standard library has no word for it, and Foundation would double the size of the program.
  static func ofProcess() -> Environment {
    var entries: [String] = []
    // `nil` after a clearenv(3).
    let first: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = unsafe environ
    guard var next = unsafe first else { return Environment(entries: entries) }
    while let entry = unsafe next.pointee {
      // Repaired where it is no UTF-8; `Settings` refuses values that were.
      entries.append(unsafe String(cString: entry))
      unsafe next += 1
    }
    return Environment(entries: entries)
  }
}
