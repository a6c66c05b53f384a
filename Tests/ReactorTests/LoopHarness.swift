import Base
import Reactor
import TestSupport

/// Runs `body` on a loop of this thread until it says that it is done.
///
/// `body` gets the loop and what to call at the end; the handles it made are closed by then.
func runLoop(_ what: String, _ body: (EventLoop, _ done: @escaping () -> Void) throws -> Void) throws {
  let loop = try EventLoop()
  var isDone = false
  var deadline: RepeatingTimer?
  deadline = RepeatingTimer(every: .seconds(UInt64(Patience.seconds)), on: loop) { loop.stop() }
  let done = {
    isDone = true
    deadline?.close()
    deadline = nil
  }
  do {
    try body(loop, done)
  } catch {
    done()
    loop.run()
    loop.close()
    throw error
  }
  loop.run()
  // Handles are open still, so the loop cannot be closed: that would trap and hide the reason.
  guard isDone else { throw WireError.timedOut(what) }
  loop.close()
}

/// Hears a stream and passes on what is asked for.
final class StreamListener: StreamHandler {
  var onConnect: () -> Void = {}
  var onBytes: ([UInt8]) -> Void = { _ in }
  var onReadable: () -> Void = {}
  var onDrain: () -> Void = {}
  var onEnd: (UVError?) -> Void = { _ in }

  func streamDidConnect() { onConnect() }
  func streamDidReceive(_ bytes: Span<UInt8>) {
    var copy: [UInt8] = []
    for index in bytes.indices { copy.append(bytes[index]) }
    onBytes(copy)
  }
  func streamIsReadable() { onReadable() }
  func streamDidDrain() { onDrain() }
  func streamDidEnd(_ error: UVError?) { onEnd(error) }
}

/// Hears a listener.
final class Acceptor: ListenerHandler {
  var accepts = true
  var askedCount = 0
  var onAsk: () -> Void = {}
  var onStream: (SocketStream) -> Void = { $0.close() }

  func listenerShouldAccept(_ listener: SocketListener) -> Bool {
    askedCount += 1
    onAsk()
    return accepts
  }
  func listener(_ listener: SocketListener, didAccept stream: SocketStream) { onStream(stream) }
  func listener(_ listener: SocketListener, didFail error: UVError) {}
}

let loopback = SocketAddress.ip(IPAddress("127.0.0.1")!, port: 0)
