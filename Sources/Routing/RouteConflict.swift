/// Two routes that take the same requests, so that neither can be preferred.
public struct RouteConflict: Error, Hashable, Sendable, CustomStringConvertible {
  public let first: RoutePattern
  public let second: RoutePattern

  public var description: String { "\"\(first)\" and \"\(second)\" take the same requests" }
}
