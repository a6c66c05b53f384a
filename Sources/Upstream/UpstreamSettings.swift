public import Base

/// One entry of the list of origins, before its name is resolved.
public struct OriginSettings: Hashable, Sendable, CustomStringConvertible {
  public enum Location: Hashable, Sendable {
    /// A name or a literal address (without brackets), and a port.
    case host(String, port: UInt16)
    /// A unix-domain socket.
    case unix(path: String)
  }
  /// How connections to it are secured.
  public struct Security: Hashable, Sendable {
    /// Whether its certificate is checked.
    public var verifies = true
    /// The name that is asked for and that the certificate must be for; the host itself where that is `nil`.
    public var serverName: String?
    public init() {}
  }

  public var location: Location
  /// `nil` for plain HTTP.
  public var security: Security?
  /// The share of the exchanges, relative to the other entries. At least 1.
  public var weight: Int

  public init(_ location: Location, weight: Int = 1, security: Security? = nil) {
    precondition(weight >= 1)
    self.location = location
    self.weight = weight
    self.security = security
  }

  /// As it is written in the environment.
  public var description: String {
    switch location {
    case .host(let host, let port):
      (security == nil ? "" : "https://") + (host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)")
    case .unix(let path): "unix:\(path)"
    }
  }

  /// The entry as a `Host` value: RFC 9110 §7.2, the port left out where it is the usual one. `localhost` for a
  /// unix-domain socket.
  public var authority: String {
    switch location {
    case .unix: "localhost"
    case .host(let host, let port):
      (host.contains(":") ? "[\(host)]" : host) + (port == (security == nil ? 80 : 443) ? "" : ":\(port)")
    }
  }
}

/// What the upstream room is told.
public struct UpstreamSettings: Sendable {
  public var origins: [OriginSettings]
  public var connectTimeout = Interval.seconds(3)
  /// How long an idle connection to an origin is kept.
  public var idleTimeout = Interval.seconds(30)
  /// Idle connections kept for each endpoint on each loop. As many as were in use at once a moment ago: under a
  /// load of thousands of clients fewer would mean a new connection for each request, at twice the cost.
  public var idleConnectionsMax = 8192
  /// Requests under way to each endpoint, over all loops; 0 for no limit.
  public var inFlightMax = 0
  /// How long a request waits for a place there.
  public var queueTimeout = Interval.milliseconds(500)
  public var balance = Balance.roundRobin
  public var health = HealthSettings()
  /// How often names are looked up anew.
  public var resolveInterval = Interval.seconds(2)
  /// What makes the tokens of cookies unforgeable; empty for a key made from the configuration.
  public var stickySecret = ""
  /// A PEM file of those who vouch for origins; `nil` for the system's.
  public var authorities: String?

  public init(origins: [OriginSettings]) { self.origins = origins }
}
