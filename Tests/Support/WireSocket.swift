internal import Base
internal import Foundation
internal import Glibc
internal import Reactor

/// A stream socket for test threads: every call blocks, none longer than its deadline.
///
/// Unchecked: the descriptor is closed under `lock` and by one side only; `inbox` belongs to the thread
/// that reads.
open class WireSocket: @unchecked Sendable {
  /// How a connection came to its end.
  public enum End: Sendable, Hashable { case closed, reset }

  public let descriptor: Int32
  private let isClosed = Waitable(false)
  /// Received and not yet handed out.
  private var inbox: [UInt8] = []
  private var end: End?

  public init(descriptor: Int32) {
    self.descriptor = descriptor
    _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
    var on: Int32 = 1
    unsafe setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
  }

  deinit { close() }

  /// What goes over the wire for bytes that are sent.
  open func encoded(_ bytes: [UInt8]) throws -> [UInt8] { bytes }

  /// What is received by what came over the wire.
  open func decoded(_ bytes: ArraySlice<UInt8>) throws -> [UInt8] { Array(bytes) }

  /// Told of every run of bytes as it comes in.
  open func received(_ bytes: ArraySlice<UInt8>) {}

  // MARK: Sending

  public func send(_ text: String, seconds: Double = Patience.seconds) throws {
    try send(Array(text.utf8), seconds: seconds)
  }

  /// Sends everything.
  public func send(_ bytes: [UInt8], seconds: Double = Patience.seconds) throws {
    let deadline = Deadline(seconds: seconds)
    var rest = try encoded(bytes)[...]
    while !rest.isEmpty {
      let sent = try sendNow(rest)
      rest = rest.dropFirst(sent)
      if sent == 0 { try waitFor(POLLOUT, deadline, "room for \(rest.count) more bytes") }
    }
  }

  /// Sends what the kernel takes at this moment. Returns the count.
  public func sendNow(_ bytes: ArraySlice<UInt8>) throws -> Int {
    let count = unsafe bytes.withUnsafeBytes { buffer in
      unsafe Glibc.send(descriptor, buffer.baseAddress, buffer.count, Int32(MSG_NOSIGNAL))
    }
    if count >= 0 { return count }
    switch errno {
    case EAGAIN, EINTR: return 0
    case EPIPE, ECONNRESET: throw WireError.reset("everything was sent")
    default: throw WireError.system("send", code: errno)
    }
  }

  /// Sends until the kernel has taken nothing for `quietSeconds`: the other side has stopped reading.
  /// Returns the count of bytes taken, at most `limit`.
  public func sendUntilBlocked(limit: Int, quietSeconds: Double) throws -> Int {
    let block = [UInt8](repeating: UInt8(ascii: "x"), count: 64 * 1024)
    var total = 0
    while total < limit {
      let sent = try sendNow(block.prefix(limit - total))
      total += sent
      if sent == 0 {
        do {
          try waitFor(POLLOUT, Deadline(seconds: quietSeconds), "room")
        } catch WireError.timedOut {
          return total
        }
      }
    }
    return total
  }

  /// Ends our direction; the other goes on.
  public func finishSending() { _ = shutdown(descriptor, Int32(SHUT_WR)) }

  // MARK: Receiving

  /// The next `count` bytes.
  public func read(exactly count: Int, seconds: Double = Patience.seconds) throws -> [UInt8] {
    let deadline = Deadline(seconds: seconds)
    while inbox.count < count { try fill(deadline, "\(count) bytes (\(inbox.count) came)") }
    return take(count)
  }

  /// Everything up to and with `pattern`.
  public func read(until pattern: String, seconds: Double = Patience.seconds) throws -> String {
    let deadline = Deadline(seconds: seconds)
    let wanted = Array(pattern.utf8)
    var searched = 0
    while true {
      if let range = inbox[searched...].firstRange(of: wanted) {
        return String(decoding: take(range.upperBound), as: UTF8.self)
      }
      searched = max(0, inbox.count - wanted.count)
      try fill(deadline, "\"\(pattern)\" (\(inbox.count) other bytes came)")
    }
  }

  /// Everything up to the end of the connection, and how that came.
  public func readToEnd(seconds: Double = Patience.seconds) throws -> (bytes: [UInt8], end: End) {
    let deadline = Deadline(seconds: seconds)
    while end == nil {
      do {
        try fill(deadline, "the end of the connection (\(inbox.count) bytes came)")
      } catch let error as WireError {
        if end == nil { throw error }
      }
    }
    return (take(inbox.count), end!)
  }

  /// Hands out what parses as a message at the front: `parse` returns it and its length in bytes, or
  /// `nil` for more. It is told whether the connection has ended.
  public func read<Message>(
    _ what: String, seconds: Double = Patience.seconds,
    _ parse: (ArraySlice<UInt8>, _ isEnd: Bool) throws -> (Message, Int)?
  ) throws -> Message {
    let deadline = Deadline(seconds: seconds)
    while true {
      if let (message, count) = try parse(inbox[...], end == .closed) {
        _ = take(count)
        return message
      }
      let wasEnded = end != nil
      do {
        try fill(deadline, "\(what) (\(inbox.count) bytes came)")
      } catch let error as WireError {
        if wasEnded || end != .closed { throw error }
      }
    }
  }

  /// Waits for something, whatever it comes to.
  public func receiveSome(seconds: Double = Patience.seconds) throws {
    try fill(Deadline(seconds: seconds), "anything")
  }

  /// Reads without handing out, until at least `count` bytes wait.
  public func wait(forBytes count: Int, seconds: Double = Patience.seconds) throws {
    let deadline = Deadline(seconds: seconds)
    while inbox.count < count { try fill(deadline, "\(count) bytes (\(inbox.count) came)") }
  }

  /// Whether nothing comes, not even an end, for `seconds`.
  public func staysSilent(seconds: Double) throws -> Bool {
    guard inbox.isEmpty, end == nil else { return false }
    do {
      try fill(Deadline(seconds: seconds), "nothing")
      return false
    } catch WireError.timedOut {
      return true
    } catch is WireError {
      return false
    }
  }

  private func take(_ count: Int) -> [UInt8] {
    let taken = Array(inbox.prefix(count))
    inbox.removeFirst(count)
    return taken
  }

  /// Waits for bytes or the end. Throws at the end and at the deadline.
  private func fill(_ deadline: Deadline, _ what: String) throws {
    var block = [UInt8](repeating: 0, count: 256 * 1024)
    while true {
      if let end { throw end == .reset ? WireError.reset(what) : WireError.ended(what) }
      if isClosed.value { throw WireError.ended(what) }
      let count = unsafe block.withUnsafeMutableBytes { buffer in
        unsafe recv(descriptor, buffer.baseAddress, buffer.count, 0)
      }
      if count > 0 {
        inbox += try decoded(block[..<count])
        received(block[..<count])
        return
      }
      if count == 0 {
        end = .closed
      } else if errno == EAGAIN || errno == EINTR {
        try waitFor(POLLIN, deadline, what)
      } else if errno == ECONNRESET {
        end = .reset
      } else {
        throw WireError.system("recv", code: errno)
      }
    }
  }

  private func waitFor(_ events: Int32, _ deadline: Deadline, _ what: String) throws {
    var wanted = pollfd(fd: descriptor, events: Int16(events), revents: 0)
    let ready = unsafe poll(&wanted, 1, deadline.millisecondsLeft)
    if ready == 0, deadline.isPast { throw WireError.timedOut(what) }
  }

  // MARK: Ending

  /// An orderly end, unless bytes that were never read make the kernel reset. Idempotent.
  public func close() {
    let isFirst = isClosed.withLock { closed in
      defer { closed = true }
      return !closed
    }
    if isFirst { _ = Glibc.close(descriptor) }
  }

  /// Ends the connection by a reset.
  public func reset() {
    var atOnce = linger(l_onoff: 1, l_linger: 0)
    unsafe setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &atOnce, socklen_t(MemoryLayout<linger>.size))
    close()
  }

  /// Ends the connection under whoever blocks on it in another thread.
  public func abandon() {
    isClosed.withLock { closed in
      if !closed { _ = shutdown(descriptor, Int32(SHUT_RDWR)) }
    }
  }

  /// Another descriptor for the same connection, which the caller owns.
  func letGo() -> Int32 { dup(descriptor) }

  /// Makes the kernel's buffers for this connection small, so that little is in flight.
  public func setBuffers(bytes: Int) {
    var size = Int32(bytes)
    for option in [SO_RCVBUF, SO_SNDBUF] {
      unsafe setsockopt(descriptor, SOL_SOCKET, option, &size, socklen_t(MemoryLayout<Int32>.size))
    }
  }
}

/// A point in time by which something must have come.
public struct Deadline {
  private let instant: ContinuousClock.Instant
  public init(seconds: Double) { instant = .now + .seconds(seconds) }
  public var isPast: Bool { ContinuousClock.now >= instant }
  /// Rounded up, at least 0.
  var millisecondsLeft: Int32 {
    let left = ContinuousClock.now.duration(to: instant)
    let (seconds, attoseconds) = left.components
    return Int32(clamping: max(0, seconds * 1000 + attoseconds / 1_000_000_000_000_000 + 1))
  }
}

extension SocketAddress {
  /// Calls `body` with the address as the kernel wants it.
  func withRawAddress<Result>(
    _ body: (_ family: Int32, UnsafePointer<sockaddr>, socklen_t) throws -> Result
  ) rethrows -> Result {
    switch self {
    case .ip(let address, let port) where address.isV4:
      var raw = sockaddr_in()
      raw.sin_family = sa_family_t(AF_INET)
      raw.sin_port = port.bigEndian
      raw.sin_addr.s_addr = UInt32(truncatingIfNeeded: address.low).bigEndian
      return try unsafe withUnsafePointer(to: &raw) { pointer in
        try unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          try unsafe body(AF_INET, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
      }
    case .ip(let address, let port):
      var raw = sockaddr_in6()
      raw.sin6_family = sa_family_t(AF_INET6)
      raw.sin6_port = port.bigEndian
      unsafe withUnsafeMutableBytes(of: &raw.sin6_addr) { bytes in
        unsafe bytes.storeBytes(of: address.high.bigEndian, as: UInt64.self)
        unsafe bytes.storeBytes(of: address.low.bigEndian, toByteOffset: 8, as: UInt64.self)
      }
      return try unsafe withUnsafePointer(to: &raw) { pointer in
        try unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          try unsafe body(AF_INET6, $0, socklen_t(MemoryLayout<sockaddr_in6>.size))
        }
      }
    case .unix(let path):
      var raw = sockaddr_un()
      raw.sun_family = sa_family_t(AF_UNIX)
      unsafe withUnsafeMutableBytes(of: &raw.sun_path) { room in
        precondition(path.utf8.count < room.count, "the path is too long for a socket")
        for (index, byte) in path.utf8.enumerated() { unsafe room[index] = byte }
      }
      return try unsafe withUnsafePointer(to: &raw) { pointer in
        try unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          try unsafe body(AF_UNIX, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
      }
    }
  }
}
