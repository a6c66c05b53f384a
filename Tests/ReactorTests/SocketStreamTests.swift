import Base
import Foundation
import Reactor
import TestSupport
import Testing

@Suite("A stream", .timeLimit(.minutes(10))) struct SocketStreamTests {
  /// Runs `body` with the loop's end of a connection; the other end is `WireClient`'s.
  private func withStream(
    _ what: String, bufferBytes: Int? = nil,
    _ body: @escaping (EventLoop, SocketStream, WireClient, _ done: @escaping () -> Void) -> Void
  ) throws {
    try runLoop(what) { loop, done in
      let acceptor = Acceptor()
      let listener = try SocketListener(loopback, on: loop, handler: acceptor)
      let client = try WireClient(listener.address, bufferBytes: bufferBytes)
      acceptor.onStream = { stream in
        listener.close()
        body(loop, stream, client, done)
      }
    }
  }

  @Test func `that is refused says so, once, after connect has returned`() throws {
    let gone = try ScriptedOrigin { _ in }
    gone.stop()
    for address in [gone.address, .unix(temporaryPath("nobody.sock"))] {
      var errors: [UVError?] = []
      try runLoop("the refusal") { loop, done in
        let handler = StreamListener()
        let stream = SocketStream(towards: address, on: loop)
        handler.onConnect = { Issue.record("connected to nobody") }
        handler.onEnd = { error in
          errors.append(error)
          stream.close()
          done()
        }
        #expect(stream.connect(to: address, handler: handler) == nil)
        #expect(errors.isEmpty)
      }
      #expect(errors.count == 1)
      #expect(errors[0] != nil)
    }
  }

  @Test func `that is closed while it connects says nothing more`() throws {
    let blackhole = try Blackhole()
    try runLoop("nothing") { loop, done in
      let handler = StreamListener()
      handler.onEnd = { _ in Issue.record("told after close") }
      let stream = SocketStream(towards: blackhole.address, on: loop)
      #expect(stream.connect(to: blackhole.address, handler: handler) == nil)
      #expect(!stream.isOpen)
      stream.close()
      stream.close()
      done()
    }
  }

  @Test func `connects, sends, receives and hears the end`() throws {
    let origin = try ScriptedOrigin { connection in
      let bytes = try connection.read(exactly: 5)
      try connection.send(bytes + bytes)
    }
    var received: [UInt8] = []
    try runLoop("the answer") { loop, done in
      let handler = StreamListener()
      let stream = SocketStream(towards: origin.address, on: loop)
      handler.onConnect = {
        #expect(stream.isOpen)
        stream.setNoDelay()
        stream.startReading()
        if case .sent = stream.write(Array("hello".utf8).span) {} else { Issue.record("not sent") }
      }
      handler.onBytes = { received += $0 }
      handler.onEnd = { error in
        #expect(error == nil)
        stream.close()
        done()
      }
      #expect(stream.connect(to: origin.address, handler: handler) == nil)
    }
    #expect(received == Array("hellohello".utf8))
  }

  @Test func `queues what a slow reader leaves and tells when it is drained`() throws {
    // More than the kernel takes for a reader that has not begun.
    let size = 24 * 1024 * 1024
    let result = Waitable<[UInt8]?>(nil)
    var generator = SeededGenerator(seed: 5)
    let piece = generator.bytes(size / 256)
    var bytes: [UInt8] = []
    // Not joined lazily: that goes byte by byte, for most of a minute where each access is checked.
    for _ in 0..<256 { bytes += piece }
    var drainCount = 0
    let (first, second) = (Array(bytes[..<(size / 2)]), Array(bytes[(size / 2)...]))
    try withStream("the drain") { _, stream, client, done in
      let handler = StreamListener()
      stream.setHandler(handler)
      if case .queued = stream.write(first.span) {} else { Issue.record("not queued") }
      #expect(stream.hasQueuedBytes)
      // More behind it keeps its order.
      if case .queued = stream.write(second.span) {} else { Issue.record("not queued") }
      handler.onDrain = {
        drainCount += 1
        #expect(!stream.hasQueuedBytes)
        stream.close()
        done()
      }
      Thread.detachNewThread {
        let read = try? client.read(exactly: size)
        result.withLock { $0 = read ?? [] }
      }
    }
    try result.wait("the bytes") { $0 != nil }
    #expect(result.value == bytes)
    #expect(drainCount == 1)
  }

  @Test func `ends its side after what is queued, and reads on`() throws {
    let size = 2 * 1024 * 1024
    let count = Waitable(0)
    var received: [UInt8] = []
    try withStream("the end") { _, stream, client, done in
      let handler = StreamListener()
      stream.setHandler(handler)
      stream.startReading()
      _ = stream.write([UInt8](repeating: 7, count: size).span)
      stream.shutDown()
      stream.shutDown()
      handler.onBytes = { received += $0 }
      handler.onEnd = { error in
        #expect(error == nil)
        stream.close()
        done()
      }
      Thread.detachNewThread {
        let bytes = (try? client.readToEnd().bytes) ?? []
        count.withLock { $0 = bytes.count }
        try? client.send("after the end")
        client.close()
      }
    }
    #expect(count.value == size)
    #expect(String(decoding: received, as: UTF8.self) == "after the end")
  }

  @Test func `writes three pieces as one`() throws {
    var peer: WireClient?
    try withStream("the end") { _, stream, client, done in
      stream.setHandler(StreamListener())
      let (one, two, three) = (Array("one ".utf8), Array("two ".utf8), Array("three".utf8))
      _ = stream.write(one.span, two.span, three.span)
      _ = stream.write([UInt8]().span)
      stream.close()
      if case .failed = stream.write(one.span) {} else { Issue.record("written after close") }
      peer = client
      done()
    }
    let bytes = try peer?.readToEnd().bytes ?? []
    #expect(String(decoding: bytes, as: UTF8.self) == "one two three")
  }

  @Test func `resets so that the peer can tell`() throws {
    var peer: WireClient?
    try withStream("the reset") { _, stream, client, done in
      stream.setHandler(StreamListener())
      stream.reset()
      peer = client
      done()
    }
    #expect(try peer?.readToEnd().end == .reset)
  }

  @Test func `that is paused hears nothing until it reads again`() throws {
    var received: [UInt8] = []
    try withStream("the bytes") { loop, stream, client, done in
      let handler = StreamListener()
      stream.setHandler(handler)
      stream.startReading()
      stream.pauseReading()
      #expect(!stream.isReading)
      try? client.send("waiting")
      handler.onBytes = { bytes in
        received += bytes
        guard received.count == 7 else { return }
        stream.close()
        client.close()
        done()
      }
      var timer: RepeatingTimer?
      timer = RepeatingTimer(every: .milliseconds(50), on: loop) {
        timer?.close()
        timer = nil
        #expect(received.isEmpty)
        #expect(stream.peekIsReadable())
        stream.startReading()
      }
    }
    #expect(String(decoding: received, as: UTF8.self) == "waiting")
  }

  @Test func `in readiness mode is told of bytes and reads none`() throws {
    var received: [UInt8] = []
    var readyCount = 0
    try withStream("the bytes") { _, stream, client, done in
      let handler = StreamListener()
      stream.setHandler(handler)
      stream.setReadMode(.readiness)
      stream.startReading()
      handler.onReadable = {
        readyCount += 1
        #expect(received.isEmpty)
        stream.setReadMode(.body)
      }
      handler.onBytes = { bytes in
        received += bytes
        guard received.count == 4 else { return }
        stream.close()
        client.close()
        done()
      }
      try? client.send("here")
    }
    #expect(readyCount == 1)
    #expect(String(decoding: received, as: UTF8.self) == "here")
  }

  @Test func `splices to another, byte for byte, however slow that is`() throws {
    let size = 3 * 1024 * 1024
    var generator = SeededGenerator(seed: 6)
    let bytes = generator.bytes(size)
    let result = Waitable<[UInt8]?>(nil)
    let origin = try ScriptedOrigin { connection in
      try connection.send(bytes)
      try connection.awaitEnd()
    }
    try withStream("the bytes") { loop, sink, client, done in
      let (fromSource, fromSink) = (StreamListener(), StreamListener())
      let source = SocketStream(towards: origin.address, on: loop)
      var left = size
      sink.setHandler(fromSink)
      let finish = {
        source.close()
        sink.close()
        done()
      }
      fromSource.onConnect = {
        source.setReadMode(.readiness)
        source.startReading()
      }
      fromSource.onReadable = {
        let (moved, state) = source.splice(to: sink, limit: left)
        left -= moved
        switch state {
        case .sinkFull: source.pauseReading()
        case .sourceEmpty, .limitReached: break
        case .sourceEnded, .sourceFailed, .sinkFailed: Issue.record("\(state)")
        }
        if left == 0, !sink.hasQueuedBytes { finish() }
      }
      fromSink.onDrain = { if left == 0 { finish() } else { source.startReading() } }
      #expect(source.connect(to: origin.address, handler: fromSource) == nil)
      Thread.detachNewThread {
        let read = try? client.read(exactly: size)
        result.withLock { $0 = read ?? [] }
      }
    }
    try result.wait("the bytes") { $0 != nil }
    #expect(result.value == bytes)
  }
}
