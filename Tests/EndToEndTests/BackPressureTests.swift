import Base
import Configuration
import Foundation
import Proxy
import TestSupport
import Testing

@Suite("Back-pressure", .timeLimit(.minutes(1))) struct BackPressureTests {
  private static let bodyBytes = 64 * 1024 * 1024

  @Test(arguments: ["length", "chunked"])
  func `a client that does not read holds up the origin`(_ framing: String) throws {
    let blocked = Waitable<Int?>(nil)
    let isChunked = framing == "chunked"
    let origin = try ScriptedOrigin(bufferBytes: 64 * 1024) { connection in
      _ = try connection.readRequest()
      let count = BackPressureTests.bodyBytes
      try connection.send(
        answer("200 OK", isChunked ? "Transfer-Encoding: chunked" : "Content-Length: \(count)")
          + (isChunked ? "\(String(count, radix: 16))\r\n" : ""))
      let taken = try connection.sendUntilBlocked(limit: count, quietSeconds: 0.3)
      blocked.withLock { $0 = taken }
      var rest = count - taken
      while rest > 0 {
        try connection.send([UInt8](repeating: UInt8(ascii: "x"), count: min(rest, 65536)))
        rest -= min(rest, 65536)
      }
      if isChunked { try connection.send("\r\n0\r\n\r\n") }
      try connection.awaitEnd()
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect(bufferBytes: 64 * 1024)
    let before = try residentBytes()
    try client.send(head())
    try blocked.wait("the origin to be held up") { $0 != nil }
    // What the kernel's buffers hold, and 64 KiB of ours.
    #expect(blocked.value! < 16 * 1024 * 1024)
    // The test's own threads and other tests need memory too; the body would need far more.
    #expect(try residentBytes() - before < 48 * 1024 * 1024)
    _ = try client.readHead()
    if !isChunked {
      var rest = BackPressureTests.bodyBytes
      while rest > 0 {
        rest -= try client.read(exactly: min(rest, 1 << 20)).count
      }
    } else {
      _ = try client.read(until: "0\r\n\r\n", seconds: 40)
    }
  }

  @Test(arguments: ["length", "chunked"])
  func `an origin that does not read holds up the client`(_ framing: String) throws {
    let gate = Gate()
    let count = 16 * 1024 * 1024
    let origin = try ScriptedOrigin(bufferBytes: 64 * 1024) { connection in
      _ = try connection.readHead()
      try gate.wait()
      if framing == "length" {
        try connection.send(ok("\(try connection.read(exactly: count).count)"))
      } else {
        _ = try connection.read(until: "0\r\n\r\n", seconds: 40)
        try connection.send(ok("\(count)"))
      }
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect(bufferBytes: 64 * 1024)
    let isChunked = framing == "chunked"
    try client.send(
      head("POST /x", isChunked ? "Transfer-Encoding: chunked" : "Content-Length: \(count)")
        + (isChunked ? "\(String(count, radix: 16))\r\n" : ""))
    let taken = try client.sendUntilBlocked(limit: count, quietSeconds: 0.3)
    #expect(taken < count, "the client must be held up")
    gate.open()
    try client.send([UInt8](repeating: UInt8(ascii: "x"), count: count - taken))
    if isChunked { try client.send("\r\n0\r\n\r\n") }
    #expect(try client.readResponse().text == "\(count)")
  }

  @Test func `a client that does not read holds up its own pipelined requests`() throws {
    let body = String(repeating: "b", count: 100_000)
    let origin = try ScriptedOrigin(saying: body)
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect(bufferBytes: 64 * 1024)
    let count = 300
    try client.send((0..<count).map { head("GET /\($0)") }.joined())
    // Waits for the origin to fall silent: every answer that fits has been fetched.
    var seen = -1
    while seen != origin.requests.count {
      seen = origin.requests.count
      _ = try? origin.journal.wait("more", seconds: 0.3) { $0.requests.count > seen }
    }
    #expect(seen < count)
    for _ in 0..<count { #expect(try client.readResponse().body.count == 100_000) }
  }

  /// Resident memory of this process, the proxy's included.
  private func residentBytes() throws -> Int {
    let text = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
    return Int(text.split(separator: " ")[1])! * 4096
  }
}
