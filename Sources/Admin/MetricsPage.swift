internal import Base
internal import Cache
internal import Observe
internal import Proxy
internal import RateLimit
internal import Upstream

/// `/metrics`: everything that is counted, for Prometheus.
enum MetricsPage {
  static func write(_ snapshot: AdminSnapshot, to out: inout ByteBuffer) {
    var text = PrometheusText()
    process(snapshot, &text)
    if let store = snapshot.cache { cache(store, snapshot.clients, &text) }
    if let counts = snapshot.delivery { delivery(counts, &text) }
    let groups = snapshot.groups.indices.map {
      (snapshot.groups[$0].name, snapshot.endpoints($0), snapshot.gone($0))
    }
    requests(groups, &text)
    connections(groups, &text)
    conditions(groups, &text)
    ejections(snapshot.groups, &text)
    out.append(text.bytes)
  }

  private typealias Group = (name: String, endpoints: [AdminSnapshot.EndpointTotals], gone: EndpointCounters)

  private static func process(_ snapshot: AdminSnapshot, _ text: inout PrometheusText) {
    let clients = snapshot.clients
    text.begin("sluice_info", .gauge, "The version that runs.")
    text.sample([("version", snapshot.version)], 1)
    text.begin("sluice_uptime_seconds", .gauge, "Time since the start.")
    text.sample([], exactly: Double(snapshot.uptime.milliseconds) / 1000)
    text.begin("sluice_draining", .gauge, "1 while the process finishes what is under way.")
    text.sample([], snapshot.isDraining ? 1 : 0)
    text.begin("sluice_client_connections", .gauge, "Client connections that are open.")
    text.sample([], UInt64(snapshot.connections))
    text.begin("sluice_client_connections_max", .gauge, "The most there may be.")
    text.sample([], UInt64(snapshot.connectionsMax))
    text.begin("sluice_client_connections_accepted_total", .counter, "Client connections accepted.")
    text.sample([], clients.accepted)
    text.begin("sluice_requests_total", .counter, "Requests whose head was understood.")
    text.sample([], clients.exchanges)
    text.begin(
      "sluice_requests_refused_total", .counter, "Requests whose head was malformed or came too slowly.")
    text.sample([], clients.refused)
    text.begin(
      "sluice_local_replies_total", .counter, "Requests answered by Sluice itself, such as 502 and 503.")
    text.sample([], clients.localReplies)
    text.begin("sluice_requests_limited_total", .counter, "Requests turned away, by the reason.")
    text.sample([("reason", "rate")], clients.rateLimited)
    text.sample([("reason", "denied")], clients.denied)
    text.sample([("reason", "overload")], clients.shed)
    text.begin(
      "sluice_client_connections_limited_total", .counter,
      "Connections that were one too many of their client.")
    text.sample([], clients.connectionsLimited)
    if let rate = snapshot.rateLimit {
      text.begin("sluice_rate_limit_clients", .gauge, "Clients whose requests are remembered.")
      text.sample([], UInt64(rate.clients))
      text.begin("sluice_rate_limit_bytes", .gauge, "Memory in use for that.")
      text.sample([], UInt64(rate.bytes))
      text.begin(
        "sluice_rate_limit_evicted_total", .counter, "Clients forgotten before their time for lack of room.")
      text.sample([], rate.evicted)
    }
    if !snapshot.certificates.isEmpty {
      text.begin(
        "sluice_tls_handshakes_total", .counter, "TLS connections that came to a request, by how they began.")
      text.sample([("kind", "full")], clients.handshakes - clients.resumed)
      text.sample([("kind", "resumed")], clients.resumed)
      text.begin(
        "sluice_tls_failures_total", .counter,
        "TLS connections that broke before a request, by OpenSSL's word for it.")
      for (reason, count) in clients.handshakeFailures.sorted(by: { $0.key < $1.key }) {
        text.sample([("reason", reason)], count)
      }
      text.begin("sluice_tls_certificate_expiry_days", .gauge, "Days until a certificate expires.")
      for (file, seconds) in snapshot.certificates {
        text.sample([("file", file)], exactly: Double(seconds / 864) / 100)
      }
    }
    text.begin("sluice_buffer_bytes", .gauge, "Bytes that wait in buffers for one side or the other.")
    text.sample([], UInt64(max(0, snapshot.bufferBytes)))
    text.begin("sluice_buffer_cuts_total", .counter, "Connections cut because buffers held too much.")
    text.sample([], clients.bufferCuts)
    text.begin("sluice_requests_waiting", .gauge, "Requests that wait for an endpoint to be available.")
    text.sample([], UInt64(snapshot.waiting))
    text.begin("sluice_loop_lag_seconds", .gauge, "How late a loop came to its timer, at worst, lately.")
    for (index, loop) in snapshot.loops.enumerated() {
      text.sample([("loop", "\(index)")], exactly: loop.lagMilliseconds / 1000)
    }
  }

  private static func cache(
    _ store: CacheStore.Statistics, _ clients: ProxyCounters, _ text: inout PrometheusText
  ) {
    text.begin("sluice_cache_requests_total", .counter, "Requests by what the cache made of them.")
    text.sample([("result", "hit")], clients.cacheHits)
    text.sample([("result", "stale")], clients.cacheStale)
    text.sample([("result", "miss")], clients.cacheMisses)
    text.begin(
      "sluice_cache_collapsed_total", .counter, "Misses that waited for the answer to another request.")
    text.sample([], clients.cacheCollapsed)
    text.begin(
      "sluice_cache_revalidated_total", .counter, "Stored answers that their origin said were still good.")
    text.sample([], clients.cacheRevalidated)
    text.begin("sluice_cache_bytes", .gauge, "Memory in use, overheads counted.")
    text.sample([], UInt64(max(0, store.bytes)))
    text.begin("sluice_cache_bytes_max", .gauge, "The most it may be.")
    text.sample([], UInt64(store.bytesMax))
    text.begin("sluice_cache_entries", .gauge, "Answers stored.")
    text.sample([], UInt64(max(0, store.entries)))
    text.begin("sluice_cache_stored_total", .counter, "Answers that were stored.")
    text.sample([], store.stored)
    text.begin("sluice_cache_removed_total", .counter, "Answers that went, by the reason.")
    text.sample([("reason", "evicted")], store.evicted)
    text.sample([("reason", "expired")], store.expired)
    text.sample([("reason", "invalidated")], store.invalidated)
  }

  private static func requests(_ groups: [Group], _ text: inout PrometheusText) {
    text.begin("sluice_upstream_responses_total", .counter, "Responses by endpoint and class of status.")
    each(groups) { labels, counters in
      for status in 1...5 {
        text.sample(labels + [("code", "\(status)xx")], counters.responses[status])
      }
    }
    text.begin(
      "sluice_upstream_unanswered_total", .counter, "Requests that ended without an answer of the endpoint.")
    each(groups) { text.sample($0, $1.responses[0]) }
    text.begin(
      "sluice_upstream_latency_seconds", .histogram,
      "From the choice of the endpoint to the end of its answer.")
    each(groups) { text.sample($0, $1.latency) }
    text.begin("sluice_upstream_requests_in_flight", .gauge, "Requests under way.")
    each(groups) { text.sample($0, UInt64(max(0, $1.inFlight))) }
    text.begin(
      "sluice_upstream_failures_total", .counter, "Broken connections, missing and malformed answers.")
    each(groups) { text.sample($0, $1.failures) }
    text.begin(
      "sluice_upstream_retries_total", .counter, "Requests sent again elsewhere because of the endpoint.")
    each(groups) { text.sample($0, $1.retries) }
    text.begin("sluice_upstream_sent_bytes_total", .counter, "Bytes of request bodies.")
    each(groups) { text.sample($0, $1.bytesSent) }
    text.begin("sluice_upstream_received_bytes_total", .counter, "Bytes of response bodies.")
    each(groups) { text.sample($0, $1.bytesReceived) }
  }

  private static func connections(_ groups: [Group], _ text: inout PrometheusText) {
    text.begin("sluice_upstream_connects_total", .counter, "Connections opened.")
    each(groups) { text.sample($0, $1.connects) }
    text.begin(
      "sluice_upstream_connect_failures_total", .counter, "Connections refused, reset or not made in time.")
    each(groups) { text.sample($0, $1.connectFailures) }
    text.begin("sluice_upstream_connection_reuses_total", .counter, "Requests on a connection used before.")
    each(groups) { text.sample($0, $1.reuses) }
    text.begin("sluice_upstream_idle_connections", .gauge, "Connections kept for the next request.")
    each(groups) { text.sample($0, UInt64($1.idleConnections)) }
  }

  private static func conditions(_ groups: [Group], _ text: inout PrometheusText) {
    text.begin("sluice_endpoint_condition", .gauge, "1 for the condition that an endpoint is in.")
    for group in groups {
      for endpoint in group.endpoints {
        for condition in EndpointCondition.allCases {
          text.sample(
            [
              ("upstream", group.name), ("endpoint", endpoint.endpoint.name),
              ("condition", condition.rawValue),
            ],
            endpoint.condition == condition ? 1 : 0)
        }
      }
    }
  }

  private static func ejections(_ groups: [AdminSnapshot.Group], _ text: inout PrometheusText) {
    text.begin(
      "sluice_endpoint_ejections_total", .counter,
      "Times that an endpoint was left out because requests failed.")
    for group in groups {
      for status in group.statuses {
        text.sample([("upstream", group.name), ("endpoint", status.endpoint.name)], status.ejections)
      }
      text.sample([("upstream", group.name), ("endpoint", "gone")], group.goneEjections)
    }
  }

  /// Endpoints that are gone go on as one, so that no counter ever falls.
  private static func each(_ groups: [Group], _ body: (PrometheusText.Labels, EndpointCounters) -> Void) {
    for group in groups {
      for endpoint in group.endpoints {
        body([("upstream", group.name), ("endpoint", endpoint.endpoint.name)], endpoint.counters)
      }
      body([("upstream", group.name), ("endpoint", "gone")], group.gone)
    }
  }
}
