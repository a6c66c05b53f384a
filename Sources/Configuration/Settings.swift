public import Base
public import Observe
public import Proxy
public import Reactor
public import Upstream

/// Everything a running Sluice is told, gathered from the environment.
public struct Settings: Sendable {
  public var listen: [SocketAddress]
  /// Reactors: threads with a loop each.
  public var workers: Int
  /// How long a drain may take before connections are cut.
  public var drainTimeout = Interval.seconds(25)
  /// How long connections are still accepted after SIGTERM.
  public var preDrain = Interval(milliseconds: 0)
  /// Where requests go that no route takes; its settings but for the origins are those of every upstream.
  /// Without origins there is no such place.
  public var upstream: UpstreamSettings
  /// `nil` for no admin listener.
  public var adminListen: SocketAddress?
  public var proxy = ProxySettings()
  public var log = LogSettings()

  public init(listen: [SocketAddress], upstream: UpstreamSettings, workers: Int = 1) {
    precondition(workers > 0)
    self.listen = listen
    self.upstream = upstream
    self.workers = workers
  }

  /// Every upstream, by name.
  public var upstreams: [(name: String, settings: UpstreamSettings)] { [("default", upstream)] }
}
