internal import Base
internal import Proxy
internal import RateLimit
internal import Upstream

extension Variable {
  private static let minute = Interval.seconds(60)
  private static let day = Interval.seconds(24 * 3600)

  static let clients = [
    Variable(
      "SLUICE_ALLOW", .clients, default: .text(""), example: "10.0.0.0/8,2001:db8::/32",
      """
      Client addresses that may ask; everybody where it is not set. 403 to others. The client is who \
      SLUICE_TRUSTED_PROXIES makes it.
      """,
      networks { $0.proxy.allow = $1 }),
    Variable(
      "SLUICE_DENY", .clients, default: .text(""), example: "192.0.2.0/24",
      "Client addresses that may not, though SLUICE_ALLOW has them: 403.",
      networks { $0.proxy.deny = $1 }),
    Variable(
      "SLUICE_RATE_LIMIT", .clients, default: .text("off"), example: "100/1s",
      """
      N/WINDOW: no span of that length passes more than N requests of a client, over all workers; 429 with \
      Retry-After beyond, before the cache and the origin.
      """,
      .value(
        "off or N/WINDOW", expected: RateLimitRule.expected,
        { text throws(Refusal) in try RateLimitRule.read(text) }, store: { $0.proxy.rateLimit.rule = $1 })),
    Variable(
      "SLUICE_RATE_LIMIT_KEY", .clients, default: .text("ip"), example: "header:X-Api-Key",
      """
      Whose requests are counted together: those of one address (ip; IPv6 by its /64), or those with the same \
      value of a field, by address where it is absent.
      """,
      .value(
        "ip or header:NAME", expected: RateLimitSettings.Key.expected,
        { text throws(Refusal) in try RateLimitSettings.Key(text: text) },
        store: { $0.proxy.rateLimit.key = $1 })),
    Variable(
      "SLUICE_RATE_LIMIT_EXEMPT", .clients, default: .text(""), example: "10.0.0.0/8",
      "Client addresses to which neither the rate limit nor the limits by client apply.",
      networks { $0.proxy.rateLimit.exempt = $1 }),
    Variable(
      "SLUICE_RATE_LIMIT_MEMORY", .clients, default: .text("32MiB"), example: "8MiB",
      """
      The memory for clients of the rate limit: half a million that ask once. Beyond, the one seen least lately \
      is forgotten and begins anew.
      """,
      .size(from: 1 << 20, to: 1 << 40) { $0.proxy.rateLimit.bytesMax = $1 }),
    Variable(
      "SLUICE_MAX_CONNECTIONS_PER_IP", .clients, default: .text("off"), example: "100",
      "Connections of one address (IPv6: of one /64) at once; trusted proxies are not counted.",
      .countOrOff(to: 10_000_000) { $0.proxy.connectionsPerClientMax = $1 }),
    Variable(
      "SLUICE_MAX_IN_FLIGHT_PER_IP", .clients, default: .text("off"), example: "20",
      "Requests of one client address under way at once. 429 beyond.",
      .countOrOff(to: 10_000_000) { $0.proxy.inFlightPerClientMax = $1 }),
    Variable(
      "SLUICE_PROXY_PROTOCOL", .clients, default: .text("off"), example: "on",
      """
      Whether each connection begins with a PROXY protocol header (version 1 or 2), as load balancers send it, \
      which says who the client is. On, whoever reaches the port can say so: let only the balancer reach it.
      """,
      .onOff { $0.proxy.takesProxyHeader = $1 }),
  ]

  static let overload = [
    Variable(
      "SLUICE_MAX_IN_FLIGHT_PER_ENDPOINT", .limits, default: .text("off"), example: "64",
      "Requests under way to one endpoint, over all workers. Others wait, up to SLUICE_QUEUE_TIMEOUT.",
      .countOrOff(to: 10_000_000) { $0.upstream.inFlightMax = $1 }),
    Variable(
      "SLUICE_QUEUE_TIMEOUT", .limits, default: .text("500ms"), example: "2s",
      """
      How long a request waits for an endpoint that has a place, at most 1024 of them a worker. 503 with \
      Retry-After beyond.
      """,
      .duration(from: Interval(milliseconds: 1), to: minute) { $0.upstream.queueTimeout = $1 }),
    Variable(
      "SLUICE_MAX_LAG", .limits, default: .text("500ms"), example: "200ms",
      """
      How long requests may wait for a worker that has more to do than it can. Beyond, requests are turned away with \
      503 and Retry-After, as many as that can be done to in a tenth of its time. 0s for no limit.
      """,
      .duration(from: Interval(milliseconds: 0), to: minute) { $0.proxy.lagMax = $1 }),
    Variable(
      "SLUICE_MAX_BUFFER_MEMORY", .limits, default: .text("256MiB"), example: "64MiB",
      """
      What all buffers may hold, those of the kernel's pipes included. Beyond, the connections that have stood \
      still for longest are cut.
      """,
      .size(from: 1 << 20, to: 1 << 40) { $0.proxy.bufferBytesMax = $1 }),
    Variable(
      "SLUICE_MIN_BODY_RATE", .limits, default: .text("240B"), example: "0",
      """
      What a request body must bring each second, over ten seconds or more, as long as its origin takes it and \
      has not begun to answer. 408 below; 0 for no limit.
      """,
      .size(from: 1, to: 1 << 30, zero: "no limit") { $0.proxy.bodyRateMin = $1 }),
  ]

  static let fields = [
    Variable(
      "SLUICE_SECURITY_HEADERS", .forwarding, default: .text("on"), example: "off",
      """
      Adds X-Frame-Options: SAMEORIGIN, X-Content-Type-Options: nosniff and Referrer-Policy: \
      strict-origin-when-cross-origin to responses whose origin set none.
      """,
      .onOff { $0.proxy.addsSecurityFields = $1 }),
    Variable(
      "SLUICE_DEFAULT_RESPONSE_FIELDS", .forwarding, default: .text(""),
      example: "X-Frame-Options: DENY | X-Robots-Tag: none",
      """
      Fields added to responses whose origin set none. One that SLUICE_SECURITY_HEADERS adds takes its place; an \
      empty value takes it out.
      """,
      fieldList(.response) { $0.proxy.defaultResponseFields = $1 }),
    Variable(
      "SLUICE_HIDE_SERVER", .forwarding, default: .text("on"), example: "off",
      "Leaves out the fields Server and X-Powered-By of origins.",
      .onOff { $0.proxy.hidesServer = $1 }),
    Variable(
      "SLUICE_FORWARDED", .forwarding, default: .text("off"), example: "on",
      "Tells origins of the client by Forwarded (RFC 7239) too, beside X-Forwarded-For, -Proto and -Host.",
      .onOff { $0.proxy.addsForwarded = $1 }),
    Variable(
      "SLUICE_REQUEST_ID", .forwarding, default: .text("on"), example: "off",
      "Gives each request an X-Request-Id, for origins and logs; that of a trusted proxy is kept.",
      .onOff { $0.proxy.addsRequestID = $1 }),
  ]

  private static func networks(store: @escaping Store<[CIDR]>) -> Reading {
    .list(
      "list of networks", expected: "a list of ADDRESS/BITS or ADDRESS", acceptsEmpty: true,
      { entry throws(Refusal) in try TrustedPeer.network(entry) }, store: store)
  }
}

extension RateLimitRule {
  static let expected =
    "off, or a number of requests from 1 to \(countMax), a slash, and a duration from 100ms to 1d, such as 5/10s"

  /// `nil` for `off`.
  static func read(_ text: String) throws(Refusal) -> RateLimitRule? {
    if text == "off" { return nil }
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2 else { throw Refusal(text, "is neither off nor N/WINDOW") }
    guard !parts[0].isEmpty, parts[0].utf8.allSatisfy(ASCII.isDigit) else {
      throw Refusal(text, "does not begin with a whole number")
    }
    guard let count = Int(parts[0]), (1...countMax).contains(count) else {
      throw Refusal(text, "has a number of requests out of range")
    }
    // `5/s` means `5/1s` to anybody.
    let first = parts[1].utf8.first.map(ASCII.isDigit) ?? true
    let window = try Interval(text: first ? String(parts[1]) : "1\(parts[1])")
    guard window >= .milliseconds(100), window <= .seconds(24 * 3600) else {
      throw Refusal(text, "has a window out of range")
    }
    return RateLimitRule(count: count, window: window)
  }
}

extension RateLimitSettings.Key {
  static let expected = "ip, or header: and the name of a field"

  init(text: String) throws(Refusal) {
    if text == "ip" {
      self = .address
      return
    }
    guard text.hasPrefix("header:") else { throw Refusal(text, "is neither ip nor header:NAME") }
    let name = text.dropFirst("header:".count)
    guard !name.isEmpty, name.utf8.allSatisfy(FieldSetting.isTokenByte) else {
      throw Refusal(text, "has a field name that is not a token (RFC 9110 §5.6.2)")
    }
    self = .field(String(name))
  }
}
