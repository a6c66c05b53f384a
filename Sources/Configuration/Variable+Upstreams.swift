internal import Base
internal import Reactor
internal import Upstream

// The part of the table that says how endpoints are found, checked and chosen.

extension Variable {
  static let endpoints = [
    Variable(
      "SLUICE_BALANCE", .endpoints, default: .text("round-robin"), example: "two-choices",
      """
      Who answers the next request: the endpoints in turn, the one with the fewest requests under way, the \
      quicker of two drawn at random, always the same one for a client, a URI or the value of a field, or \
      the one that a cookie of ours names.
      """,
      .value(
        "a word", expected: Balance.expected, { text throws(Refusal) in try Balance(text: text) },
        store: { $0.upstream.balance = $1 })),
    Variable(
      "SLUICE_STICKY_SECRET", .endpoints, default: .text(""), example: "a long random text", isSecret: true,
      """
      Makes the cookies of sticky:COOKIE unforgeable; the same for all proxies before the same endpoints. \
      Without it they follow from the configuration.
      """,
      .secret(from: 16) { $0.upstream.stickySecret = $1 }),
    Variable(
      "SLUICE_DNS_INTERVAL", .endpoints, default: .text("2s"), example: "10s",
      "How often the names of origins are looked up anew.",
      .duration(from: .milliseconds(100), to: .seconds(3600)) { $0.upstream.resolveInterval = $1 }),
    Variable(
      "SLUICE_HEALTH_PATH", .endpoints, default: .text("/"), example: "/healthz",
      "What each endpoint is asked for to see that it is well; off only connects, none does not check.",
      .value(
        "a path, off or none", expected: HealthSettings.Check.expected,
        { text throws(Refusal) in try HealthSettings.Check(text: text) },
        store: { $0.upstream.health.check = $1 })),
    Variable(
      "SLUICE_HEALTH_STATUS", .endpoints, default: .healthStatuses, example: "200-204,401",
      "Statuses that count as healthy.",
      .list(
        "list of statuses", expected: HealthSettings.expectedStatuses,
        { entry throws(Refusal) in try HealthSettings.statuses(entry) },
        store: { $0.upstream.health.statuses = $1 })),
    Variable(
      "SLUICE_HEALTH_INTERVAL", .endpoints, default: .text("2s"), example: "10s",
      "Time between two checks of an endpoint, a fifth more or less at random.",
      .duration(from: .milliseconds(100), to: .seconds(3600)) { $0.upstream.health.interval = $1 }),
    Variable(
      "SLUICE_HEALTH_TIMEOUT", .endpoints, default: .text("1s"), example: "500ms",
      "For a whole check.",
      .duration(from: .milliseconds(1), to: .seconds(3600)) { $0.upstream.health.timeout = $1 }),
    Variable(
      "SLUICE_HEALTH_RISE", .endpoints, default: .text("2"), example: "3",
      "Checks in a row that pass before an endpoint returns.",
      .count(from: 1, to: 100) { $0.upstream.health.rise = $1 }),
    Variable(
      "SLUICE_HEALTH_FALL", .endpoints, default: .text("2"), example: "3",
      "Checks in a row that fail before an endpoint leaves.",
      .count(from: 1, to: 100) { $0.upstream.health.fall = $1 }),
  ]

  static let administration = [
    Variable(
      "SLUICE_ADMIN_LISTEN", .administration, default: .text("127.0.0.1:9901"), example: "0.0.0.0:9901",
      "Where /livez, /readyz, /status and /metrics are answered; off for nowhere.",
      .value(
        "off or an address", expected: "off, or ADDRESS:PORT, [ADDRESS]:PORT, PORT or unix:/PATH",
        { text throws(Refusal) in text == "off" ? nil : try SocketAddress(listener: text[...]) },
        store: { $0.adminListen = $1 }))
  ]
}
