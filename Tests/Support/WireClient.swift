internal import Base
internal import Glibc
public import Reactor

/// A client as raw as a socket.
public final class WireClient: WireSocket, @unchecked Sendable {
  /// Connects.
  /// - Parameter bufferBytes: the kernel's buffers for the connection, where they must be small.
  public init(_ address: SocketAddress, bufferBytes: Int? = nil) throws {
    let opened = unsafe address.withRawAddress { family, _, _ in
      socket(family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    }
    guard opened >= 0 else { throw WireError.system("socket", code: errno) }
    if let bufferBytes {
      // Before connecting: afterwards the window that was told stays.
      var size = Int32(bufferBytes)
      for option in [SO_RCVBUF, SO_SNDBUF] {
        unsafe setsockopt(opened, SOL_SOCKET, option, &size, socklen_t(MemoryLayout<Int32>.size))
      }
    }
    let status = unsafe address.withRawAddress { _, raw, length in unsafe connect(opened, raw, length) }
    guard status == 0 else {
      let code = errno
      _ = Glibc.close(opened)
      throw WireError.system("connect to \(address)", code: code)
    }
    super.init(descriptor: opened)
  }

  /// Sends `text` and reads the final answer to it.
  public func exchange(_ text: String, method: String = "GET") throws -> WireResponse {
    try send(text)
    return try readResponse(to: method)
  }

  /// Reads one response head and its body: an interim one counts.
  public func readAnyResponse(to method: String = "GET", seconds: Double = Patience.seconds) throws
    -> WireResponse
  {
    try read("a response", seconds: seconds) { bytes, isEnd in
      try WireResponse.parse(bytes, answering: method, isEnd: isEnd)
    }
  }

  /// Reads the final response, skipping interim ones.
  public func readResponse(to method: String = "GET", seconds: Double = Patience.seconds) throws
    -> WireResponse
  {
    while true {
      let response = try readAnyResponse(to: method, seconds: seconds)
      if response.status >= 200 || response.status == 101 { return response }
    }
  }

  /// Reads a response head alone, `\r\n\r\n` included.
  public func readHead() throws -> String { try read(until: "\r\n\r\n") }
}
