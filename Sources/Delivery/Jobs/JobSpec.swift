public import Base

/// One field of a request or a response.
public struct JobField: Hashable, Sendable {
  public var name: String
  public var value: String

  public init(_ name: String, _ value: String) {
    self.name = name
    self.value = value
  }
}

/// What is to be done: everything that was asked for and does not change.
public struct JobSpec: Hashable, Sendable {
  public var destination: Destination
  public var method = "GET"
  public var fields: [JobField] = []
  /// `nil` where there is none, which is not the same as an empty one.
  public var body: [UInt8]?
  /// How long one attempt may take, and how long attempts that sent nothing are repeated.
  public var timeToLive = JobSpec.timeToLiveMax
  public var retry: RetryPolicy?
  /// Jobs with the same are done one after the other.
  public var orderingKey: String?
  /// Told of the result, whatever it is.
  public var callback: Destination?
  /// Told of it instead where the job became a dead letter.
  public var failureCallback: Destination?
  /// The job whose result this one tells.
  public var parent: JobID?

  public init(_ destination: Destination) { self.destination = destination }

  /// The longest that an outbound call may take, whatever was asked for.
  public static let timeToLiveMax = Interval.seconds(165)

  /// How long one attempt may take.
  var attemptTimeout: Interval { min(timeToLive, JobSpec.timeToLiveMax) }

  /// The lane of the ordering key, never 0; 0 where there is none. Two keys that share a lane wait for one another,
  /// which is in nobody's way.
  var lane: Int64 {
    guard let orderingKey else { return 0 }
    // FNV-1a: the same in every run, for it is stored.
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in orderingKey.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
    return hash == 0 ? 1 : Int64(bitPattern: hash)
  }
}

/// When a job is tried again.
public struct RetryPolicy: Hashable, Sendable {
  public enum Backoff: String, Sendable, CaseIterable { case exponential, fixed }

  /// What an attempt may have come to.
  public struct Conditions: OptionSet, Hashable, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    public static let connect = Conditions(rawValue: 1)
    public static let timeout = Conditions(rawValue: 2)
    public static let serverError = Conditions(rawValue: 4)
    public static let tooManyRequests = Conditions(rawValue: 8)
    public static let all: Conditions = [.connect, .timeout, .serverError, .tooManyRequests]
    static let names: [(name: String, condition: Conditions)] = [
      ("connect", .connect), ("timeout", .timeout), ("5xx", .serverError), ("429", .tooManyRequests),
    ]
  }

  public var attemptsMax = 5
  public var backoff = Backoff.exponential
  public var initial = Interval.seconds(1)
  public var longest = Interval.seconds(3600)
  public var conditions = Conditions.all

  public init() {}
}

/// What became of one attempt.
public struct AttemptRecord: Hashable, Sendable {
  /// Milliseconds since 1970.
  public var startedAt: Int64
  public var duration: Interval
  /// Of the answer; 0 where none came.
  public var status: Int
  /// Why there is none. Empty where there is one.
  public var problem: String

  public init(startedAt: Int64, duration: Interval, status: Int, problem: String) {
    self.startedAt = startedAt
    self.duration = duration
    self.status = status
    self.problem = problem
  }
}

/// The answer to a job.
public struct JobResponse: Hashable, Sendable {
  public var status: Int
  public var fields: [JobField] = []
  public var body: [UInt8] = []
  /// There was more than is kept.
  public var isTruncated = false

  public init(status: Int) { self.status = status }

  /// So much of a body is kept.
  static let bodyBytesMax = 1 << 20
}

/// What has come of a job so far.
public struct JobOutcome: Hashable, Sendable {
  /// Attempts that count, of those since the last replay.
  public var attempts = 0
  /// The first and the latest of them.
  public var records: [AttemptRecord] = []
  public var response: JobResponse?

  static let recordsMax = 50

  public init() {}

  mutating func add(_ record: AttemptRecord) {
    if records.count >= JobOutcome.recordsMax { records.remove(at: 1) }
    records.append(record)
  }
}

/// Where a job stands. The raw values are in the store.
public enum JobState: Int64, Sendable, CaseIterable {
  case pending = 0
  case delivered = 1
  /// No attempt is left: a dead letter.
  case dead = 2
  case cancelled = 3

  public var name: String {
    switch self {
    case .pending: "pending"
    case .delivered: "delivered"
    case .dead: "dead"
    case .cancelled: "cancelled"
    }
  }

  init?(name: String) {
    guard let found = JobState.allCases.first(where: { $0.name == name }) else { return nil }
    self = found
  }
}
