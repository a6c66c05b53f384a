internal import Base
internal import Cache
internal import Delivery
internal import FoundationEssentials
internal import Observe
internal import Proxy
internal import Upstream

/// `/status`: the same for people and scripts, as JSON.
enum StatusPage {
  private struct Page: Encodable {
    var version: String
    var uptimeSeconds: Double
    var draining: Bool
    var ready: Bool
    var clientConnections: Int
    var clientConnectionsMax: Int
    var requests: UInt64
    var requestsRefused: UInt64
    var localReplies: UInt64
    var requestsRateLimited: UInt64
    var requestsDenied: UInt64
    var requestsShed: UInt64
    var bufferBytes: Int
    var requestsWaiting: Int
    var loopLagMilliseconds: [Double]
    var cache: Cached?
    var async: Async?
    var upstreams: [Group]
  }

  private struct Cached: Encodable {
    var bytes: Int
    var bytesMax: Int
    var entries: Int
    var hits: UInt64
    var stale: UInt64
    var misses: UInt64
    var collapsed: UInt64
    var revalidated: UInt64
    var evicted: UInt64
  }

  private struct Async: Encodable {
    var pending: Int
    var inFlight: Int
    var accepted: UInt64
    var refused: UInt64
    var delivered: UInt64
    var dead: UInt64
    var retried: UInt64
    var failedAttempts: UInt64
    var oldestAgeSeconds: Double
    var storeBytes: Int64
    var commits: UInt64
  }

  private struct Group: Encodable {
    var name: String
    var problem: String?
    var endpoints: [Item]
  }

  private struct Item: Encodable {
    var address: String
    var condition: String
    var reason: String?
    var unchangedSeconds: Double?
    var weight: Int
    var inFlight: Int
    var idleConnections: Int
    var requests: UInt64
    var responses: [String: UInt64]
    var failures: UInt64
    var connectFailures: UInt64
    var retries: UInt64
    /// Milliseconds, over all requests since the start.
    var latencyMean: Double?
  }

  static func write(_ snapshot: AdminSnapshot, to out: inout ByteBuffer) throws {
    let clients = snapshot.clients
    let page = Page(
      version: snapshot.version, uptimeSeconds: Double(snapshot.uptime.milliseconds) / 1000,
      draining: snapshot.isDraining, ready: HealthPage.problems(snapshot.isDraining, snapshot.groups).isEmpty,
      clientConnections: snapshot.connections, clientConnectionsMax: snapshot.connectionsMax,
      requests: clients.exchanges, requestsRefused: clients.refused, localReplies: clients.localReplies,
      requestsRateLimited: clients.rateLimited, requestsDenied: clients.denied, requestsShed: clients.shed,
      bufferBytes: max(0, snapshot.bufferBytes), requestsWaiting: snapshot.waiting,
      loopLagMilliseconds: snapshot.loops.map(\.lagMilliseconds),
      cache: snapshot.cache.map { cached($0, clients) }, async: snapshot.delivery.map(async),
      upstreams: snapshot.groups.indices.map { group(snapshot, $0) })
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    out.append(contentsOf: Array(try encoder.encode(page)))
    out.append("\n")
  }

  private static func cached(_ store: CacheStore.Statistics, _ clients: ProxyCounters) -> Cached {
    Cached(
      bytes: store.bytes, bytesMax: store.bytesMax, entries: store.entries, hits: clients.cacheHits,
      stale: clients.cacheStale, misses: clients.cacheMisses, collapsed: clients.cacheCollapsed,
      revalidated: clients.cacheRevalidated, evicted: store.evicted)
  }

  private static func async(_ counts: DeliverySnapshot) -> Async {
    Async(
      pending: counts.pending, inFlight: counts.inFlight, accepted: counts.accepted, refused: counts.refused,
      delivered: counts.delivered, dead: counts.dead, retried: counts.retried, failedAttempts: counts.failed,
      oldestAgeSeconds: counts.oldestAge, storeBytes: counts.storeBytes, commits: counts.commits)
  }

  private static func group(_ snapshot: AdminSnapshot, _ index: Int) -> Group {
    Group(
      name: snapshot.groups[index].name, problem: snapshot.groups[index].problem,
      endpoints: snapshot.endpoints(index).map(item))
  }

  private static func item(_ totals: AdminSnapshot.EndpointTotals) -> Item {
    let counters = totals.counters
    var responses: [String: UInt64] = [:]
    var sum: UInt64 = 0
    for status in 0...5 {
      sum += counters.responses[status]
      if status > 0, counters.responses[status] > 0 { responses["\(status)xx"] = counters.responses[status] }
    }
    let mean =
      counters.latency.count > 0
      ? Double(counters.latency.sumMicroseconds) / Double(counters.latency.count) / 1000 : nil
    return Item(
      address: totals.endpoint.name, condition: totals.condition.rawValue,
      reason: totals.reason.isEmpty ? nil : totals.reason,
      unchangedSeconds: totals.unchanged.map { Double($0.milliseconds) / 1000 },
      weight: totals.endpoint.weight,
      inFlight: counters.inFlight, idleConnections: counters.idleConnections, requests: sum,
      responses: responses, failures: counters.failures, connectFailures: counters.connectFailures,
      retries: counters.retries, latencyMean: mean)
  }
}
