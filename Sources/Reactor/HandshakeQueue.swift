internal import Base

/// Handshakes that wait for their turn: each costs a fifth of a millisecond, and a flood of them would keep
/// everybody else waiting for as many as the kernel hands out at a time.
///
/// So much time a turn goes into them; the rest waits here and goes on when a bell is heard that waits behind what
/// else is ready. Nothing is lost by that where there is nothing else to do.
final class HandshakeQueue {
  private unowned let loop: EventLoop
  private let bell = Bell()
  private var waiting: [SocketStream] = []
  private var first = 0
  private var turn = Instant(milliseconds: 0)
  private var spent: UInt64 = 0
  private static let nanosecondsPerTurn: UInt64 = 400_000

  init(on loop: EventLoop) {
    self.loop = loop
    bell.hang(on: loop) { [unowned self] in goOn() }
  }

  /// Whether one may begin now; else `stream` is to keep what it has, and is told when it may.
  func mayBegin(_ stream: SocketStream) -> Bool {
    if loop.now != turn { (turn, spent) = (loop.now, 0) }
    guard waiting.isEmpty, spent < HandshakeQueue.nanosecondsPerTurn else {
      if waiting.isEmpty { bell.ring() }
      waiting.append(stream)
      return false
    }
    return true
  }

  func took(_ nanoseconds: UInt64) { spent += nanoseconds }

  private func goOn() {
    let begin = EventLoop.nanoseconds
    while first < waiting.count, EventLoop.nanoseconds &- begin < HandshakeQueue.nanosecondsPerTurn {
      let stream = waiting[first]
      first += 1
      stream.handshakeMayGoOn()
    }
    if first == waiting.count {
      waiting.removeAll(keepingCapacity: waiting.count < 1024)
      first = 0
    } else {
      if first > 256, first * 2 > waiting.count {
        waiting.removeFirst(first)
        first = 0
      }
      bell.ring()
    }
  }

  func close() {
    waiting = []
    first = 0
    bell.takeDown()
  }
}
