internal import Base
internal import HTTP1
internal import Reactor
internal import TLS

/// One outbound call, from the look-up of its host to the last byte of the answer, within one deadline.
final class Attempt: TimeoutHandler, OutboundHandler {
  private static let connectTimeout = Interval.seconds(10)
  /// While there is another address to try, the one before it is not waited for longer (RFC 8305 §5 has 250 ms for
  /// people; a server's queue has more patience than that, and sends nothing twice).
  private static let addressTimeout = Interval.seconds(2)

  let job: StoredJob
  let startedAt: Int64
  private unowned let outbound: Outbound
  private let begin: Instant
  private let deadline: Instant
  private let timer = WheelTimer()
  private var addresses: [SocketAddress] = []
  private var connection: OutboundConnection?
  private var lastFailure = "no address"
  private var wasReused = false
  private var sentAt = Instant.never
  /// Over a connection before this one, which ended without an answer.
  private var wasSentBefore = false
  /// From the look-up on.
  private var connectBegin = Instant.never
  /// An idle connection that ends so soon after a request had ended before it; later, somebody has the request.
  private static let raceMax = Interval.seconds(1)
  private var isOver = false
  private let report: (Attempt, AttemptResult) -> Void

  init(_ job: StoredJob, on outbound: Outbound, report: @escaping (Attempt, AttemptResult) -> Void) {
    self.job = job
    self.outbound = outbound
    self.report = report
    startedAt = Moment.now()
    begin = outbound.loop.now
    deadline = begin.advanced(by: job.spec.attemptTimeout)
  }

  var elapsed: Interval { outbound.loop.now.since(begin) }

  /// Never reports within this call.
  func start() {
    timer.setHandler(self)
    let spec = job.spec
    if let idle = outbound.takeIdle(spec.destination.origin) {
      wasReused = true
      connection = idle
      idle.setHandler(self)
      outbound.loop.arm(timer, deadline: deadline)
      return send()
    }
    lookUp()
  }

  func close() {
    guard !isOver else { return }
    isOver = true
    outbound.loop.cancel(timer)
    connection?.close()
    connection = nil
  }

  private func end(_ result: AttemptResult) {
    guard !isOver else { return }
    close()
    report(self, result)
  }

  private func fail(_ kind: AttemptResult.Failure.Kind, _ reason: String, wasSent: Bool = false) {
    end(.failed(AttemptResult.Failure(kind: kind, wasSent: wasSent || wasSentBefore, reason: reason)))
  }

  // MARK: Address

  private func lookUp() {
    let destination = job.spec.destination
    connectBegin = outbound.loop.now
    outbound.loop.arm(timer, deadline: min(deadline, outbound.loop.now.advanced(by: Attempt.connectTimeout)))
    if let address = destination.address {
      return resolved(.success([.ip(address, port: destination.port)]))
    }
    outbound.lookUps.resolve(destination.host, destination.port) { [weak self] in self?.resolved($0) }
  }

  private func resolved(_ result: Result<[SocketAddress], UVError>) {
    guard !isOver else { return }
    let destination = job.spec.destination
    switch result {
    case .failure(let error): return failSoon(.connect, "\(destination.host) cannot be resolved: \(error)")
    case .success(let found):
      guard !found.isEmpty else { return failSoon(.connect, "\(destination.host) has no address") }
      // One that is closed spoils them all: a name that mixes them was made to.
      for case .ip(let address, let port) in found {
        if let refusal = outbound.destinations.refusal(destination.host, address, port) {
          return failSoon(.refused, "\(destination.host) \(refusal)")
        }
      }
      addresses = Attempt.interleaved(found)
      dial()
    }
  }

  /// The families in turn, beginning with the one that the resolver prefers. RFC 8305 §4.
  static func interleaved(_ addresses: [SocketAddress]) -> [SocketAddress] {
    func isV4(_ address: SocketAddress) -> Bool {
      if case .ip(let ip, _) = address { ip.isV4 } else { false }
    }
    guard let first = addresses.first else { return [] }
    let same = addresses.filter { isV4($0) == isV4(first) }
    let other = addresses.filter { isV4($0) != isV4(first) }
    var mixed: [SocketAddress] = []
    for index in 0..<max(same.count, other.count) {
      if index < same.count { mixed.append(same[index]) }
      if index < other.count { mixed.append(other[index]) }
    }
    return mixed
  }

  private func dial() {
    guard !addresses.isEmpty else { return failSoon(.connect, lastFailure) }
    let address = addresses.removeFirst()
    var limit = min(deadline, connectBegin.advanced(by: Attempt.connectTimeout))
    if !addresses.isEmpty { limit = min(limit, outbound.loop.now.advanced(by: Attempt.addressTimeout)) }
    outbound.loop.arm(timer, deadline: limit)
    let connection = OutboundConnection(job.spec.destination, address, on: outbound)
    self.connection = connection
    connection.setHandler(self)
    if let error = connection.connect() {
      lastFailure = "\(address): \(error)"
      connection.close()
      self.connection = nil
      dial()
    }
  }

  /// From a turn of its own, so that nobody is told while he asks.
  private func failSoon(_ kind: AttemptResult.Failure.Kind, _ reason: String) {
    pendingFailure = (kind, reason)
    outbound.loop.arm(timer, deadline: outbound.loop.now.advanced(by: Interval(milliseconds: 1)))
  }

  private var pendingFailure: (kind: AttemptResult.Failure.Kind, reason: String)?

  // MARK: Exchange

  private func send() {
    guard let connection else { return }
    let seconds = Moment.now() / 1000
    sentAt = outbound.loop.now
    if let error = connection.send(outbound.encode(job, seconds: seconds), method: job.spec.method) {
      connectionEnded(error)
    }
  }

  func connectionOpened() {
    guard !isOver, let connection else { return }
    if connection.isOwn { return fail(.refused, "\(connection.address) is a listener of this very process") }
    outbound.loop.arm(timer, deadline: deadline)
    send()
  }

  func connectionAnswered(_ response: JobResponse, retryAfter: Interval?, isReusable: Bool) {
    guard !isOver, let connection else { return }
    if isReusable {
      outbound.giveBack(connection)
      self.connection = nil
    }
    end(.answered(response, retryAfter: retryAfter))
  }

  func connectionEnded(_ reason: String) {
    guard !isOver, let connection else { return }
    let (wasSent, hasAnswered) = (connection.hasSent, connection.hasReceived)
    connection.close()
    self.connection = nil
    if wasReused, !hasAnswered, outbound.loop.now.since(sentAt) < Attempt.raceMax {
      // It was idle and ended as we took it: the usual race, and the reason why receivers get an Idempotency-Key.
      (wasReused, wasSentBefore) = (false, true)
      return lookUp()
    }
    if wasSent { return fail(hasAnswered ? .malformed : .connect, reason, wasSent: true) }
    lastFailure = reason
    dial()
  }

  func timeoutPassed(_ timer: WheelTimer) {
    if let pendingFailure { return fail(pendingFailure.kind, pendingFailure.reason) }
    guard let connection else { return fail(.connect, "the host was not resolved in time") }
    if connection.hasSent {
      return fail(
        .timeout, "no complete answer within \(job.spec.attemptTimeout.milliseconds) ms", wasSent: true)
    }
    lastFailure = "\(connection.address): no connection in time"
    connection.close()
    self.connection = nil
    let connectDeadline = min(deadline, connectBegin.advanced(by: Attempt.connectTimeout))
    if outbound.loop.now >= connectDeadline { return fail(.connect, lastFailure) }
    dial()
  }
}
