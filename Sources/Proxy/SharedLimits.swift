public import RateLimit
public import Reactor

/// What all loops count together.
public struct SharedLimits: Sendable {
  public let connections: ConnectionBudget
  public let buffers: BufferBudget
  /// `nil` where requests are not limited.
  public let rate: RateLimiter?
  /// Connections by client; `nil` for no limit.
  let connectionsByClient: ClientCounts?
  /// Requests under way by client; `nil` for no limit.
  let inFlightByClient: ClientCounts?

  /// - Parameter descriptors: what the process may hold at most.
  public init(_ settings: ProxySettings, descriptors: Int) {
    connections = ConnectionBudget(wanted: settings.connectionsMax, descriptors: descriptors)
    buffers = BufferBudget(limit: settings.bufferBytesMax)
    rate = settings.rateLimit.rule.map { RateLimiter($0, bytesMax: settings.rateLimit.bytesMax) }
    connectionsByClient =
      settings.connectionsPerClientMax > 0 ? ClientCounts(limit: settings.connectionsPerClientMax) : nil
    inFlightByClient =
      settings.inFlightPerClientMax > 0 ? ClientCounts(limit: settings.inFlightPerClientMax) : nil
  }
}
