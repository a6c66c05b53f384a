internal import Base
internal import Glibc
internal import Reactor

/// What the command line decided.
struct OriginSettings: Sendable {
  let addresses: [SocketAddress]
  let threads: Int
  let hostName: String
  let isQuiet: Bool
  let keepAliveTimeout: Interval
  /// Tells clients the keep-alive timeout.
  let announcesKeepAlive: Bool
  /// Requests answered on one connection; `.max` for no limit.
  let requestsMax: Int
  let drainTimeout: Interval
  /// Before every answer whose request asks for no delay of its own.
  let delay: Interval

  static func systemHostName() -> String {
    var name = [CChar](repeating: 0, count: 256)
    guard unsafe gethostname(&name, name.count - 1) == 0 else { return "localhost" }
    return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  static var processID: Int { Int(getpid()) }
}
