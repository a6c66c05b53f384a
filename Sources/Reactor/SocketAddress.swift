public import Base
internal import CLibUV
internal import Glibc

/// Where a socket listens or connects to.
public enum SocketAddress: Hashable, Sendable, CustomStringConvertible {
  case ip(IPAddress, port: UInt16)
  /// A unix-domain socket by its path in the file system.
  case unix(String)

  /// `127.0.0.1:80`, `[::1]:80` or `unix:/run/app.sock`.
  public var description: String {
    switch self {
    case .ip(let address, let port):
      address.isV4 ? "\(address):\(port)" : "[\(address)]:\(port)"
    case .unix(let path): "unix:\(path)"
    }
  }

  /// Calls `body` with the address as the kernel wants it. Traps for `.unix`, which libuv takes as a path.
  func withSockaddr<Result>(_ body: (UnsafePointer<sockaddr>, Int32) -> Result) -> Result {
    guard case .ip(let address, let port) = self else { preconditionFailure("a path is not a sockaddr") }
    if address.isV4 {
      var v4 = sockaddr_in()
      v4.sin_family = sa_family_t(AF_INET)
      v4.sin_port = port.bigEndian
      v4.sin_addr.s_addr = UInt32(truncatingIfNeeded: address.low).bigEndian
      return unsafe withUnsafePointer(to: &v4) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0, AF_INET) }
      }
    }
    var v6 = sockaddr_in6()
    v6.sin6_family = sa_family_t(AF_INET6)
    v6.sin6_port = port.bigEndian
    unsafe withUnsafeMutableBytes(of: &v6.sin6_addr) { bytes in
      unsafe bytes.storeBytes(of: address.high.bigEndian, toByteOffset: 0, as: UInt64.self)
      unsafe bytes.storeBytes(of: address.low.bigEndian, toByteOffset: 8, as: UInt64.self)
    }
    return unsafe withUnsafePointer(to: &v6) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0, AF_INET6) }
    }
  }

  /// `nil` for families other than IPv4 and IPv6.
  init?(_ address: UnsafePointer<sockaddr>) {
    let raw = unsafe UnsafeRawPointer(address)
    switch Int32(unsafe address.pointee.sa_family) {
    case AF_INET:
      let v4 = unsafe raw.loadUnaligned(as: sockaddr_in.self)
      self = .ip(IPAddress(v4: UInt32(bigEndian: v4.sin_addr.s_addr)), port: UInt16(bigEndian: v4.sin_port))
    case AF_INET6:
      var v6 = unsafe raw.loadUnaligned(as: sockaddr_in6.self)
      let (high, low) = unsafe withUnsafeBytes(of: &v6.sin6_addr) { bytes in
        unsafe (
          UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self)),
          UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        )
      }
      self = .ip(IPAddress(high: high, low: low), port: UInt16(bigEndian: v6.sin6_port))
    default: return nil
    }
  }
}
