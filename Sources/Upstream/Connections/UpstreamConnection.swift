public import Base
public import Reactor

/// One connection to an endpoint, leased to an exchange or idle in its `ConnectionPool`.
///
/// While it is leased the exchange hears the stream directly; while it is idle this object does, and
/// whatever it hears means the end: an origin has nothing to say between exchanges.
public final class UpstreamConnection: StreamHandler, TimeoutHandler {
  public let endpoint: Endpoint
  public let stream: SocketStream
  unowned let pool: ConnectionPool
  private(set) lazy var timer = WheelTimer(handler: self)
  /// Exchanges that this connection has completed.
  public private(set) var exchangeCount = 0
  /// How long it may stay idle: ours, or less where the origin says so.
  fileprivate(set) var idleTimeout: Interval
  fileprivate var isIdle = false

  init(to endpoint: Endpoint, pool: ConnectionPool, on loop: EventLoop, idleTimeout: Interval) {
    self.endpoint = endpoint
    self.pool = pool
    self.idleTimeout = idleTimeout
    stream = SocketStream(towards: endpoint.address, on: loop)
  }

  /// Whether an exchange was completed on it before: then its origin may have closed it meanwhile.
  public var isReused: Bool { exchangeCount > 0 }

  func exchangeCompleted() { exchangeCount += 1 }

  // MARK: Events while idle

  public func streamDidConnect() { preconditionFailure("an idle connection is connected") }
  public func streamIsReadable() { pool.drop(self) }
  public func streamDidDrain() {}
  public func streamDidReceive(_ bytes: Span<UInt8>) { pool.drop(self) }
  public func streamDidEnd(_ error: UVError?) { pool.drop(self) }
  public func timeoutPassed(_ timer: WheelTimer) { if isIdle { pool.drop(self) } }
}

/// The idle connections to one endpoint on one loop, most recently used first.
///
/// The most recent is the least likely to have been closed by the origin, and those at the other end
/// time out and go when load falls.
public final class ConnectionPool {
  private unowned let loop: EventLoop
  private let endpoint: Endpoint
  private let idleTimeout: Interval
  private let idleConnectionsMax: Int
  /// The last is the most recently used.
  private var idle: [UpstreamConnection] = []
  private var isClosed = false

  init(for endpoint: Endpoint, on loop: EventLoop, settings: UpstreamSettings) {
    self.loop = loop
    self.endpoint = endpoint
    idleTimeout = settings.idleTimeout
    idleConnectionsMax = settings.idleConnectionsMax
  }

  public var idleCount: Int { idle.count }

  /// Takes an idle connection. The caller makes itself the stream's handler. `nil` when there is none.
  public func lease() -> UpstreamConnection? {
    guard let connection = idle.popLast() else { return nil }
    connection.isIdle = false
    return connection
  }

  /// A new connection, not yet connecting.
  public func make() -> UpstreamConnection {
    UpstreamConnection(to: endpoint, pool: self, on: loop, idleTimeout: idleTimeout)
  }

  /// Gives back a connection whose exchange is complete on both sides.
  /// - Parameter idleLimit: what the origin's `Keep-Alive: timeout` allows, where it said so.
  public func giveBack(_ connection: UpstreamConnection, idleLimit: Interval?) {
    precondition(connection.endpoint === endpoint)
    if let idleLimit { connection.idleTimeout = min(idleTimeout, idleLimit) }
    connection.exchangeCompleted()
    guard !isClosed, connection.idleTimeout.milliseconds > 0 else { return discard(connection) }
    connection.stream.setHandler(connection)
    connection.isIdle = true
    idle.append(connection)
    loop.arm(connection.timer, deadline: loop.now.advanced(by: connection.idleTimeout))
    if idle.count > idleConnectionsMax { drop(idle[0]) }
  }

  /// Closes a connection that was leased and cannot be used again.
  public func discard(_ connection: UpstreamConnection) {
    loop.cancel(connection.timer)
    connection.stream.close()
  }

  /// Closes an idle connection.
  func drop(_ connection: UpstreamConnection) {
    precondition(connection.isIdle)
    connection.isIdle = false
    // From the old end: that is where time-outs and closed ones are.
    if let index = idle.firstIndex(where: { $0 === connection }) { idle.remove(at: index) }
    discard(connection)
  }

  /// Closes the connection that was idle for longest. Returns whether there was one.
  public func dropOldest() -> Bool {
    guard let oldest = idle.first else { return false }
    drop(oldest)
    return true
  }

  /// Closes what is idle now and whatever is given back later.
  public func close() {
    isClosed = true
    while let connection = idle.last { drop(connection) }
  }
}
