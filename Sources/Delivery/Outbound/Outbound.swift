internal import Base
internal import HTTP1
internal import Reactor
internal import TLS

/// What all attempts of a loop share: idle connections, sessions, the resolver, and how a request is written.
final class Outbound: TimeoutHandler {
  typealias LookUpResult = Result<[SocketAddress], UVError>
  typealias Resolve = (String, UInt16, EventLoop, @escaping (LookUpResult) -> Void) -> Void

  let loop: EventLoop
  let destinations: DestinationGuard
  private let signature: Signature?
  private let userAgent: String
  private let tls: TLSClient
  private var idle: [String: [OutboundConnection]] = [:]
  private var idleCount = 0
  private var resumptions: [String: TLSResumption] = [:]
  private let timer = WheelTimer()
  let lookUps: LookUps

  /// Less than the five seconds after which the commonest servers close theirs.
  private static let idleMax = Interval.seconds(4)
  private static let idleConnectionsMax = 1024
  private static let resumptionsMax = 4096

  /// - Parameter tls: for all names; it is what trusts.
  init(_ settings: DeliverySettings, tls: TLSClient, on loop: EventLoop, resolver: @escaping Resolve) {
    self.loop = loop
    self.tls = tls
    lookUps = LookUps(on: loop, resolver: resolver)
    destinations = settings.destinations
    signature = settings.signature
    userAgent = "sluice/\(settings.version)"
    timer.setHandler(self)
  }

  func close() {
    loop.cancel(timer)
    for connection in idle.values.joined() { connection.close() }
    idle = [:]
  }

  // MARK: Connections

  func session(for destination: Destination) -> TLSSession {
    let client = TLSClient(tls, name: destination.host, isAddress: destination.address != nil)
    let resumption: TLSResumption
    if let known = resumptions[destination.origin] {
      resumption = known
    } else {
      if resumptions.count >= Outbound.resumptionsMax { resumptions = [:] }
      resumption = TLSResumption()
      resumptions[destination.origin] = resumption
    }
    return TLSSession(client, resuming: resumption, loop.securePipe)
  }

  func takeIdle(_ origin: String) -> OutboundConnection? {
    while let connection = idle[origin]?.popLast() {
      idleCount -= 1
      if idle[origin]?.isEmpty ?? false { idle[origin] = nil }
      if connection.isQuiet, loop.now.since(connection.idleSince) < Outbound.idleMax { return connection }
      connection.close()
    }
    return nil
  }

  func giveBack(_ connection: OutboundConnection) {
    connection.setHandler(nil)
    guard idleCount < Outbound.idleConnectionsMax else { return connection.close() }
    connection.idleSince = loop.now
    idle[connection.origin, default: []].append(connection)
    idleCount += 1
    if timer.deadline == .never { loop.arm(timer, deadline: loop.now.advanced(by: Outbound.idleMax)) }
  }

  /// An idle connection ended.
  func forget(_ connection: OutboundConnection) {
    if let at = idle[connection.origin]?.firstIndex(where: { $0 === connection }) {
      idle[connection.origin]?.remove(at: at)
      idleCount -= 1
      if idle[connection.origin]?.isEmpty ?? false { idle[connection.origin] = nil }
    }
    connection.close()
  }

  func timeoutPassed(_ timer: WheelTimer) {
    for (origin, connections) in idle {
      let old = connections.filter { loop.now.since($0.idleSince) >= Outbound.idleMax }
      guard !old.isEmpty else { continue }
      for connection in old { connection.close() }
      idleCount -= old.count
      let left = connections.filter { !$0.isClosed }
      idle[origin] = left.isEmpty ? nil : left
    }
    if !idle.isEmpty { loop.arm(timer, deadline: loop.now.advanced(by: .seconds(1))) }
  }

  // MARK: Requests

  /// The request as it goes over the wire. Fields that the caller set are not set again.
  func encode(_ job: StoredJob, seconds: Int64) -> ByteBuffer {
    let spec = job.spec
    let body = spec.body ?? []
    var out = ByteBuffer(capacity: 512 + body.count)
    out.append(text: spec.method)
    out.append(" ")
    out.append(text: spec.destination.target)
    out.append(" HTTP/1.1\r\nHost: ")
    out.append(text: spec.destination.authority)
    out.append("\r\n")
    for field in spec.fields { Outbound.append(field.name, field.value, to: &out) }
    let given = Set(spec.fields.map { $0.name.lowercased() })
    let id = job.id.description
    var ours = [("User-Agent", userAgent), ("Accept", "*/*"), ("Idempotency-Key", id)]
    if let signature, !signature.isEmpty {
      ours.append(("webhook-id", id))
      ours.append(("webhook-timestamp", "\(seconds)"))
      ours.append(("webhook-signature", signature.text(id: id, seconds: seconds, body: body)))
    }
    for (name, value) in ours where !given.contains(name.lowercased()) {
      Outbound.append(name, value, to: &out)
    }
    // RFC 9110 §8.6: a method that has a use for content says that there is none.
    if spec.body != nil || ["POST", "PUT", "PATCH"].contains(spec.method) {
      Outbound.append("Content-Length", "\(body.count)", to: &out)
    }
    out.append("\r\n")
    out.append(contentsOf: body)
    return out
  }

  private static func append(_ name: String, _ value: String, to out: inout ByteBuffer) {
    out.append(text: name)
    out.append(": ")
    out.append(text: value)
    out.append("\r\n")
  }

  /// Seconds, or a date. RFC 9110 §10.2.3.
  static func retryAfter(_ text: String) -> Interval? {
    let bytes = Array(text.utf8)
    if !bytes.isEmpty, bytes.allSatisfy(ASCII.isDigit) {
      return Int(text).map { Interval.seconds(UInt64(min($0, 1_000_000_000))) } ?? .seconds(1_000_000_000)
    }
    let now = WallClock.seconds()
    guard let date = HTTPDate.parse(bytes.span, 0..<bytes.count, now: now) else { return nil }
    return .seconds(UInt64(max(0, date - now)))
  }
}
