public import Base
public import Observe
internal import Reactor

/// What one loop counted for one endpoint. Each loop is the only writer of its own; whoever shows them
/// adds them up.
public struct EndpointCounters: Sendable {
  /// Exchanges by the class of their status, 1xx to 5xx; at 0 those without one.
  public var responses = InlineArray<6, UInt64>(repeating: 0)
  public var latency = LatencyHistogram()
  /// Exchanges under way.
  public var inFlight = 0
  public var connects: UInt64 = 0
  public var connectFailures: UInt64 = 0
  /// Exchanges on a connection that was used before.
  public var reuses: UInt64 = 0
  /// Connections that broke, and answers that did not come or were malformed.
  public var failures: UInt64 = 0
  /// Requests sent again elsewhere because of this endpoint.
  public var retries: UInt64 = 0
  public var bytesSent: UInt64 = 0
  public var bytesReceived: UInt64 = 0
  public var idleConnections = 0
  /// Where the balance looks at latencies: what it goes by.
  public var averageNanoseconds: UInt64 = 0

  public init() {}

  public mutating func add(_ other: EndpointCounters) {
    for index in responses.indices { responses[index] += other.responses[index] }
    latency.add(other.latency)
    inFlight += other.inFlight
    connects += other.connects
    connectFailures += other.connectFailures
    reuses += other.reuses
    failures += other.failures
    retries += other.retries
    bytesSent &+= other.bytesSent
    bytesReceived &+= other.bytesReceived
    idleConnections += other.idleConnections
    averageNanoseconds = max(averageNanoseconds, other.averageNanoseconds)
  }
}

/// An endpoint as one loop uses it: its connections, what is under way, what was counted.
public final class LocalEndpoint {
  public let endpoint: Endpoint
  public let pool: ConnectionPool
  public let counters = Confined(EndpointCounters())
  let latency = Confined(LatencyAverage())
  /// Places that were taken for exchanges that have not begun.
  var reserved = 0
  /// Failures in a row.
  private var streak = 0
  /// Told once, until something changes.
  var hasReported = false

  /// So many failures in a row speak against an endpoint.
  static let failuresInARow = 5

  init(_ endpoint: Endpoint, on loop: EventLoop, settings: UpstreamSettings) {
    self.endpoint = endpoint
    pool = ConnectionPool(for: endpoint, on: loop, settings: settings)
  }

  public var inFlight: Int { counters.value.inFlight }

  func succeeded() {
    streak = 0
    hasReported = false
  }

  /// Whether that makes it one too many.
  func failed() -> Bool {
    streak += 1
    guard streak >= LocalEndpoint.failuresInARow else { return false }
    streak = 0
    return true
  }
}
