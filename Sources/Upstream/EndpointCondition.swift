/// What an endpoint is good for at the moment.
public enum EndpointCondition: String, CaseIterable, Sendable {
  /// Not checked yet: takes no traffic.
  case unchecked
  case available
  /// Its active checks fail.
  case unhealthy
  /// Left out for a while, because requests failed on it.
  case ejected
  /// Its name does not lead to it any more: what is under way finishes.
  case draining
}
