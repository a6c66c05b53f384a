public import Admin
internal import Base
public import Cache
internal import Configuration
internal import Delivery
internal import Logging
internal import Proxy
internal import RateLimit
internal import Reactor
internal import TLS
internal import Upstream

// MARK: Admin

extension Server: AdminSource {
  public var isDraining: Bool { isStopping }

  public var cache: CacheStore? { store }

  public var groups: [AdminSnapshot.Group] {
    directories.map {
      AdminSnapshot.Group(
        name: $0.name, statuses: $0.statuses, problem: $0.problem, goneEjections: $0.goneEjections)
    }
  }

  public func gather(_ completion: @escaping (AdminSnapshot) -> Void) {
    let number = gatherings.begin(liveWorkers) { [unowned self] loops in
      completion(
        AdminSnapshot(
          version: Version.text, uptime: loop.now.since(startedAt), isDraining: isStopping, loops: loops,
          groups: groups, connectionsMax: limits?.connections.limit ?? 0, cache: store?.statistics,
          rateLimit: limits?.rate?.statistics, bufferBytes: limits?.buffers.count ?? 0,
          certificates: tls?.server.certificates ?? [], delivery: delivery?.snapshot))
    }
    tell(.count(number))
  }

  /// `false` when it failed, which has been told.
  func startAdmin() -> Bool {
    guard let address = settings.adminListen else { return true }
    let server = AdminServer(self, on: loop) { [logger] in logger.warning("\($0)") }
    do throws(UVError) {
      let bound = try server.listen(on: address)
      admin = server
      onAdminStart(bound)
      return true
    } catch {
      fail("SLUICE_ADMIN_LISTEN: cannot listen on \(address): \(error)")
      return false
    }
  }
}

/// Questions to all loops that wait for their answers.
struct Gatherings {
  private struct Gathering {
    var missing: Int
    var loops: [(index: Int, AdminSnapshot.Loop)] = []
    let completion: ([AdminSnapshot.Loop]) -> Void
  }

  private var open: [Int: Gathering] = [:]
  private var nextNumber = 0

  mutating func begin(_ count: Int, _ completion: @escaping ([AdminSnapshot.Loop]) -> Void) -> Int {
    nextNumber += 1
    // A loop that ended meanwhile never answers.
    open = open.filter { $0.key > nextNumber - 64 }
    open[nextNumber] = Gathering(missing: count, completion: completion)
    return nextNumber
  }

  mutating func received(_ number: Int, from index: Int, _ loop: AdminSnapshot.Loop) {
    guard var gathering = open[number] else { return }
    gathering.loops.append((index, loop))
    gathering.missing -= 1
    open[number] = gathering.missing > 0 ? gathering : nil
    if gathering.missing <= 0 {
      gathering.completion(gathering.loops.sorted { $0.index < $1.index }.map { $0.1 })
    }
  }
}
