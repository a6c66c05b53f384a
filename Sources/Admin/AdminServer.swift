internal import Base
public import Cache
public import Reactor

/// Where the pages come from.
public protocol AdminSource: AnyObject {
  /// Whether the process finishes what is under way.
  var isDraining: Bool { get }
  /// The upstreams as their directories see them; needs no other loop.
  var groups: [AdminSnapshot.Group] { get }
  /// `nil` where nothing is cached.
  var cache: CacheStore? { get }
  /// Gathers what all loops counted. `completion` is called once, soon.
  func gather(_ completion: @escaping (AdminSnapshot) -> Void)
}

/// The admin listener: a few short answers on loop 0, for orchestrators and people.
public final class AdminServer: ListenerHandler {
  private static let connectionsMax = 64

  let loop: EventLoop
  private(set) weak var source: (any AdminSource)?
  private let report: (String) -> Void
  private var listeners: [SocketListener] = []
  private var connections: [AdminConnection] = []

  /// - Parameter report: told what an operator should know.
  public init(_ source: any AdminSource, on loop: EventLoop, report: @escaping (String) -> Void) {
    self.source = source
    self.loop = loop
    self.report = report
  }

  /// Returns the address as bound.
  public func listen(on address: SocketAddress) throws(UVError) -> SocketAddress {
    let listener: SocketListener
    if case .unix(let path) = address {
      listener = try SocketListener(try UnixListenerSocket(path: path), on: loop, handler: self)
    } else {
      listener = try SocketListener(address, on: loop, handler: self)
    }
    listeners.append(listener)
    return listener.address
  }

  public func close() {
    for listener in listeners { listener.close() }
    listeners = []
    for connection in connections { connection.close() }
  }

  public func listenerShouldAccept(_ listener: SocketListener) -> Bool {
    // Whoever asked first and never went on makes room: this listener must not be held by slow clients.
    if connections.count >= AdminServer.connectionsMax { connections.first?.close() }
    return true
  }

  public func listener(_ listener: SocketListener, didAccept stream: SocketStream) {
    let connection = AdminConnection(stream, of: self)
    connections.append(connection)
    connection.start()
  }

  public func listener(_ listener: SocketListener, didFail error: UVError) {
    report("admin listener: cannot accept: \(error)")
  }

  func remove(_ connection: AdminConnection) { connections.removeAll { $0 === connection } }
}
