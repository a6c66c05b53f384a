internal import Base
internal import Digest
internal import Reactor

/// The listener that jobs come to.
final class IntakeServer: ListenerHandler {
  private static let connectionsMax = 10_000
  /// What bodies may hold in all, from their first byte to their answer.
  private static let heldBytesMax = 256 << 20

  let deliverer: Deliverer
  let settings: DeliverySettings
  let decoder: JobDecoder
  let loop: EventLoop
  private let tokenKey: [UInt8]
  private let tokenCode: [UInt8]?
  private let warn: (String) -> Void
  private var listener: SocketListener?
  private var connections: [ObjectIdentifier: IntakeConnection] = [:]
  private(set) var isDraining = false
  private var heldBytes = 0
  private var onEmpty: (() -> Void)?
  private let acceptRetry = Delay()

  init(_ deliverer: Deliverer, warn: @escaping (String) -> Void) {
    self.deliverer = deliverer
    self.warn = warn
    settings = deliverer.settings
    loop = deliverer.loop
    decoder = JobDecoder(
      destinations: settings.destinations, signs: settings.signature.map { !$0.isEmpty } ?? false)
    var random = SystemRandomNumberGenerator()
    let key = (0..<32).map { _ in UInt8.random(in: 0...255, using: &random) }
    tokenKey = key
    tokenCode = settings.token.map { MessageAuthentication.code(of: Array($0.utf8), key: key) }
  }

  /// Returns the address as bound.
  func listen(on address: SocketAddress) throws(UVError) -> SocketAddress {
    let listener: SocketListener
    if case .unix(let path) = address {
      listener = try SocketListener(try UnixListenerSocket(path: path), on: loop, handler: self)
    } else {
      listener = try SocketListener(address, on: loop, handler: self)
    }
    self.listener = listener
    return listener.address
  }

  var connectionCount: Int { connections.count }

  /// Whether a token is the one that is asked for. By codes under a key that nobody knows: how long it takes tells
  /// nothing of where they differ.
  func admits(_ token: [UInt8]?) -> Bool {
    guard let tokenCode else { return true }
    guard let token else { return false }
    return MessageAuthentication.code(of: token, key: tokenKey) == tokenCode
  }

  /// Whether there is room for a body; it is given back by `release`.
  func reserve(_ bytes: Int) -> Bool {
    guard heldBytes + bytes <= IntakeServer.heldBytesMax else { return false }
    heldBytes += bytes
    return true
  }

  func release(_ bytes: Int) { heldBytes -= bytes }

  /// Takes no more connections, and ends those that are idle; `completion` is called when all have ended.
  func drain(_ completion: @escaping () -> Void) {
    isDraining = true
    onEmpty = completion
    listener?.close(takingPending: true)
    listener = nil
    acceptRetry.cancel()
    for connection in connections.values { connection.drain() }
    checkEmpty()
  }

  func close() {
    listener?.close()
    listener = nil
    acceptRetry.cancel()
    for connection in connections.values { connection.close() }
  }

  func remove(_ connection: IntakeConnection) {
    connections[ObjectIdentifier(connection)] = nil
    listener?.resume()
    checkEmpty()
  }

  private func checkEmpty() {
    guard connections.isEmpty, let onEmpty else { return }
    self.onEmpty = nil
    onEmpty()
  }

  func listenerShouldAccept(_ listener: SocketListener) -> Bool {
    if connections.count < IntakeServer.connectionsMax, DescriptorBudget.hasRoomForClients { return true }
    retryAcceptSoon()
    return false
  }

  /// Others of the process may make room, of which nothing here hears: looks again ten times a second.
  private func retryAcceptSoon() {
    acceptRetry.start(after: .milliseconds(100), on: loop, holdsLoop: true) { [unowned self] in
      listener?.resume()
    }
  }

  func listener(_ listener: SocketListener, didAccept stream: SocketStream) {
    let connection = IntakeConnection(stream, of: self)
    connections[ObjectIdentifier(connection)] = connection
    connection.start()
  }

  func listener(_ listener: SocketListener, didFail error: UVError) {
    warn("async listener: cannot accept: \(error)")
    retryAcceptSoon()
  }
}
