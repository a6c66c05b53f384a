internal import CLibUV

/// A failure reported by libuv: its negative code, which on Linux is a negated `errno`.
public struct UVError: Error, Hashable, Sendable, CustomStringConvertible {
  public let code: Int32

  public init(code: Int32) { self.code = code }

  init(_ known: uv_errno_t) { code = known.rawValue }

  public static let connectionRefused = UVError(UV_ECONNREFUSED)
  public static let connectionReset = UVError(UV_ECONNRESET)
  public static let brokenPipe = UVError(UV_EPIPE)
  public static let addressInUse = UVError(UV_EADDRINUSE)
  public static let tooManyFiles = UVError(UV_EMFILE)
  public static let tooManyFilesInSystem = UVError(UV_ENFILE)
  public static let canceled = UVError(UV_ECANCELED)
  public static let timedOut = UVError(UV_ETIMEDOUT)
  /// A secured connection broke: `SocketStream.failure` says why.
  public static let notSecured = UVError(UV_EPROTO)

  /// No descriptor was left for a new socket.
  public var isOutOfDescriptors: Bool { self == .tooManyFiles || self == .tooManyFilesInSystem }

  /// What this machine has run out of, such as local ports: it says nothing of the other side.
  public var isLocalShortage: Bool {
    switch self {
    case .tooManyFiles, .tooManyFilesInSystem, UVError(UV_EADDRNOTAVAIL), UVError(UV_ENOBUFS),
      UVError(UV_ENOMEM):
      true
    default: false
    }
  }

  /// libuv's words for the code, such as "connection refused".
  public var description: String {
    guard let text = unsafe uv_strerror(code) else { return "error \(code)" }
    return unsafe String(cString: text)
  }

  /// Throws if `status` is negative.
  static func check(_ status: Int32) throws(UVError) {
    if status < 0 { throw UVError(code: status) }
  }
}
