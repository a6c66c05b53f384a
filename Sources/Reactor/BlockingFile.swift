internal import CLibUV
internal import Glibc

/// A file that is written with blocking calls: for a thread that may wait, never for a loop.
public final class BlockingFile: Sendable {
  private let descriptor: Int32
  private let isOwned: Bool

  private init(descriptor: Int32, isOwned: Bool) {
    self.descriptor = descriptor
    self.isOwned = isOwned
  }

  public static let standardOutput = BlockingFile(descriptor: STDOUT_FILENO, isOwned: false)
  public static let standardError = BlockingFile(descriptor: STDERR_FILENO, isOwned: false)

  /// Opens `path` for appending; made with mode 0640 if absent.
  public convenience init(appendingTo path: String) throws(UVError) {
    let opened = unsafe open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o640)
    guard opened >= 0 else { throw UVError(code: -errno) }
    self.init(descriptor: opened, isOwned: true)
  }

  /// Opens `path` for writing from its beginning, emptied; made with mode 0644 if absent.
  public convenience init(replacing path: String) throws(UVError) {
    let opened = unsafe open(path, O_WRONLY | O_TRUNC | O_CREAT | O_CLOEXEC, 0o644)
    guard opened >= 0 else { throw UVError(code: -errno) }
    self.init(descriptor: opened, isOwned: true)
  }

  /// Writes everything, however long that takes. Returns what made it impossible.
  @discardableResult public func write(_ bytes: Span<UInt8>) -> UVError? {
    unsafe bytes.withUnsafeBytes { buffer in
      var at = 0
      while at < buffer.count {
        let count = unsafe Glibc.write(descriptor, buffer.baseAddress! + at, buffer.count - at)
        if count >= 0 {
          at += count
          continue
        }
        switch errno {
        case EINTR: continue
        case EAGAIN:
          // Somebody shares the descriptor and made it non-blocking: wait as write would have.
          var wanted = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
          unsafe poll(&wanted, 1, -1)
        default: return UVError(code: -errno)
        }
      }
      return nil
    }
  }

  deinit { if isOwned { clibuv_close_descriptor(descriptor) } }
}

/// By which it is seen that a file changed.
public struct FileStamp: Hashable, Sendable {
  private let seconds: Int
  private let nanoseconds: Int
  private let bytes: Int
  private let inode: UInt64

  /// `nil` where there is none.
  public init?(of path: String) {
    var found = stat()
    guard unsafe stat(path, &found) == 0 else { return nil }
    (seconds, nanoseconds) = (found.st_mtim.tv_sec, found.st_mtim.tv_nsec)
    (bytes, inode) = (found.st_size, UInt64(found.st_ino))
  }
}
