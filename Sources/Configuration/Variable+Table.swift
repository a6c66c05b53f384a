internal import Base
internal import HTTP1
internal import Observe
internal import Proxy
internal import Reactor
internal import Upstream

// The table. A new variable is one entry here: nothing else has to hear of it.

extension Variable {
  /// Every variable there is, in the order in which they are shown and their errors told.
  static let all: [Variable] =
    listening + tls + clients + origins + endpoints + forwarding + fields + caching + async + timeouts
    + limits
    + overload
    + logging + administration + running

  private static let listening = [
    Variable(
      "SLUICE_LISTEN", .listening, default: .port(otherwise: "0.0.0.0:8080"),
      example: "[::]:8080,unix:/run/sluice.sock",
      """
      Where plain HTTP is taken. Literal addresses only. A port alone (8080 or :8080) stands for \
      0.0.0.0 with that port; with port 0 the kernel chooses one.
      """,
      .list(
        "list of addresses", expected: SocketAddress.expectedListeners, identity: \.description,
        { entry throws(Refusal) in try SocketAddress(listener: entry) }, store: { $0.listen = $1 })),
    Variable(
      "SLUICE_TRUSTED_PROXIES", .listening, default: .text(""), example: "10.0.0.0/8,fd00::/8,unix",
      """
      Peers whose X-Forwarded fields are believed and appended to; those of anybody else are replaced. \
      The word unix stands for every peer on a unix-domain listener.
      """,
      .list(
        "list of networks", expected: TrustedPeer.expectedList, acceptsEmpty: true,
        { entry throws(Refusal) in try TrustedPeer(text: entry) },
        store: { settings, peers in
          settings.proxy.trustedProxies = []
          settings.proxy.trustsUnixPeers = false
          for peer in peers {
            switch peer {
            case .network(let network): settings.proxy.trustedProxies.append(network)
            case .unix: settings.proxy.trustsUnixPeers = true
            }
          }
        })),
  ]

  private static let origins = [
    Variable(
      "SLUICE_UPSTREAMS", .origins, default: .required(unless: ["SLUICE_ROUTES", "SLUICE_ASYNC_LISTEN"]),
      example: "app1:3000,app2:3000;weight=2",
      """
      Who answers the requests, in turn; with SLUICE_ROUTES, those that no route takes. A name stands for \
      every address it resolves to; http://HOST without a port means port 80.
      """,
      .list(
        "list of origins", expected: OriginSettings.expectedList, identity: \.identity,
        twice: OriginSettings.twice,
        { entry throws(Refusal) in try OriginSettings(origin: entry) },
        store: { $0.upstream.origins = $1 })),
    // After SLUICE_UPSTREAMS: its reading looks at whether there are origins already.
    Variable(
      "SLUICE_ROUTES", .origins, default: .text(""),
      example: "api.example.com/v1=api:8080,api2:8080 | /static=files:80",
      """
      Who answers which requests. The host decides first: HOST before *.DOMAIN, which stands for all hosts \
      below it, the longer before the shorter, then routes for any host. Of the routes of a host the longest \
      prefix decides that ends where a segment of the path ends; where none does, the next host's are \
      asked. What no route takes goes to SLUICE_UPSTREAMS, or is answered 404 where that is not set.
      """,
      .routes),
    Variable(
      "SLUICE_RETRIES", .origins, default: .text("2"), example: "0",
      """
      How many further endpoints are tried for a request that the first did not take, and how often an \
      idempotent one whose connection broke is sent again. With 0 nothing waits for an endpoint to return \
      either.
      """,
      .count(from: 0, to: 100) { $0.proxy.retries = $1 }),
  ]

  private static let forwarding = [
    Variable(
      "SLUICE_HOST_HEADER", .forwarding, default: .text("preserve"), example: "shop.example.com",
      """
      What origins see as Host: what the client sent (preserve), their own name as listed (upstream), or \
      a fixed value.
      """,
      .value(
        "preserve, upstream or a value", expected: ProxySettings.HostPolicy.expected,
        { text throws(Refusal) in try ProxySettings.HostPolicy(text: text) },
        store: { $0.proxy.hostPolicy = $1 })),
    Variable(
      "SLUICE_SET_REQUEST_FIELDS", .forwarding, default: .text(""),
      example: "X-Environment: staging | X-Debug:",
      "Fields set on requests as they are forwarded, over whatever was there. An empty value removes.",
      fieldList(.request) { $0.proxy.requestFields = $1 }),
    Variable(
      "SLUICE_SET_RESPONSE_FIELDS", .forwarding, default: .text(""),
      example: "Strict-Transport-Security: max-age=31536000 | Server:",
      "The same for responses on their way back.",
      fieldList(.response) { $0.proxy.responseFields = $1 }),
    Variable(
      "SLUICE_VIA", .forwarding, default: .text("on"), example: "off",
      """
      Adds Via, as RFC 9110 §7.6.3 asks. Off for origins that stop compressing when they see it, such as \
      nginx without gzip_proxied.
      """,
      .onOff { $0.proxy.addsVia = $1 }),
  ]

  static func fieldList(
    _ direction: FieldSetting.Direction, store: @escaping Store<[FieldSetting]>
  ) -> Reading {
    .list(
      "list of fields", expected: FieldSetting.expectedList, separator: "|", acceptsEmpty: true,
      identity: { $0.name.lowercased() }, twice: "names a field that is set already",
      { entry throws(Refusal) in try FieldSetting(field: entry, of: direction) }, store: store)
  }

  private static let millisecond = Interval.milliseconds(1)
  private static let hour = Interval.seconds(3600)
  private static let day = Interval.seconds(24 * 3600)

  private static let timeouts = [
    Variable(
      "SLUICE_CONNECT_TIMEOUT", .timeouts, default: .text("3s"), example: "500ms",
      "For a connect to an origin.",
      .duration(from: millisecond, to: hour) { $0.upstream.connectTimeout = $1 }),
    Variable(
      "SLUICE_RESPONSE_TIMEOUT", .timeouts, default: .text("60s"), example: "5m",
      "From the end of a request to the first byte of the response head. 504 beyond.",
      .duration(from: millisecond, to: day) { $0.proxy.responseTimeout = $1 }),
    Variable(
      "SLUICE_HEAD_TIMEOUT", .timeouts, default: .text("10s"), example: "5s",
      "For a whole request head. 408 beyond.",
      .duration(from: millisecond, to: hour) { $0.proxy.headTimeout = $1 }),
    Variable(
      "SLUICE_PROGRESS_TIMEOUT", .timeouts, default: .text("30s"), example: "2m",
      "For a body, read or written, that makes no progress. There is no limit on the total.",
      .duration(from: millisecond, to: day) { $0.proxy.progressTimeout = $1 }),
    Variable(
      "SLUICE_IDLE_TIMEOUT", .timeouts, default: .text("75s"), example: "10s",
      "How long a client's connection is kept between two requests.",
      .duration(from: millisecond, to: day) { $0.proxy.idleTimeout = $1 }),
    Variable(
      "SLUICE_UPSTREAM_IDLE_TIMEOUT", .timeouts, default: .text("30s"), example: "4s",
      """
      How long a connection to an origin is kept between two requests; less where the origin's \
      Keep-Alive says so. Best below the origin's own.
      """,
      .duration(from: millisecond, to: day) { $0.upstream.idleTimeout = $1 }),
    Variable(
      "SLUICE_TUNNEL_TIMEOUT", .timeouts, default: .text("1h"), example: "1d",
      "For tunnels (WebSocket) and event streams without a byte in either direction.",
      .duration(from: millisecond, to: Interval.seconds(30 * 24 * 3600)) { $0.proxy.tunnelTimeout = $1 }),
  ]

  private static let limits = [
    Variable(
      "SLUICE_MAX_HEAD", .limits, default: .text("32KiB"), example: "16KiB",
      "The size of a message head. 431 beyond; 414 if it is the request line.",
      .size(from: 1024, to: 1 << 20) { settings, bytes in
        // Anew, because the limit of the request line follows from it.
        let fieldCountMax = settings.proxy.limits.fieldCountMax
        settings.proxy.limits = Limits(headBytesMax: bytes, fieldCountMax: fieldCountMax)
      }),
    Variable(
      "SLUICE_MAX_FIELDS", .limits, default: .text("100"), example: "200",
      "The number of fields in a message head. 431 beyond.",
      .count(from: 1, to: 10_000) { $0.proxy.limits.fieldCountMax = $1 }),
    Variable(
      "SLUICE_MAX_BODY", .limits, default: .text("0"), example: "10MB",
      "The size of a request body. 413 beyond; 0 for no limit.",
      .size(from: 1, to: 1 << 50, zero: "no limit") { $0.proxy.bodyBytesMax = $1 }),
    Variable(
      "SLUICE_MAX_CONNECTIONS", .limits, default: .text("100000"), example: "5000",
      """
      Client connections at once, and never more than the descriptor limit allows. The idle ones are shed \
      first.
      """,
      .count(from: 1, to: 10_000_000) { $0.proxy.connectionsMax = $1 }),
  ]

  private static let logging = [
    Variable(
      "SLUICE_LOG_LEVEL", .logging, default: .text("info"), example: "debug",
      "The least level of the events that are logged, on standard error.",
      .choice { $0.log.level = $1 }),
    Variable(
      "SLUICE_LOG_FORMAT", .logging, default: .text("text"), example: "json",
      "The form of events and of the access log.",
      .choice { $0.log.format = $1 }),
    Variable(
      "SLUICE_ACCESS_LOG", .logging, default: .text("on"), example: "/var/log/sluice/access.log",
      "One line for each request, on standard output (on) or in a file. A path contains a slash.",
      .value(
        "on, off or a path", expected: LogSettings.AccessLog.expected,
        { text throws(Refusal) in try LogSettings.AccessLog(text: text) }, store: { $0.log.accessLog = $1 })),
  ]

  private static let running = [
    Variable(
      "SLUICE_WORKERS", .running, default: .cores, example: "2",
      "Threads with an event loop each.",
      .count(from: 1, to: workersMax) { $0.workers = $1 }),
    Variable(
      "SLUICE_DRAIN_TIMEOUT", .running, default: .text("25s"), example: "2m",
      "How long a drain may take after SIGTERM or SIGINT before connections are cut.",
      .duration(from: Interval(milliseconds: 0), to: day) { $0.drainTimeout = $1 }),
    Variable(
      "SLUICE_PRE_DRAIN", .running, default: .text("0s"), example: "5s",
      "How long connections are still accepted after SIGTERM, for load balancers that look away late.",
      .duration(from: Interval(milliseconds: 0), to: hour) { $0.preDrain = $1 }),
  ]
}
