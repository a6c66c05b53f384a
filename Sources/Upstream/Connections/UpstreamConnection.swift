public import Base
public import Reactor
internal import TLS

/// One connection to an endpoint, leased to an exchange or idle in its `ConnectionPool`.
///
/// While it is leased the exchange hears the stream directly; while it is idle this object does, and
/// whatever it hears means the end: an origin has nothing to say between exchanges.
public final class UpstreamConnection: StreamHandler, TimeoutHandler {
  public let endpoint: Endpoint
  public let stream: SocketStream
  /// Strong: the cycle through the pool ends when the connection is closed.
  public let pool: ConnectionPool
  let timer = WheelTimer()
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
    timer.setHandler(self)
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
  private let loop: EventLoop
  private let endpoint: Endpoint
  private let idleTimeout: Interval
  private let idleConnectionsMax: Int
  /// The last is the most recently used.
  private let idle = Confined<[UpstreamConnection]>([])
  private var isClosed = false
  /// The last TLS session, for the next connection.
  private let resumption: TLSResumption?

  init(for endpoint: Endpoint, on loop: EventLoop, settings: UpstreamSettings) {
    self.loop = loop
    self.endpoint = endpoint
    idleTimeout = settings.idleTimeout
    idleConnectionsMax = settings.idleConnectionsMax
    resumption = endpoint.tls == nil ? nil : TLSResumption()
  }

  public var idleCount: Int { idle.value.count }

  /// Takes an idle connection. The caller makes itself the stream's handler. `nil` when there is none.
  public func lease() -> UpstreamConnection? {
    guard let connection = idle.value.popLast() else { return nil }
    connection.isIdle = false
    return connection
  }

  /// A new connection, not yet connecting.
  public func make() -> UpstreamConnection {
    let connection = UpstreamConnection(to: endpoint, pool: self, on: loop, idleTimeout: idleTimeout)
    if let tls = endpoint.tls {
      connection.stream.secure(TLSSession(tls, resuming: resumption, loop.securePipe))
    }
    return connection
  }

  /// Gives back a connection whose exchange is complete on both sides.
  /// - Parameter idleLimit: what the origin's `Keep-Alive: timeout` allows, where it said so.
  public func giveBack(_ connection: UpstreamConnection, idleLimit: Interval?) {
    precondition(connection.endpoint === endpoint)
    if let idleLimit { connection.idleTimeout = min(idleTimeout, idleLimit) }
    connection.exchangeCompleted()
    guard !isClosed, connection.idleTimeout.milliseconds > 0 else { return discard(connection) }
    connection.stream.setHandler(connection)
    // A slow client may have left it paused: its end must be heard.
    connection.stream.startReading()
    connection.isIdle = true
    idle.value.append(connection)
    loop.arm(connection.timer, deadline: loop.now.advanced(by: connection.idleTimeout))
    if idle.value.count > idleConnectionsMax { drop(idle.value[0]) }
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
    if let index = idle.value.firstIndex(where: { $0 === connection }) { idle.value.remove(at: index) }
    discard(connection)
  }

  /// Closes the connection that was idle for longest. Returns whether there was one.
  public func dropOldest() -> Bool {
    guard let oldest = idle.value.first else { return false }
    drop(oldest)
    return true
  }

  /// Closes what is idle now and whatever is given back later.
  public func close() {
    isClosed = true
    while let connection = idle.value.last { drop(connection) }
  }
}
