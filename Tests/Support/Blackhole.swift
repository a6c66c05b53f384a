internal import Base
internal import Glibc
public import Reactor
public import Upstream

/// An address on loopback that takes no connection and refuses none: a listener whose backlog is full.
public final class Blackhole: Sendable {
  public let address: SocketAddress
  private let descriptor: Int32
  /// Fill the backlog; nobody accepts them.
  private let fillers: [WireClient]

  public init() throws {
    let loopback = SocketAddress.ip(IPAddress(v4: 0x7F00_0001), port: 0)
    (descriptor, address) = try ScriptedOrigin.listen(at: loopback, backlog: 0, bufferBytes: nil)
    // A backlog of 0 holds one connection; what comes after it is dropped and tries again for seconds.
    fillers = [try WireClient(address)]
  }

  deinit { _ = close(descriptor) }

  /// Where the settings say that the origin is.
  public var location: OriginSettings.Location {
    guard case .ip(let ip, let port) = address else { preconditionFailure("it listens on TCP") }
    return .host("\(ip)", port: port)
  }
}
