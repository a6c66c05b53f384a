internal import CLibUV
internal import Glibc

// What is asked of a connection beside its bytes.
extension SocketStream {
  /// Whether the peer has sent or closed since the last turn of the loop. One system call.
  public func peekIsReadable() -> Bool { unsafe clibuv_stream_is_readable(handle) != 0 }

  /// No Nagle delay. Streams from a `SocketListener` have it already.
  public func setNoDelay() {
    if !isPipe { unsafe uv_tcp_nodelay(clibuv_stream_tcp(handle), 1) }
  }

  /// The address of the other side. `nil` for unix-domain sockets and when it has gone.
  public func peerAddress() -> SocketAddress? { address(isPeer: true) }

  /// The address at this side. `nil` where there is none: a unix-domain socket, or one that has ended.
  public func localAddress() -> SocketAddress? { address(isPeer: false) }

  private func address(isPeer: Bool) -> SocketAddress? {
    guard !isPipe else { return nil }
    var storage = sockaddr_storage()
    var length = Int32(MemoryLayout<sockaddr_storage>.size)
    return unsafe withUnsafeMutablePointer(to: &storage) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
        let tcp = unsafe clibuv_stream_tcp(handle)
        let status =
          isPeer ? unsafe uv_tcp_getpeername(tcp, raw, &length) : unsafe uv_tcp_getsockname(tcp, raw, &length)
        return status == 0 ? unsafe SocketAddress(raw) : nil
      }
    }
  }

  public var isUnix: Bool { isPipe }
}
