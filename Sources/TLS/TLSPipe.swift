internal import Base
internal import COpenSSL

/// What goes between sessions and their sockets at one moment, shared by all sessions of a loop: so no session owns
/// a buffer of its own.
@safe public final class TLSPipe {
  let raw: UnsafeMutablePointer<copenssl_pipe>
  /// What was decrypted.
  let plaintext: UnsafeMutableRawPointer
  static let plaintextBytes = 64 * 1024
  /// More than that is given back once it is empty: after one large answer it would be held for ever.
  private static let spareBytes = 256 * 1024

  public init() {
    guard let raw = unsafe copenssl_pipe_new() else { fatalError("no memory for TLS") }
    unsafe self.raw = raw
    unsafe plaintext = .allocate(byteCount: TLSPipe.plaintextBytes, alignment: 64)
  }

  deinit {
    unsafe copenssl_pipe_free(raw)
    unsafe plaintext.deallocate()
  }

  /// Whether there is something for the socket.
  @inline(__always) public var hasOutput: Bool { unsafe raw.pointee.out_count > 0 }

  /// Hands out what is for the socket, and forgets it.
  public func takeOutput<Result>(_ body: (Span<UInt8>) -> Result) -> Result {
    defer { unsafe raw.pointee.out_count = 0 }
    return unsafe body(Span(_unsafeStart: UnsafePointer(raw.pointee.out!), count: raw.pointee.out_count))
  }

  func dropOutput() { unsafe raw.pointee.out_count = 0 }
}
