public import Base
public import Cache
public import Delivery
public import Proxy
public import RateLimit
public import Upstream

/// The whole process at one moment, for whoever looks after it.
public struct AdminSnapshot: Sendable {
  /// One loop.
  public struct Loop: Sendable {
    public var proxy: ProxySnapshot
    /// How late a timer came in the last ten seconds or so, at worst.
    public var lagMilliseconds: Double

    public init(proxy: ProxySnapshot, lagMilliseconds: Double) {
      self.proxy = proxy
      self.lagMilliseconds = lagMilliseconds
    }
  }

  /// One upstream: the list as its directory keeps it.
  public struct Group: Sendable {
    public var name: String
    public var statuses: [EndpointDirectory.Status]
    /// Why it cannot serve; `nil` where it can.
    public var problem: String?
    /// Ejections of endpoints that are no longer on the list.
    public var goneEjections: UInt64

    public init(
      name: String, statuses: [EndpointDirectory.Status], problem: String?, goneEjections: UInt64 = 0
    ) {
      self.name = name
      self.statuses = statuses
      self.problem = problem
      self.goneEjections = goneEjections
    }
  }

  public var version: String
  public var uptime: Interval
  public var isDraining: Bool
  public var loops: [Loop]
  public var groups: [Group]
  public var connectionsMax: Int
  /// `nil` where nothing is cached.
  public var cache: CacheStore.Statistics?
  /// `nil` where requests are not limited.
  public var rateLimit: RateLimiter.Statistics?
  /// What buffers hold.
  public var bufferBytes: Int
  /// The certificates in force.
  public var certificates: [(file: String, secondsLeft: Int)]
  /// `nil` where no asynchronous requests are taken.
  public var delivery: DeliverySnapshot?

  public init(
    version: String, uptime: Interval, isDraining: Bool, loops: [Loop], groups: [Group], connectionsMax: Int,
    cache: CacheStore.Statistics? = nil, rateLimit: RateLimiter.Statistics? = nil, bufferBytes: Int = 0,
    certificates: [(file: String, secondsLeft: Int)] = [], delivery: DeliverySnapshot? = nil
  ) {
    self.version = version
    self.uptime = uptime
    self.isDraining = isDraining
    self.loops = loops
    self.groups = groups
    self.connectionsMax = connectionsMax
    self.cache = cache
    self.rateLimit = rateLimit
    self.bufferBytes = bufferBytes
    self.certificates = certificates
    self.delivery = delivery
  }
}

extension AdminSnapshot {
  /// One endpoint with what all loops counted of it.
  struct EndpointTotals {
    var endpoint: Endpoint
    var condition: EndpointCondition
    var reason: String
    var unchanged: Interval?
    var counters: EndpointCounters
  }

  var clients: ProxyCounters {
    var sum = ProxyCounters()
    for loop in loops { sum.add(loop.proxy.counters) }
    return sum
  }

  var connections: Int { loops.reduce(0) { $0 + $1.proxy.connections } }
  var waiting: Int { loops.reduce(0) { $0 + $1.proxy.waiting } }

  /// The endpoints of group `index`: those on the list, then those that are draining.
  func endpoints(_ index: Int) -> [EndpointTotals] {
    var totals = groups[index].statuses.map {
      EndpointTotals(
        endpoint: $0.endpoint, condition: $0.condition, reason: $0.reason, unchanged: $0.unchanged,
        counters: EndpointCounters())
    }
    for loop in loops {
      for upstream in loop.proxy.upstreams where upstream.index == index {
        for (endpoint, counters) in upstream.endpoints {
          // One that left its name and came back is another endpoint of the same address: one series.
          if let at = totals.firstIndex(where: { $0.endpoint.name == endpoint.name }) {
            totals[at].counters.add(counters)
          } else {
            totals.append(
              EndpointTotals(
                endpoint: endpoint, condition: .draining, reason: "gone from its name", unchanged: nil,
                counters: counters))
          }
        }
      }
    }
    return totals
  }

  /// What endpoints of group `index` had counted that are gone.
  func gone(_ index: Int) -> EndpointCounters {
    var sum = EndpointCounters()
    for loop in loops {
      for upstream in loop.proxy.upstreams where upstream.index == index { sum.add(upstream.gone) }
    }
    return sum
  }
}
