import Base
import Reactor
import Upstream
import Foundation
import Observe
import Reactor
import TestSupport

@testable import Delivery

/// Ack-then-deliver inside the test process, with a store of its own and names that resolve as the test says.
final class AsyncUnderTest: @unchecked Sendable {
  // Unchecked: `thread` is joined once, by whoever ends the service.
  /// Lines as they would be logged.
  final class Lines: LineSink {
    let text = Waitable("")
    func submit(_ lines: consuming ByteBuffer) {
      let more = lines.text()
      text.withLock { $0 += more }
    }
  }

  let address: SocketAddress
  let directory: String
  let lines = Lines()
  /// What names resolve to; those that are not here do not.
  let names: Waitable<[String: [String]]>
  let lookUps: Waitable<[String]>
  private let service: DeliveryService
  private var thread: LoopThread?
  private let hasEnded: Waitable<Bool>
  let warnings: Waitable<[String]>
  private let ownsDirectory: Bool

  /// - Parameter directory: of one that ended, to go on with its jobs.
  init(
    names given: [String: [String]] = [:], directory: String? = nil,
    configure: (inout DeliverySettings) -> Void = { _ in }
  ) throws {
    ownsDirectory = directory == nil
    let directory =
      directory ?? FileManager.default.temporaryDirectory.appending(path: "async-\(UUID())").path
    self.directory = directory
    var settings = DeliverySettings()
    settings.listen = loopback
    settings.stateDirectory = directory
    settings.destinations.allowedNetworks = [CIDR("127.0.0.0/8")].compactMap { $0 }
    configure(&settings)
    let (names, lookUps) = (Waitable(given), Waitable([String]()))
    (self.names, self.lookUps) = (names, lookUps)
    let (phase, hasEnded, warnings) = (
      Waitable<Result<SocketAddress, WireError>?>(nil), Waitable(false), Waitable([String]())
    )
    (self.hasEnded, self.warnings) = (hasEnded, warnings)
    let started = try DeliveryService.start(
      settings, sink: lines,
      resolver: { host, port, loop, completion in
        lookUps.withLock { $0.append(host) }
        let addresses = names.value[host]?.compactMap { IPAddress($0) }.map {
          SocketAddress.ip($0, port: port)
        }
        var timer: RepeatingTimer?
        timer = RepeatingTimer(every: .milliseconds(1), on: loop) {
          timer?.close()
          timer = nil
          completion(addresses.map { .success($0) } ?? .failure(.canceled))
        }
      },
      report: { event in
        switch event {
        case .started(let address, _): phase.withLock { $0 = .success(address) }
        case .failed(let reason): phase.withLock { $0 = .failure(.ended(reason)) }
        case .warning(let text): warnings.withLock { $0.append(text) }
        case .ended: hasEnded.withLock { $0 = true }
        }
      })
    service = started.service
    thread = started.thread
    try phase.wait("the service to start") { $0 != nil }
    do {
      address = try phase.value?.get() ?? loopback
    } catch {
      thread?.join()
      thread = nil
      throw error
    }
  }

  deinit {
    try? end(cut: true)
    if ownsDirectory { try? FileManager.default.removeItem(atPath: directory) }
  }

  func end(cut: Bool = false) throws {
    if cut { service.cut() } else { service.drain() }
    try hasEnded.wait("the service to end") { $0 }
    thread?.join()
    thread = nil
  }

  var counts: DeliverySnapshot { service.snapshot }

  func connect() throws -> WireClient { try WireClient(address) }

  func ask(_ text: String, method: String = "GET") throws -> WireResponse {
    let client = try connect()
    defer { client.close() }
    return try client.exchange(text, method: method)
  }

  func get(_ path: String) throws -> WireResponse { try ask(head("GET \(path)")) }

  func post(_ json: String, to path: String = "/createRequest", _ fields: String...) throws -> WireResponse {
    try ask(AsyncUnderTest.request(json, to: path, fields))
  }

  static func request(_ json: String, to path: String = "/createRequest", _ fields: [String] = []) -> String {
    ([
      "POST \(path) HTTP/1.1", "Host: a", "Content-Type: application/json",
      "Content-Length: \(json.utf8.count)",
    ] + fields)
    .map { $0 + "\r\n" }.joined() + "\r\n" + json
  }

  /// Posts a job that must be taken. Returns its id.
  func accept(_ url: String, _ members: String = "", _ fields: String...) throws -> String {
    let json = "{\"external_url\":\"\(url)\"\(members.isEmpty ? "" : ",")\(members)}"
    let response = try ask(AsyncUnderTest.request(json, fields))
    guard response.status == 202 else { throw WireError.malformed("\(response.status): \(response.text)") }
    return try Self.members(response)["id"] as? String ?? ""
  }

  static func members(_ response: WireResponse) throws -> [String: Any] {
    try JSONSerialization.jsonObject(with: Data(response.text.utf8)) as? [String: Any] ?? [:]
  }

  /// The job, as it is shown.
  func job(_ id: String) throws -> [String: Any] { try Self.members(try get("/requests/\(id)")) }

  /// Waits until a job is in a state, and returns it.
  @discardableResult func wait(_ id: String, _ state: String) throws -> [String: Any] {
    var last: [String: Any] = [:]
    let isThere = try eventually {
      last = try job(id)
      return last["state"] as? String == state
    }
    if !isThere { throw WireError.timedOut("\(state): \(last)") }
    return last
  }
}

/// Where a scripted origin is, as a URL.
func url(_ origin: ScriptedOrigin, _ path: String = "/hook") -> String {
  guard case .host(let host, port: let port) = origin.location else { return "" }
  return "http://\(host):\(port)\(path)"
}

func port(_ origin: ScriptedOrigin) -> UInt16 {
  guard case .host(_, port: let port) = origin.location else { return 0 }
  return port
}
