import Base
import Foundation
import Reactor
import TestSupport
import Testing

@Suite("A listener", .timeLimit(.minutes(10))) struct SocketListenerTests {
  @Test func `has the port that the kernel chose and accepts`() throws {
    var client: WireClient?
    try runLoop("a connection") { loop, done in
      let acceptor = Acceptor()
      let listener = try SocketListener(loopback, on: loop, handler: acceptor)
      guard case .ip(_, let port) = listener.address else { return }
      #expect(port != 0)
      acceptor.onStream = { stream in
        if case .ip(let address, _)? = stream.peerAddress() { #expect("\(address)" == "127.0.0.1") }
        #expect(!stream.isUnix)
        stream.close()
        listener.close()
        done()
      }
      client = try WireClient(listener.address)
    }
    #expect(try client?.readToEnd().bytes == [])
  }

  /// What the kernel takes for a client that reads nothing, before it says that it is enough.
  private func takenByTheKernel(_ limit: Int?) throws -> Int {
    var client: WireClient?
    var count = 0
    try runLoop("a connection") { loop, done in
      let acceptor = Acceptor()
      let listener = try SocketListener(loopback, on: loop, handler: acceptor)
      if let limit { listener.limitUnsent(bytes: limit) }
      let piece = [UInt8](repeating: 120, count: 4096)
      acceptor.onStream = { stream in
        var turns = 0
        var timer: RepeatingTimer?
        // The kernel lets it have more as it learns of the connection.
        timer = RepeatingTimer(every: .milliseconds(5), on: loop) {
          while !stream.hasQueuedBytes, case .sent = stream.write(piece.span) { count += piece.count }
          turns += 1
          guard turns == 40 else { return }
          timer?.close()
          timer = nil
          stream.close()
          listener.close()
          done()
        }
        stream.setHandler(StreamListener())
      }
      client = try WireClient(listener.address)
    }
    return withExtendedLifetime(client) { count }
  }

  @Test func `hands down how much may wait unsent to what it accepts`() throws {
    let (free, limited) = (try takenByTheKernel(nil), try takenByTheKernel(16 * 1024))
    // The client's window, and what may wait behind it: a part of what the send buffer grows to.
    #expect(limited > 0)
    #expect(limited + 256 * 1024 < free, "\(limited) of \(free) bytes")
  }

  @Test func `keeps connections waiting while it is told to, and takes them on resume`() throws {
    var clients: [WireClient] = []
    var acceptedCount = 0
    let acceptor = Acceptor()
    try runLoop("three connections") { loop, done in
      let listener = try SocketListener(loopback, on: loop, handler: acceptor)
      acceptor.accepts = false
      var resumeTimer: RepeatingTimer?
      acceptor.onAsk = {
        guard !acceptor.accepts, resumeTimer == nil else { return }
        resumeTimer = RepeatingTimer(every: .milliseconds(100), on: loop) {
          // Asked once: a listener that waits does not spin.
          #expect(acceptor.askedCount == 1)
          #expect(acceptedCount == 0)
          acceptor.accepts = true
          resumeTimer?.close()
          resumeTimer = nil
          listener.resume()
        }
      }
      acceptor.onStream = { stream in
        acceptedCount += 1
        stream.close()
        guard acceptedCount == 3 else { return }
        listener.close()
        done()
      }
      for _ in 0..<3 { clients.append(try WireClient(listener.address)) }
    }
    #expect(acceptedCount == 3)
    // It holds itself by this.
    acceptor.onAsk = {}
  }

  @Test func `resume without anything waiting does nothing`() throws {
    try runLoop("nothing") { loop, done in
      let listener = try SocketListener(loopback, on: loop, handler: Acceptor())
      listener.resume()
      listener.close()
      listener.resume()
      listener.close()
      done()
    }
  }

  @Test func `shares its port with another loop's`() throws {
    try runLoop("nothing") { loop, done in
      let first = try SocketListener(loopback, on: loop, handler: Acceptor())
      let second = try SocketListener(first.address, on: loop, handler: Acceptor())
      #expect(second.address == first.address)
      first.close()
      second.close()
      done()
    }
  }

  @Test func `fails with a reason on a port that is taken, and leaves nothing behind`() throws {
    let holder = try ScriptedOrigin { _ in }
    try runLoop("nothing") { loop, done in
      let error = #expect(throws: UVError.self) {
        _ = try SocketListener(holder.address, on: loop, handler: Acceptor())
      }
      #expect(error == .addressInUse)
      done()
    }
  }

  @Test func `on a path takes its file along when the last one goes`() throws {
    let path = temporaryPath("reactor.sock")
    try runLoop("a connection") { loop, done in
      let acceptor = Acceptor()
      var listeners: [SocketListener] = []
      do {
        let shared = try UnixListenerSocket(path: path)
        for _ in 0..<2 { listeners.append(try SocketListener(shared, on: loop, handler: acceptor)) }
      }
      acceptor.onStream = { stream in
        #expect(stream.isUnix)
        #expect(stream.peerAddress() == nil)
        stream.close()
        listeners[0].close()
        #expect(FileManager.default.fileExists(atPath: path))
        listeners[1].close()
        #expect(!FileManager.default.fileExists(atPath: path))
        done()
      }
      _ = try WireClient(.unix(path))
    }
  }

  @Test func `on a path that is too long fails with a reason`() {
    let path = "/tmp/" + String(repeating: "p", count: 200)
    #expect(throws: UVError.self) { _ = try UnixListenerSocket(path: path) }
  }
}
