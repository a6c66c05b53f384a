internal import Base
internal import CLibUV
internal import Glibc

/// Looks names up through the system's resolver, on libuv's thread pool.
@safe public final class Resolver {
  private let request: UnsafeMutablePointer<uv_getaddrinfo_t>
  private let port: UInt16
  private var completion: ((Result<[SocketAddress], UVError>) -> Void)?

  private init(port: UInt16, _ completion: @escaping (Result<[SocketAddress], UVError>) -> Void) {
    unsafe request = .allocate(capacity: 1)
    self.port = port
    self.completion = completion
  }

  deinit { unsafe request.deallocate() }

  /// Every stream address of `host`, in the resolver's order, without repeats. Never blocks the loop;
  /// `completion` is called on it, exactly once, not before this returns.
  public static func resolve(
    _ host: String, port: UInt16, on loop: EventLoop,
    _ completion: @escaping (Result<[SocketAddress], UVError>) -> Void
  ) {
    let resolver = Resolver(port: port, completion)
    var hints = unsafe addrinfo()
    unsafe hints.ai_family = AF_UNSPEC
    unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    unsafe resolver.request.pointee.data = Unmanaged.passRetained(resolver).toOpaque()
    let status = unsafe uv_getaddrinfo(loop.raw, resolver.request, didResolve, host, nil, &hints)
    if status < 0 {
      unsafe Unmanaged.passUnretained(resolver).release()
      // Through a timer, so that the caller is never called inside its own call.
      Delay().start(after: .milliseconds(1), on: loop, holdsLoop: true) {
        completion(.failure(UVError(code: status)))
      }
    }
  }

  fileprivate func resolved(_ status: Int32, _ list: UnsafeMutablePointer<addrinfo>?) {
    let completion = self.completion
    self.completion = nil
    if status < 0 {
      completion?(.failure(UVError(code: status)))
      return
    }
    var addresses: [SocketAddress] = []
    var next = unsafe list
    while let entry = unsafe next {
      if let raw = unsafe entry.pointee.ai_addr, case .ip(let address, _)? = unsafe SocketAddress(raw) {
        let found = SocketAddress.ip(address, port: port)
        if !addresses.contains(found) { addresses.append(found) }
      }
      unsafe next = entry.pointee.ai_next
    }
    unsafe uv_freeaddrinfo(list)
    completion?(.success(addresses))
  }
}

private func didResolve(
  _ request: UnsafeMutablePointer<uv_getaddrinfo_t>?, _ status: Int32, _ list: UnsafeMutablePointer<addrinfo>?
) {
  let resolver = unsafe Unmanaged<Resolver>.fromOpaque(request!.pointee.data).takeRetainedValue()
  unsafe resolver.resolved(status, list)
}
