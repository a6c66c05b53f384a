public import Base
public import Cache
public import HTTP1

/// One field that is set on messages as they are forwarded. An empty value removes the field.
public struct FieldSetting: Hashable, Sendable {
  public var name: String
  public var value: String

  public init(name: String, value: String) {
    self.name = name
    self.value = value
  }
}

/// What the data path is told. Every limit and timeout is on by default.
public struct ProxySettings: Sendable {
  /// What the origin sees as `Host`.
  public enum HostPolicy: Hashable, Sendable {
    /// What the client sent.
    case preserve
    /// The name of the origin as it was configured.
    case upstream
    case fixed(String)
  }

  public var hostPolicy = HostPolicy.preserve
  public var limits = Limits()
  /// For a whole request head, from its first byte or from the opening of the connection.
  public var headTimeout = Interval.seconds(10)
  /// From the end of the request to the first byte of the response head.
  public var responseTimeout = Interval.seconds(60)
  /// A body, read or written, without progress. There is no limit on the total.
  public var progressTimeout = Interval.seconds(30)
  /// Keep-alive client connections between requests.
  public var idleTimeout = Interval.seconds(75)
  /// Tunnels (101) and event streams without a byte in either direction.
  public var tunnelTimeout = Interval.seconds(3600)
  /// 413 beyond; 0 for no limit.
  public var bodyBytesMax = 0
  /// Client connections over all loops; the idle ones are shed first.
  public var connectionsMax = 100_000
  /// Further endpoints that are tried when a connect fails.
  public var retries = 2
  /// Networks whose `X-Forwarded-*` is believed and appended to.
  public var trustedProxies: [CIDR] = []
  /// Whether peers on a unix-domain listener are believed as well.
  public var trustsUnixPeers = false
  public var addsVia = true
  public var cache = CacheSettings()
  public var requestFields: [FieldSetting] = []
  public var responseFields: [FieldSetting] = []

  public init() {}
}
