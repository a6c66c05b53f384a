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

/// Files that are read once, before anything runs.
enum SmallFile {
  private static let bytesMax = 64 * 1024

  /// The content as text; `nil` where it cannot be read, is too large or is no UTF-8.
  static func text(_ path: String) -> String? {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { _ = close(descriptor) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while bytes.count <= bytesMax {
      let count = unsafe read(descriptor, &buffer, buffer.count)
      if count < 0 { return nil }
      if count == 0 { return String(validating: bytes, as: UTF8.self) }
      bytes += buffer[..<count]
    }
    return nil
  }
}
