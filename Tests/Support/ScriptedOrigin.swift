public import Base
internal import Foundation
internal import Glibc
public import Reactor

/// One connection as an origin sees it, driven by a script on a thread of its own.
public final class OriginConnection: WireSocket, @unchecked Sendable {
  /// The how-manieth connection to the origin this is, from 0.
  public let index: Int
  private let record: Waitable<[UInt8]>
  private let journal: Waitable<ScriptedOrigin.Journal>

  init(descriptor: Int32, index: Int, record: Waitable<[UInt8]>, journal: Waitable<ScriptedOrigin.Journal>) {
    self.index = index
    self.record = record
    self.journal = journal
    super.init(descriptor: descriptor)
  }

  public override func received(_ bytes: ArraySlice<UInt8>) {
    record.withLock { $0 += bytes }
    // Wakes who waits for the journal.
    journal.withLock { _ in }
  }

  /// Reads one whole request.
  public func readRequest(seconds: Double = Patience.seconds) throws -> WireRequest {
    try read("a request", seconds: seconds) { bytes, _ in try WireRequest.parse(bytes) }
  }

  /// Reads a request head alone.
  public func readHead() throws -> String { try read(until: "\r\n\r\n") }

  /// Reads until the proxy ends the connection, and says how it did.
  @discardableResult public func awaitEnd() throws -> End { try readToEnd().end }
}

/// An origin on loopback that does what a test tells it, byte by byte.
///
/// Each connection runs the script on its own thread; the connection is closed when the script returns
/// or throws.
public final class ScriptedOrigin: Sendable {
  /// What an origin has seen so far.
  public struct Journal: Sendable {
    /// The bytes received on each connection, in the order of the connections.
    var records: [Waitable<[UInt8]>] = []
    /// What scripts threw.
    public fileprivate(set) var errors: [any Error] = []
    /// Requests that were answered by `init(answering:)`, over all connections.
    public fileprivate(set) var requests: [WireRequest] = []
    /// The index of the connection that brought each of `requests`.
    public fileprivate(set) var requestConnections: [Int] = []
    /// Connections whose script is over.
    public fileprivate(set) var endedCount = 0
    fileprivate var live: [Int: OriginConnection] = [:]
    fileprivate var isStopped = false

    public var connectionCount: Int { records.count }
    /// Whether the script of connection `index` still runs.
    public func isLive(_ index: Int) -> Bool { live[index] != nil }
    /// The bytes received on connection `index`; none before it came.
    public func bytes(_ index: Int = 0) -> [UInt8] { index < records.count ? records[index].value : [] }
    /// The same as text.
    public func text(_ index: Int = 0) -> String { String(decoding: bytes(index), as: UTF8.self) }
    /// How many bytes came over all connections.
    public var byteCount: Int { records.reduce(0) { $0 + $1.value.count } }
  }

  public let address: SocketAddress
  public let journal = Waitable(Journal())
  private let descriptor: Int32

  public var port: UInt16 { if case .ip(_, let port) = address { port } else { 0 } }
  public var requests: [WireRequest] { journal.value.requests }
  public var connectionCount: Int { journal.value.connectionCount }
  /// What came on connection `index` so far.
  public func text(_ index: Int = 0) -> String { journal.value.text(index) }

  /// The request that was answered `index`th by `init(answering:)`.
  public func request(_ index: Int = 0) throws -> WireRequest {
    let requests = self.requests
    guard index < requests.count else { throw WireError.ended("request \(index) came") }
    return requests[index]
  }

  /// Listens and runs `script` for each connection.
  /// - Parameters:
  ///   - address: a loopback address with port 0, or a path for a unix-domain socket.
  ///   - bufferBytes: the kernel's buffers for its connections, where they must be small.
  public init(
    at address: SocketAddress = .ip(IPAddress(v4: 0x7F00_0001), port: 0), bufferBytes: Int? = nil,
    script: @escaping @Sendable (OriginConnection) throws -> Void
  ) throws {
    (descriptor, self.address) = try ScriptedOrigin.listen(
      at: address, backlog: 512, bufferBytes: bufferBytes)
    let (descriptor, journal) = (descriptor, journal)
    Thread.detachNewThread { ScriptedOrigin.acceptAll(descriptor, journal, script) }
  }

  /// An origin that answers every request it gets, on as many connections as come.
  /// - Parameter answer: the whole answer as it goes over the wire. `nil` ends the connection without one.
  public convenience init(
    at address: SocketAddress = .ip(IPAddress(v4: 0x7F00_0001), port: 0),
    answering answer: @escaping @Sendable (WireRequest) -> String?
  ) throws {
    let box = Waitable<ScriptedOrigin.JournalBox?>(nil)
    try self.init(at: address) { connection in
      while true {
        let request: WireRequest
        do {
          request = try connection.readRequest(seconds: 300)
        } catch WireError.ended, WireError.reset {
          return
        }
        try box.wait("the journal") { $0 != nil }
        box.value?.journal.withLock {
          $0.requests.append(request)
          $0.requestConnections.append(connection.index)
        }
        guard let text = answer(request) else { return }
        try connection.send(text)
      }
    }
    let journal = self.journal
    box.withLock { $0 = JournalBox(journal: journal) }
  }

  /// An origin that answers every request with 200 and `body`.
  public convenience init(saying body: String) throws {
    try self.init { _ in "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)" }
  }

  private struct JournalBox: Sendable { let journal: Waitable<Journal> }

  /// Waits until `isReached` is true of what the origin has seen.
  public func wait(_ what: String, until isReached: (Journal) -> Bool) throws {
    try journal.wait(what, until: isReached)
  }

  /// As `stop`, but a unix-domain socket leaves its file, as after a kill.
  public func stopKeepingFile() { stop(removesFile: false) }

  /// Refuses new connections and ends those that are open.
  public func stop() { stop(removesFile: true) }

  private func stop(removesFile: Bool) {
    let live = journal.withLock { journal -> [OriginConnection]? in
      guard !journal.isStopped else { return nil }
      journal.isStopped = true
      // Wakes the thread in accept; that thread closes the descriptor.
      _ = shutdown(descriptor, Int32(SHUT_RDWR))
      return Array(journal.live.values)
    }
    guard let live else { return }
    for connection in live { connection.abandon() }
    if removesFile, case .unix(let path) = address { unsafe unlink(path) }
  }

  /// Refuses new connections; those that are open go on until their scripts end.
  public func stopListening() {
    journal.withLock { journal in
      guard !journal.isStopped else { return }
      journal.isStopped = true
      _ = shutdown(descriptor, Int32(SHUT_RDWR))
    }
  }

  /// Ends the connections that are open and goes on listening.
  public func endConnections() {
    for connection in journal.value.live.values { connection.abandon() }
  }

  deinit { stop() }

  /// A listening socket and its address, with the port that the kernel chose.
  static func listen(
    at address: SocketAddress, backlog: Int32, bufferBytes: Int?
  ) throws -> (Int32, SocketAddress) {
    let descriptor = unsafe address.withRawAddress { family, _, _ in
      socket(family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    }
    guard descriptor >= 0 else { throw WireError.system("socket", code: errno) }
    if let bufferBytes {
      var size = Int32(bufferBytes)
      for option in [SO_RCVBUF, SO_SNDBUF] {
        unsafe setsockopt(descriptor, SOL_SOCKET, option, &size, socklen_t(MemoryLayout<Int32>.size))
      }
    }
    let status = unsafe address.withRawAddress { _, raw, length in unsafe bind(descriptor, raw, length) }
    guard status == 0, Glibc.listen(descriptor, backlog) == 0 else {
      let code = errno
      _ = Glibc.close(descriptor)
      throw WireError.system("listen on \(address)", code: code)
    }
    guard case .ip(let ip, _) = address else { return (descriptor, address) }
    return (descriptor, .ip(ip, port: try boundPort(descriptor)))
  }

  private static func boundPort(_ descriptor: Int32) throws -> UInt16 {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let status = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe getsockname(descriptor, $0, &length)
      }
    }
    guard status == 0 else { throw WireError.system("getsockname", code: errno) }
    // The port stands at the same place for both families.
    return unsafe withUnsafeBytes(of: &storage) { bytes in
      UInt16(bigEndian: unsafe bytes.loadUnaligned(fromByteOffset: 2, as: UInt16.self))
    }
  }

  private static func acceptAll(
    _ descriptor: Int32, _ journal: Waitable<Journal>,
    _ script: @escaping @Sendable (OriginConnection) throws -> Void
  ) {
    while true {
      let accepted = accept(descriptor, nil, nil)
      if accepted < 0 {
        if errno == EINTR || errno == ECONNABORTED { continue }
        _ = Glibc.close(descriptor)
        return
      }
      let record = Waitable<[UInt8]>([])
      let box = journal
      let connection = journal.withLock { journal -> OriginConnection? in
        guard !journal.isStopped else { return nil }
        let connection = OriginConnection(
          descriptor: accepted, index: journal.records.count, record: record, journal: box)
        journal.records.append(record)
        journal.live[connection.index] = connection
        return connection
      }
      guard let connection else {
        _ = Glibc.close(accepted)
        continue
      }
      Thread.detachNewThread {
        var failure: (any Error)?
        do { try script(connection) } catch { failure = error }
        journal.withLock { $0.live[connection.index] = nil }
        connection.close()
        journal.withLock { journal in
          if let failure { journal.errors.append(failure) }
          journal.endedCount += 1
        }
      }
    }
  }
}
