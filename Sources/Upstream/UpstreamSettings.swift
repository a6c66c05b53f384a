public import Base

/// One entry of the list of origins, before its name is resolved.
public struct OriginSettings: Hashable, Sendable, CustomStringConvertible {
  public enum Location: Hashable, Sendable {
    /// A name or a literal address (without brackets), and a port.
    case host(String, port: UInt16)
    /// A unix-domain socket.
    case unix(path: String)
  }
  public var location: Location
  /// The share of the exchanges, relative to the other entries. At least 1.
  public var weight: Int

  public init(_ location: Location, weight: Int = 1) {
    precondition(weight >= 1)
    self.location = location
    self.weight = weight
  }

  /// As it is written in the environment.
  public var description: String {
    switch location {
    case .host(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    case .unix(let path): "unix:\(path)"
    }
  }

  /// The entry as a `Host` value: RFC 9110 §7.2, the port left out where it is 80. `localhost` for a
  /// unix-domain socket.
  public var authority: String {
    switch location {
    case .unix: "localhost"
    case .host(let host, let port):
      (host.contains(":") ? "[\(host)]" : host) + (port == 80 ? "" : ":\(port)")
    }
  }
}

/// What the upstream room is told.
public struct UpstreamSettings: Sendable {
  public var origins: [OriginSettings]
  public var connectTimeout = Interval.seconds(3)
  /// How long an idle connection to an origin is kept.
  public var idleTimeout = Interval.seconds(30)
  /// Idle connections kept for each endpoint on each loop.
  public var idleConnectionsMax = 512
  public var balance = Balance.roundRobin
  public var health = HealthSettings()
  /// How often names are looked up anew.
  public var resolveInterval = Interval.seconds(2)
  /// What makes the tokens of cookies unforgeable; empty for a key made from the configuration.
  public var stickySecret = ""

  public init(origins: [OriginSettings]) { self.origins = origins }
}
