internal import Synchronization

/// How many sockets this process may still open: descriptors are the process's, so the count is too.
///
/// It is kept so that accepting stops before the kernel says that none are left. By then libuv would
/// accept and close every waiting connection, and its client would see a reset instead of a wait.
public enum DescriptorBudget {
  private static let used = Atomic<Int>(0)
  private static let limit = Atomic<Int>(.max)

  /// Loops, pipes, timers, log files and what else holds descriptors beside sockets.
  private static let reserved = 48

  /// - Parameter descriptors: the limit in force for the process.
  static func setLimit(_ descriptors: Int) { limit.store(max(8, descriptors - reserved), ordering: .relaxed) }

  static func take() { used.wrappingAdd(1, ordering: .relaxed) }
  static func release() { used.wrappingSubtract(1, ordering: .relaxed) }

  /// Whether another socket may be opened towards an origin.
  public static var hasRoom: Bool { used.load(ordering: .relaxed) < limit.load(ordering: .relaxed) }

  /// Whether another client may be let in: a quarter is kept for the way to the origins.
  public static var hasRoomForClients: Bool {
    let limit = limit.load(ordering: .relaxed)
    return used.load(ordering: .relaxed) < limit - limit / 4
  }
}
