/// What ends an exchange before its time.
enum ExchangeFault: CaseIterable {
  /// The client closed or reset its connection.
  case downstreamGone
  /// The origin refused, closed or reset its connection.
  case upstreamGone
  case deadline
}

/// How far an exchange had come. Rows and columns of the closing table.
enum ExchangeProgress: CaseIterable {
  /// No byte of the request went upstream.
  case beforeRequestHead
  /// The origin has (some of) the request and has not begun to answer.
  case beforeResponseHead
  /// The response head is with the client, its body is not complete.
  case duringBody
  /// The response is complete; the rest of the request body is still to come.
  case afterBody
}

/// What follows from a fault: the closing table of an exchange, one cell a pair. Its test goes through
/// every cell.
struct Verdict: Equatable {
  enum Retry: Equatable {
    case never
    /// On another endpoint: this one has seen nothing.
    case anotherEndpoint
    /// On a fresh connection, if the request can be sent twice: to the same endpoint where the connection
    /// was a reused one (the stale keep-alive race), else to another, within the budget.
    case whereSafe
  }
  /// The status to answer with; `nil` when it is too late for one or nobody is left to read it.
  var reply: Int?
  var retry = Retry.never
  /// Whether the client connection may carry another exchange.
  var keepsDownstream = false
  /// Whether the upstream connection may carry another exchange.
  var keepsUpstream = false

  static func of(_ fault: ExchangeFault, _ progress: ExchangeProgress) -> Verdict {
    switch (fault, progress) {
    // A response to nobody. The origin is told by the end of its connection: it may stop working.
    case (.downstreamGone, .beforeRequestHead): Verdict(keepsUpstream: true)
    case (.downstreamGone, .beforeResponseHead): Verdict()
    case (.downstreamGone, .duringBody): Verdict()
    case (.downstreamGone, .afterBody): Verdict()
    case (.upstreamGone, .beforeRequestHead):
      Verdict(reply: 502, retry: .anotherEndpoint, keepsDownstream: true)
    case (.upstreamGone, .beforeResponseHead):
      Verdict(reply: 502, retry: .whereSafe, keepsDownstream: true)
    // The status is gone already; a cut connection is the only way left to say that this is not all.
    case (.upstreamGone, .duringBody): Verdict()
    // It said all it had to say before it went.
    case (.upstreamGone, .afterBody): Verdict(keepsDownstream: true)
    case (.deadline, .beforeRequestHead): Verdict(reply: 504, retry: .anotherEndpoint, keepsDownstream: true)
    // The origin may be at work on it: another try would double the load on what is slow already.
    case (.deadline, .beforeResponseHead): Verdict(reply: 504, keepsDownstream: true)
    case (.deadline, .duringBody): Verdict()
    case (.deadline, .afterBody): Verdict()
    }
  }
}

/// Reason codes of the access log, beside those of `HTTP1Error`.
enum Reason {
  static let clientClosed = "client_closed"
  static let headTimeout = "head_timeout"
  static let bodyTimeout = "body_timeout"
  static let bodyTooLarge = "body_too_large"
  static let connectFailed = "connect_failed"
  static let connectTimeout = "connect_timeout"
  static let onlyIfCached = "only_if_cached"
  static let noRoute = "no_route"
  static let noEndpoint = "no_endpoint"
  static let noDescriptors = "no_descriptors"
  static let upstreamClosed = "upstream_closed"
  static let upstreamStalled = "upstream_stalled"
  static let responseTimeout = "response_timeout"
  static let responseMalformed = "response_malformed"
  static let responseCut = "response_cut"
  static let upgradeUnasked = "upgrade_unasked"
  static let clientStalled = "client_stalled"
  static let tunnelIdle = "tunnel_idle"
  static let drained = "drained"
  static let maxForwards = "max_forwards"
  static let denied = "denied"
  static let rateLimited = "rate_limited"
  static let inFlight = "client_in_flight"
  static let clientConnections = "client_connections"
  static let overloaded = "overloaded"
  static let endpointsBusy = "endpoints_busy"
  static let loop = "loop"
  static let treacherousPath = "treacherous_path"
  static let bodyTooSlow = "body_too_slow"
  static let bufferMemory = "buffer_memory"
  static let proxyHeader = "proxy_header"
  static let misdirected = "misdirected"
  static let notSecured = "not_secured"
  static let redirected = "redirected"
}
