internal import Base
internal import Cache
public import Configuration
internal import Foundation
internal import Glibc
internal import Observe
internal import Proxy
public import Reactor
internal import Server
public import Upstream

/// A whole Sluice inside the test process, on threads of its own and a port that the kernel chose.
public final class ProxyUnderTest: Sendable {
  private enum Phase: Sendable {
    case starting
    case running([SocketAddress])
    case ended(Int32)
  }

  private let phase = Waitable(Phase.starting)
  private let control = Server.Control()
  public let addresses: [SocketAddress]
  private let adminAddress = Waitable<SocketAddress?>(nil)
  /// Where the admin listener is; `nil` where the settings have none.
  public var admin: SocketAddress? { adminAddress.value }

  /// Starts it and waits until every worker accepts.
  public init(_ settings: Settings, configure: (inout Settings) -> Void = { _ in }) throws {
    var settings = settings
    configure(&settings)
    let given = settings
    let (phase, control, adminAddress) = (phase, control, adminAddress)
    Thread.detachNewThread {
      let code: Int32
      do throws(UVError) {
        let server = try Server(
          given, control: control, handlesSignals: false,
          onAdminStart: { address in adminAddress.withLock { $0 = address } },
          onStart: { addresses in phase.withLock { $0 = .running(addresses) } })
        code = server.run()
      } catch {
        code = -1
      }
      phase.withLock { $0 = .ended(code) }
    }
    try phase.wait("the proxy to start") { if case .starting = $0 { false } else { true } }
    guard case .running(let addresses) = phase.value else {
      throw WireError.ended("the proxy accepted connections")
    }
    self.addresses = addresses
  }

  /// Starts it in front of `origins`, quiet and without an access log.
  public convenience init(
    _ origins: ScriptedOrigin..., workers: Int = 1, configure: (inout Settings) -> Void = { _ in }
  ) throws {
    var settings = ProxyUnderTest.settings(origins.map(\.location), workers: workers)
    configure(&settings)
    try self.init(settings)
  }

  /// Settings for a proxy on loopback that says nothing.
  public static func settings(_ locations: [OriginSettings.Location], workers: Int = 1) -> Settings {
    var settings = Settings(
      listen: [.ip(IPAddress(v4: 0x7F00_0001), port: 0)],
      upstream: UpstreamSettings(origins: locations.map { OriginSettings($0) }), workers: workers)
    settings.log.accessLog = .off
    settings.log.level = .critical
    // Checks would be connections that a script does not expect.
    settings.upstream.health.check = .none
    // And answers from memory would be requests that a script misses.
    settings.proxy.cache.isEnabled = false
    settings.proxy.instance = "test"
    // A sanitizer on a busy machine is as slow as an overload.
    settings.proxy.lagMax = Interval(milliseconds: 0)
    return settings
  }

  /// A client's connection to it.
  /// - Parameter bufferBytes: the kernel's buffers at the client's side, where they must be small.
  public func connect(bufferBytes: Int? = nil) throws -> WireClient {
    try WireClient(addresses[0], bufferBytes: bufferBytes)
  }

  /// One request on a connection of its own.
  public func exchange(_ text: String, method: String = "GET") throws -> WireResponse {
    let client = try connect()
    defer { client.close() }
    return try client.exchange(text, method: method)
  }

  /// What the admin listener says to a GET.
  public func ask(_ path: String) throws -> WireResponse {
    guard let admin else { throw WireError.ended("there is an admin listener") }
    let client = try WireClient(admin)
    defer { client.close() }
    return try client.exchange("GET \(path) HTTP/1.1\r\nHost: admin\r\n\r\n")
  }

  /// As SIGTERM.
  public func drain() { control.drain() }

  /// As a second SIGINT.
  public func cut() { control.cut() }

  /// Waits for the end. Returns the exit code of the process.
  public func exitCode() throws -> Int32 {
    try phase.wait("the proxy to end") { if case .ended = $0 { true } else { false } }
    guard case .ended(let code) = phase.value else { preconditionFailure("it does not start again") }
    return code
  }

  /// Waits for the end: what is freed while the process exits already looks like a leak.
  deinit {
    control.cut()
    try? phase.wait("the proxy to end", seconds: 10) { if case .ended = $0 { true } else { false } }
  }
}

/// A path for a socket or a file that no other test uses, short enough for a socket.
public func temporaryPath(_ name: String) -> String {
  "/tmp/sluice-\(getpid())-\(UInt32.random(in: 0...UInt32.max))-\(name)"
}

extension ScriptedOrigin {
  /// Where the settings say that the origin is.
  public var location: OriginSettings.Location {
    switch address {
    case .ip(let ip, let port): .host("\(ip)", port: port)
    case .unix(let path): .unix(path: path)
    }
  }
}
