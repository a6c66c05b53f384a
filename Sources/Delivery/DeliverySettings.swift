public import Base
public import Reactor

/// How jobs are taken, kept and done.
public struct DeliverySettings: Sendable {
  /// `nil` where no jobs are taken.
  public var listen: SocketAddress?
  public var path = "/createRequest"
  /// Asked for as `Authorization: Bearer`; `nil` for nothing.
  public var token: String?
  public var bodyBytesMax = 1 << 20
  /// A request for a job comes whole within this time.
  public var requestTimeout = Interval.seconds(30)
  public var destinations = DestinationGuard()
  public var concurrency = 256
  public var concurrencyPerOrigin = 32
  /// How long finished jobs are kept.
  public var retention = Interval.seconds(24 * 3600)
  public var pendingMax = 1_000_000
  public var storeBytesMax = 4 << 30
  public var stateDirectory = "./sluice-state"
  public var signature: Signature?
  /// So much of an answer's body is logged.
  public var logBodyBytesMax = 1024
  /// A PEM file of those that are trusted; `nil` for the system's.
  public var authorities: String?
  public var drainTimeout = Interval.seconds(25)
  public var version = ""
  public var logsJSON = false

  public init() {}
}

/// What was counted since the start, and what there is now.
public struct DeliverySnapshot: Sendable {
  public var accepted: UInt64 = 0
  /// Requests for jobs that were not taken.
  public var refused: UInt64 = 0
  /// Jobs whose answer was a success.
  public var delivered: UInt64 = 0
  /// Attempts that were none.
  public var failed: UInt64 = 0
  public var retried: UInt64 = 0
  /// Jobs that became dead letters.
  public var dead: UInt64 = 0
  public var pending = 0
  public var inFlight = 0
  public var connections = 0
  /// How long the job that waits longest has been due, in seconds.
  public var oldestAge = 0.0
  public var storeBytes: Int64 = 0
  public var commits: UInt64 = 0
  public var commitOperations: UInt64 = 0
  /// From the first of a batch to its being durable, in microseconds.
  public var commitMicroseconds = [UInt64](repeating: 0, count: DeliverySnapshot.commitBounds.count + 1)
  public var commitMicrosecondsSum: UInt64 = 0
  /// From the time a job was due to its answer.
  public var deliveryMilliseconds = [UInt64](repeating: 0, count: DeliverySnapshot.deliveryBounds.count + 1)
  public var deliveryMillisecondsSum: UInt64 = 0

  public static let commitBounds: [UInt64] = [250, 500, 1000, 2500, 5000, 10_000, 25_000, 100_000, 1_000_000]
  public static let deliveryBounds: [UInt64] = [
    5, 10, 25, 50, 100, 250, 1000, 5000, 30_000, 165_000, 3_600_000,
  ]

  public init() {}

  static func count(_ value: UInt64, _ bounds: [UInt64], in buckets: inout [UInt64]) {
    buckets[bounds.firstIndex { value <= $0 } ?? bounds.count] += 1
  }
}
