internal import Base
internal import HTTP1
internal import Reactor
internal import Synchronization

/// What the connections of one loop share.
final class OriginLoop: ListenerHandler {
  /// Requests of all loops.
  private static let requestCounter = Atomic<Int>(0)

  let loop: EventLoop
  let settings: OriginSettings
  let limits = Limits()
  /// The line of the Keep-Alive field; empty for none.
  let keepAliveLine: [UInt8]
  var table = FieldTable()
  /// For heads and coded bodies: used within one call, empty between calls.
  var scratch = ByteBuffer()
  private(set) var isDraining = false
  private(set) var date = ByteBuffer()
  private var dateSecond = -1
  private var dateChecked = Instant(milliseconds: 0)
  /// The last benchmark answer that was asked for, whole.
  private(set) var smallAnswer = ByteBuffer()
  private(set) var smallSize = -1
  private var listeners: [(listener: SocketListener, identity: Identity)] = []
  private var connections: [OriginConnection] = []
  private var unfinished: [OriginConnection] = []
  private var unfinishedTimer: RepeatingTimer?

  init(_ settings: OriginSettings, on loop: EventLoop) {
    self.settings = settings
    self.loop = loop
    let seconds = settings.keepAliveTimeout.milliseconds / 1000
    keepAliveLine = settings.announcesKeepAlive ? Array("Keep-Alive: timeout=\(seconds)\r\n".utf8) : []
  }

  func countRequest() -> Int { OriginLoop.requestCounter.add(1, ordering: .relaxed).newValue }

  /// Makes `date` true for this turn of the loop, to within a quarter of a second.
  func refreshDate() {
    let now = loop.now
    if dateSecond >= 0, now.since(dateChecked).milliseconds < 250 { return }
    dateChecked = now
    let second = WallClock.seconds()
    guard second != dateSecond else { return }
    dateSecond = second
    date.removeAll()
    HTTPDate.append(seconds: second, to: &date)
  }

  func prepareSmallAnswer(_ size: Int) {
    guard size != smallSize else { return }
    smallSize = size
    smallAnswer.removeAll()
    AnswerHead.writeSmall(size, keepAlive: keepAliveLine, to: &smallAnswer)
  }

  // MARK: Connections

  /// Listens on `addresses`. Returns them as bound.
  func listen(
    on addresses: [SocketAddress], _ unixSockets: [UnixListenerSocket]
  ) throws(ListenError) -> [SocketAddress] {
    for address in addresses {
      do throws(UVError) {
        let listener: SocketListener
        if case .unix(let path) = address {
          guard let shared = unixSockets.first(where: { $0.path == path }) else { continue }
          listener = try SocketListener(shared, on: loop, handler: self)
        } else {
          listener = try SocketListener(address, on: loop, handler: self)
        }
        listeners.append((listener, Identity(hostName: settings.hostName, address: listener.address)))
      } catch {
        throw ListenError(address: address, cause: error)
      }
    }
    return listeners.map { $0.listener.address }
  }

  func listenerShouldAccept(_ listener: SocketListener) -> Bool { true }

  func listener(_ listener: SocketListener, didAccept stream: SocketStream) {
    guard let entry = listeners.first(where: { $0.listener === listener }) else { return stream.close() }
    let connection = OriginConnection(stream, entry.identity, on: self)
    connection.registryIndex = connections.count
    connections.append(connection)
    connection.start()
  }

  func listener(_ listener: SocketListener, didFail error: UVError) {
    OriginServer.say("origin: cannot accept: \(error)", to: .standardError)
  }

  func remove(_ connection: OriginConnection) {
    let index = connection.registryIndex
    let last = connections.removeLast()
    if last !== connection {
      connections[index] = last
      last.registryIndex = index
    }
  }

  /// Goes on with the answer of `connection` in the next turn, so that one fast reader does not starve
  /// the others.
  func continueLater(_ connection: OriginConnection) {
    unfinished.append(connection)
    guard unfinishedTimer == nil else { return }
    unfinishedTimer = RepeatingTimer(every: .milliseconds(0), on: loop) { [unowned self] in
      unfinishedTimer?.close()
      unfinishedTimer = nil
      let waiting = unfinished
      unfinished = []
      for connection in waiting { connection.pumpAnswer() }
    }
  }

  // MARK: Ending

  /// Stops accepting and lets exchanges finish; idle connections have a moment for a last request. The loop
  /// then has nothing left to do.
  func drain() {
    isDraining = true
    closeListeners(takingPending: true)
    for connection in Array(connections) { connection.drain() }
  }

  /// Closes everything. Returns whether there was something left.
  func cut() -> Bool {
    isDraining = true
    closeListeners()
    let wasBusy = !connections.isEmpty
    for connection in Array(connections) { connection.close() }
    unfinishedTimer?.close()
    unfinishedTimer = nil
    return wasBusy
  }

  private func closeListeners(takingPending: Bool = false) {
    for entry in listeners { entry.listener.close(takingPending: takingPending) }
    listeners = []
  }
}

struct ListenError: Error {
  let address: SocketAddress
  let cause: UVError
}
