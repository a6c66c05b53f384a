internal import CLibUV
internal import Glibc

/// A directory of which one process at a time has the use. Held until it is dropped, or the process ends however it
/// does. For a thread that may wait.
public final class DirectoryLock: Sendable {
  private let descriptor: Int32

  private static let patienceMilliseconds = 60_000
  private static let stepMilliseconds = 50

  /// Makes the directory where there is none, for its owner alone.
  /// - Parameters:
  ///   - wait: told once, when another process has it: that may be about to end, as at a restart.
  public init(_ directory: String, wait: (String) -> Void) throws(UVError) {
    guard DirectoryLock.makeAll(directory) else { throw UVError(code: -errno) }
    let opened = unsafe open(directory + "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard opened >= 0 else { throw UVError(code: -errno) }
    var waited = 0
    while flock(opened, LOCK_EX | LOCK_NB) != 0 {
      let problem = errno
      if problem == EINTR { continue }
      if waited == 0 { wait("\(directory) is in use by another process; waiting for its end") }
      guard problem == EWOULDBLOCK, waited < DirectoryLock.patienceMilliseconds else {
        clibuv_close_descriptor(opened)
        throw UVError(code: -problem)
      }
      DirectoryLock.pause(milliseconds: DirectoryLock.stepMilliseconds)
      waited += DirectoryLock.stepMilliseconds
    }
    descriptor = opened
  }

  /// Makes a file in a directory for its owner alone, where it is not there: whoever opens it next might make it for
  /// all to read.
  public static func makePrivate(_ path: String) throws(UVError) {
    let opened = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard opened >= 0 else { throw UVError(code: -errno) }
    clibuv_close_descriptor(opened)
  }

  deinit { clibuv_close_descriptor(descriptor) }

  /// Stops this thread for a while.
  public static func pause(milliseconds: Int) { usleep(UInt32(milliseconds) * 1000) }

  private static func makeAll(_ path: String) -> Bool {
    var made = path.hasPrefix("/") ? "/" : ""
    for part in path.split(separator: "/") {
      made += part
      if unsafe mkdir(made, 0o700) != 0, errno != EEXIST { return false }
      made += "/"
    }
    var information = stat()
    guard unsafe stat(path, &information) == 0 else { return false }
    guard information.st_mode & S_IFMT == S_IFDIR else {
      errno = ENOTDIR
      return false
    }
    return true
  }
}
