public import Base

/// Whether a stored answer that fits a request may be given to it now. RFC 9111 §4, §5.2.1, RFC 5861 §3.
public enum Reuse: Equatable, Sendable {
  /// Fresh for so many seconds more.
  case fresh(Int)
  /// Stale for so many seconds, and allowed all the same.
  /// - `refreshes`: an origin is to be asked meanwhile.
  case stale(Int, refreshes: Bool)
  /// Only after its origin was asked: it is stale, or it is never used without.
  case validate
  /// It is fresh, but the request wants a fresher one.
  case refused
}

extension StoredHead {
  public func reuse(by request: RequestDirectives, at now: Instant) -> Reuse {
    let age = age(now)
    let fresh = lifetimeSeconds - age
    let isRefused =
      request.noCache || request.maxAge.map { age > $0 } == true
      || request.minFresh.map { fresh < $0 } == true
    if control.noCache { return .validate }
    if fresh > 0 { return isRefused ? .refused : .fresh(fresh) }
    guard !isRefused, mayBeStale else { return .validate }
    if let window = control.staleWhileRevalidate, -fresh <= window { return .stale(-fresh, refreshes: true) }
    if let window = request.maxStale, -fresh <= window { return .stale(-fresh, refreshes: false) }
    return .validate
  }
}
