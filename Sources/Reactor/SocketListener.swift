internal import Base
internal import CLibUV
internal import Glibc

/// Who takes the connections of a `SocketListener`.
public protocol ListenerHandler: AnyObject {
  /// Asked before each connection. `false` pauses the listener: nothing more is accepted, new
  /// connections wait in the kernel's backlog, until `resume`.
  func listenerShouldAccept(_ listener: SocketListener) -> Bool
  func listener(_ listener: SocketListener, didAccept stream: SocketStream)
  /// Accepting failed (descriptors ran out). The listener is paused.
  func listener(_ listener: SocketListener, didFail error: UVError)
}

/// A bound address that accepts connections on one loop.
///
/// Each loop binds the same TCP address with SO_REUSEPORT and the kernel spreads connections over
/// them. A unix-domain path is bound once; each loop listens on a duplicate of that descriptor.
@safe public final class SocketListener {
  private enum Phase { case open, closing, closed }

  /// Connections that may wait in the kernel. Capped by `net.core.somaxconn`.
  private static let backlog: Int32 = 4096

  private let handle: UnsafeMutablePointer<uv_stream_t>
  private let loop: EventLoop
  /// Held until `close`, which breaks the cycle. Not `weak`: one weak reference puts every retain of the
  /// handler, on the hottest path there is, on a side table.
  private var handler: (any ListenerHandler)?
  private var phase = Phase.open
  /// Held while this listens: with the last listener its file goes.
  private var shared: UnixListenerSocket?
  /// An accepted connection waits inside libuv, which therefore does not poll the listener.
  private var holdsConnection = false

  /// The address as bound: with the port that the kernel chose where 0 was asked for.
  public private(set) var address: SocketAddress

  /// Binds and listens. `isDualStack` lets an IPv6 wildcard take IPv4 connections too.
  public init(
    _ address: SocketAddress, isDualStack: Bool = true, on loop: EventLoop, handler: any ListenerHandler
  ) throws(UVError) {
    self.loop = loop
    self.handler = handler
    self.address = address
    let tcp = UnsafeMutablePointer<uv_tcp_t>.allocate(capacity: 1)
    unsafe handle = clibuv_tcp_stream(tcp)
    let family = if case .ip(let ip, _) = address, !ip.isV4 { AF_INET6 } else { AF_INET }
    let status = unsafe uv_tcp_init_ex(loop.raw, tcp, UInt32(family))
    if status < 0 {
      // The one failure after which libuv knows nothing of the handle.
      phase = .closed
      throw UVError(code: status)
    }
    unsafe tcp.pointee.data = Unmanaged.passRetained(self).toOpaque()
    do throws(UVError) {
      try UVError.check(unsafe clibuv_tcp_reuse_port(tcp))
      try UVError.check(unsafe clibuv_tcp_inherited_options(tcp))
      let flags: UInt32 = family == AF_INET6 && !isDualStack ? UInt32(UV_TCP_IPV6ONLY.rawValue) : 0
      try UVError.check(unsafe address.withSockaddr { raw, _ in unsafe uv_tcp_bind(tcp, raw, flags) })
      try UVError.check(unsafe uv_listen(handle, SocketListener.backlog, connectionArrived))
      self.address = unsafe SocketListener.boundAddress(tcp) ?? address
    } catch {
      close()
      throw error
    }
  }

  /// Listens on a duplicate of `shared`, a listening unix-domain socket made by `UnixListenerSocket`.
  public init(_ shared: UnixListenerSocket, on loop: EventLoop, handler: any ListenerHandler) throws(UVError)
  {
    self.loop = loop
    self.handler = handler
    self.shared = shared
    address = .unix(shared.path)
    let pipe = UnsafeMutablePointer<uv_pipe_t>.allocate(capacity: 1)
    unsafe handle = clibuv_pipe_stream(pipe)
    unsafe uv_pipe_init(loop.raw, pipe, 0)
    unsafe pipe.pointee.data = Unmanaged.passRetained(self).toOpaque()
    do throws(UVError) {
      let descriptor = clibuv_duplicate(shared.descriptor)
      try UVError.check(descriptor)
      let status = unsafe uv_pipe_open(pipe, descriptor)
      if status < 0 {
        clibuv_close_descriptor(descriptor)
        throw UVError(code: status)
      }
      try UVError.check(unsafe uv_listen(handle, SocketListener.backlog, connectionArrived))
    } catch {
      close()
      throw error
    }
  }

  /// So many bytes may wait in the kernel to be sent, of each connection that is accepted from now on. What has been
  /// sent and not acknowledged does not count, so no transfer is slower for it. Nothing for unix-domain sockets.
  public func limitUnsent(bytes: Int) {
    guard !isUnix, phase == .open else { return }
    _ = unsafe clibuv_tcp_limit_unsent(clibuv_stream_tcp(handle), Int32(clamping: bytes))
  }

  /// Accepts again after `listenerShouldAccept` had said no or accepting had failed.
  public func resume() {
    guard phase == .open, holdsConnection else { return }
    arrived(0)
  }

  /// Idempotent. Nothing more is accepted.
  /// - Parameter takingPending: accepts first what waits in the kernel's backlog, which closing would reset.
  public func close(takingPending: Bool = false) {
    guard phase == .open else { return }
    if takingPending { takePending() }
    phase = .closing
    handler = nil
    shared = nil
    unsafe uv_close(clibuv_stream_handle(handle), listenerDidClose)
  }

  private func takePending() {
    if holdsConnection { arrived(0) }
    while !holdsConnection, let handler, handler.listenerShouldAccept(self) {
      let descriptor = unsafe clibuv_accept(handle)
      guard descriptor >= 0 else { return }
      if let stream = SocketStream(taking: descriptor, isPipe: isUnix, on: loop) {
        handler.listener(self, didAccept: stream)
      }
    }
  }

  fileprivate func arrived(_ status: Int32) {
    guard let handler else { return }
    if status < 0 {
      handler.listener(self, didFail: UVError(code: status))
      return
    }
    // libuv does not poll a listener whose last connection was not taken: that is our pause.
    holdsConnection = !handler.listenerShouldAccept(self)
    if holdsConnection { return }
    if let stream = unsafe SocketStream(accepting: handle, isPipe: isUnix, on: loop) {
      handler.listener(self, didAccept: stream)
    }
  }

  private var isUnix: Bool { if case .unix = address { true } else { false } }

  fileprivate func released() { phase = .closed }

  deinit {
    precondition(phase == .closed, "freed before the close callback")
    if isUnix {
      unsafe clibuv_stream_pipe(handle).deallocate()
    } else {
      unsafe clibuv_stream_tcp(handle).deallocate()
    }
  }

  private static func boundAddress(_ tcp: UnsafeMutablePointer<uv_tcp_t>) -> SocketAddress? {
    var storage = sockaddr_storage()
    var length = Int32(MemoryLayout<sockaddr_storage>.size)
    return unsafe withUnsafeMutablePointer(to: &storage) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
        guard unsafe uv_tcp_getsockname(tcp, raw, &length) == 0 else { return nil }
        return unsafe SocketAddress(raw)
      }
    }
  }
}

/// A bound unix-domain socket that several loops listen on. Removes its file when it goes.
public final class UnixListenerSocket: Sendable {
  public let path: String
  let descriptor: Int32

  /// Binds `path`. A file left by a process that no longer listens is replaced.
  public init(path: String) throws(UVError) {
    self.path = path
    descriptor = unsafe clibuv_unix_listen(path, 4096)
    try UVError.check(descriptor)
  }

  deinit {
    guard descriptor >= 0 else { return }
    clibuv_close_descriptor(descriptor)
    unsafe unlink(path)
  }
}

private func connectionArrived(_ handle: UnsafeMutablePointer<uv_stream_t>?, _ status: Int32) {
  unsafe Unmanaged<SocketListener>.fromOpaque(handle!.pointee.data)._withUnsafeGuaranteedRef {
    $0.arrived(status)
  }
}

private func listenerDidClose(_ handle: UnsafeMutablePointer<uv_handle_t>?) {
  unsafe Unmanaged<SocketListener>.fromOpaque(handle!.pointee.data).takeRetainedValue().released()
}
