public import Base
public import Delivery
public import Observe
public import Proxy
public import Reactor
public import Routing
public import TLS
public import Upstream

/// Everything a running Sluice is told, gathered from the environment.
public struct Settings: Sendable {
  public var listen: [SocketAddress]
  /// Where HTTPS is taken.
  public var tlsListen: [SocketAddress] = []
  public var tls = TLSServerSettings()
  /// As they were given; `tls.pairs` is what they come to.
  var tlsCertificates: [String] = []
  var tlsKeys: [String] = []
  /// Reactors: threads with a loop each.
  public var workers: Int
  /// How long a drain may take before connections are cut.
  public var drainTimeout = Interval.seconds(25)
  /// How long connections are still accepted after SIGTERM.
  public var preDrain = Interval(milliseconds: 0)
  /// Where requests go that no route takes; its settings but for the origins are those of every upstream.
  /// Without origins there is no such place.
  public var upstream: UpstreamSettings
  /// In the order in which they were given, which does not matter. No two take the same requests.
  public var routes: [RouteSettings] = []
  /// `nil` for no admin listener.
  public var adminListen: SocketAddress?
  public var proxy = ProxySettings()
  /// Requests that are acknowledged at once and made afterwards; none where it listens nowhere.
  public var delivery = DeliverySettings()
  public var log = LogSettings()

  public init(listen: [SocketAddress], upstream: UpstreamSettings, workers: Int = 1) {
    precondition(workers > 0)
    self.listen = listen
    self.upstream = upstream
    self.workers = workers
  }

  /// Whether asynchronous requests are taken.
  public var takesJobs: Bool { delivery.listen != nil }

  /// Whether there is anything to proxy: else only asynchronous requests are taken.
  public var hasUpstreams: Bool { !routes.isEmpty || !upstream.origins.isEmpty }

  /// Every upstream, by name: one for each route, and one for what no route takes, where there is such a place.
  public var upstreams: [(name: String, settings: UpstreamSettings)] {
    guard !routes.isEmpty else { return hasUpstreams ? [("default", upstream)] : [] }
    var all = routes.map { route in
      var settings = upstream
      settings.origins = route.origins
      return (route.pattern.text, settings)
    }
    if !upstream.origins.isEmpty { all.append((RoutePattern.everything.text, upstream)) }
    return all
  }

  /// Which of `upstreams` a request goes to, by index; `nil` where there is only one for all.
  public func routeTable() throws(RouteConflict) -> RouteTable? {
    guard !routes.isEmpty else { return nil }
    var patterns = routes.map(\.pattern)
    if !upstream.origins.isEmpty { patterns.append(.everything) }
    return try RouteTable(patterns.enumerated().map { (pattern: $1, value: $0) })
  }
}
