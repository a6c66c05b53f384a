public import Base
public import Cache
public import HTTP1
public import RateLimit

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
  /// Whether origins are told of the client by `Forwarded` (RFC 7239) as well.
  public var addsForwarded = false
  /// Whether each request has an `X-Request-Id`.
  public var addsRequestID = true
  /// Whether connections begin with a PROXY protocol header.
  public var takesProxyHeader = false
  /// Tells this process from all others that may stand in the same chain, in `Via` and `CDN-Loop`.
  public var instance = String(UInt32.random(in: .min ... .max), radix: 16)
  /// Security fields that are added where the origin set none.
  public var addsSecurityFields = true
  /// Fields that are added where the origin set none; those of a security field take its place.
  public var defaultResponseFields: [FieldSetting] = []
  /// Whether `Server` and `X-Powered-By` of origins are left out.
  public var hidesServer = true
  public var rateLimit = RateLimitSettings()
  /// Who may ask; empty for everybody.
  public var allow: [CIDR] = []
  /// Who may not, though allowed.
  public var deny: [CIDR] = []
  /// Connections of one client address (IPv6: of one /64); 0 for no limit.
  public var connectionsPerClientMax = 0
  /// The same for requests under way.
  public var inFlightPerClientMax = 0
  /// All buffers of all loops; the connections that stand still for longest are cut beyond.
  public var bufferBytesMax = 256 * 1024 * 1024
  /// What a request body must bring each second once `bodyRateGrace` is over; 0 for no limit.
  public var bodyRateMin = 240
  public var bodyRateGrace = Interval.seconds(10)
  /// How long requests may wait for their loop before some are turned away; zero for no limit.
  public var lagMax = Interval.milliseconds(500)
  /// Whether plain requests are sent to the same place over TLS, and on which port that is.
  public var redirectsToPort: UInt16?
  /// Whether clients show certificates: origins are told their subject.
  public var tellsClientSubject = false
  public var cache = CacheSettings()
  public var requestFields: [FieldSetting] = []
  public var responseFields: [FieldSetting] = []

  public init() {}
}
