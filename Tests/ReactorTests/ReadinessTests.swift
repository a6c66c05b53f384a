import Base
import Foundation
import Reactor
import TestSupport
import Testing

// The kernel tells of changes, once: whatever a stream leaves unread it must ask for itself.
@Suite("What is ready", .timeLimit(.minutes(10))) struct ReadinessTests {
  /// Runs `body` with the loop's end of a connection over which `bytes`, and the end where there is one, have arrived
  /// already. `done` is called when all is read.
  private func withAll(
    _ bytes: [UInt8], ends: Bool, at address: SocketAddress, _ what: String,
    _ body: @escaping (SocketStream, StreamListener, _ done: @escaping () -> Void) -> Void
  ) throws {
    try runLoop(what) { loop, done in
      let acceptor = Acceptor()
      let isUnix = if case .unix = address { true } else { false }
      let listener =
        if case .unix(let path) = address {
          try SocketListener(UnixListenerSocket(path: path), on: loop, handler: acceptor)
        } else {
          try SocketListener(address, on: loop, handler: acceptor)
        }
      let client = try WireClient(isUnix ? address : listener.address)
      try client.send(bytes)
      if ends { client.close() }
      acceptor.onStream = { stream in
        listener.close()
        let handler = StreamListener()
        stream.setHandler(handler)
        // Long after the last byte, so that nothing comes of itself any more.
        var timer: RepeatingTimer?
        timer = RepeatingTimer(every: .milliseconds(50), on: loop) {
          timer?.close()
          timer = nil
          body(stream, handler) {
            stream.close()
            client.close()
            done()
          }
        }
      }
    }
  }

  private var places: [SocketAddress] { [loopback, .unix(temporaryPath("ready.sock"))] }

  @Test(arguments: [10, 16 * 1024, 60_000, 100_000])
  func `is read to its end, however often the buffer is filled`(count: Int) throws {
    // A window's worth is all that the kernel takes over TCP before somebody reads.
    for place in places where count <= 60_000 || place != loopback {
      for mode in [SocketStream.ReadMode.head, .body] {
        for ends in [false, true] {
          var generator = SeededGenerator(seed: UInt64(count))
          let bytes = generator.bytes(count)
          var received: [UInt8] = []
          var endCount = 0
          try withAll(bytes, ends: ends, at: place, "\(count) bytes") { stream, handler, done in
            handler.onBytes = {
              received += $0
              if !ends, received.count == count { done() }
            }
            handler.onEnd = { error in
              #expect(error == nil)
              endCount += 1
              done()
            }
            stream.setReadMode(mode)
            stream.startReading()
          }
          #expect(received == bytes)
          #expect(endCount == (ends ? 1 : 0))
        }
      }
    }
  }

  @Test func `is told again while it is not read`() throws {
    for place in places {
      var (count, received) = (0, 0)
      try withAll([1, 2, 3], ends: false, at: place, "the bytes") { stream, handler, done in
        handler.onReadable = {
          count += 1
          if count == 3 { stream.setReadMode(.body) }
        }
        handler.onBytes = {
          received += $0.count
          done()
        }
        stream.setReadMode(.readiness)
        stream.startReading()
      }
      #expect(count == 3)
      #expect(received == 3)
    }
  }

  @Test func `waits through a pause in the middle of it`() throws {
    for place in places {
      var (received, pauses) = (0, 0)
      try withAll([UInt8](repeating: 7, count: 60_000), ends: false, at: place, "all of it") {
        stream, handler, done in
        handler.onBytes = {
          received += $0.count
          pauses += 1
          if received == 60_000 { return done() }
          stream.pauseReading()
          stream.startReading()
          if pauses % 2 == 0 { return }
          stream.pauseReading()
          stream.startReading()
        }
        stream.startReading()
      }
      #expect(received == 60_000)
      #expect(pauses == 4)
    }
  }
}
