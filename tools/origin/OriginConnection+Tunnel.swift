internal import Base
internal import Reactor

// After 101: everything the client sends comes back, as bytes or frame for frame.
extension OriginConnection {
  func startTunnel(_ exchange: Exchange) {
    context.scratch.removeAll()
    context.scratch.append("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ")
    if case .webSocket(let accept) = exchange.upgrade {
      webSocket = WebSocketEcho()
      context.scratch.append("websocket\r\nSec-WebSocket-Accept: ")
      context.scratch.append(contentsOf: accept)
    } else {
      context.scratch.append("echo")
    }
    context.scratch.append("\r\nX-Served-By: ")
    context.scratch.append(contentsOf: identity.servedBy)
    context.scratch.append("\r\n")
    context.scratch.append(contentsOf: exchange.query.fieldLines)
    context.scratch.append("\r\n")
    self.exchange = nil
    phase = .tunnel
    disarm()
    if sendScratch(), context.isDraining { drainTunnel() }
  }

  /// Sends back what `bytes[from...]` asks for. Takes all of it.
  func takeTunnel(_ bytes: Span<UInt8>, from: Int) -> Int {
    guard webSocket != nil else {
      if case .failed = stream.write(bytes.extracting(from..<bytes.count)) { close() }
      return bytes.count
    }
    let outcome = webSocket?.receive(bytes, from: from, into: &context.scratch)
    if sendScratch(), outcome == .closed { endConnection() }
    return bytes.count
  }

  /// The server is to end.
  func drainTunnel() {
    guard webSocket != nil else { return endConnection() }
    webSocket?.sayGoingAway(into: &context.scratch)
    if sendScratch() { arm(OriginConnection.goodbyeTime) }
  }

  /// For the client's close frame after ours.
  private static var goodbyeTime: Interval { .seconds(2) }
}
