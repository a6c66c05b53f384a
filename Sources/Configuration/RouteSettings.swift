public import Routing
public import Upstream

/// One entry of the list of routes: which requests, and who answers them.
public struct RouteSettings: Hashable, Sendable {
  public var pattern: RoutePattern
  /// Never empty.
  public var origins: [OriginSettings]

  public init(_ pattern: RoutePattern, origins: [OriginSettings]) {
    precondition(!origins.isEmpty)
    self.pattern = pattern
    self.origins = origins
  }
}
