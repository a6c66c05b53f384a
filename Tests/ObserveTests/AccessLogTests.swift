import Base
import Foundation
import Observe
import Synchronization
import Testing

@Suite("Access log") struct AccessLogTests {
  /// Keeps the blocks it is given.
  private final class Blocks: LineSink {
    private let held = Mutex<[String]>([])
    var all: [String] { held.withLock { $0 } }
    func submit(_ lines: consuming ByteBuffer) {
      let text = lines.text()
      held.withLock { $0.append(text) }
    }
  }

  /// The parts of a record that the cases vary.
  private struct Given {
    var requestLine = Array("GET /a?b=1 HTTP/1.1".utf8)
    var referer: [UInt8] = []
    var userAgent: [UInt8] = []
    var host = Array("example.test".utf8)
    var client = IPAddress("192.0.2.7")
    var connected: UInt64? = 1_500_000
    var responded: UInt64? = 12_345_678
    var endpoint: String? = "127.0.0.1:3001"
    var reason: String?
    var total: UInt64 = 20_001_999
  }

  private static func line(_ given: Given, _ format: LogSettings.Format) -> String {
    let blocks = Blocks()
    let log = AccessLog(format: format, sink: blocks)
    record(given, in: log)
    log.flush()
    return blocks.all.joined()
  }

  private static func record(_ given: Given, in log: AccessLog) {
    var record = AccessRecord()
    record.requestLine = record.keep(given.requestLine.span, 0..<given.requestLine.count)
    record.referer = record.keep(given.referer.span, 0..<given.referer.count)
    record.userAgent = record.keep(given.userAgent.span, 0..<given.userAgent.count)
    record.host = record.keep(given.host.span, 0..<given.host.count)
    (record.status, record.bodyBytes, record.tries) = (200, 5120, 1)
    record.startNanoseconds = 1_000_000_000
    record.connectedNanoseconds = given.connected
    record.respondedNanoseconds = given.responded
    record.endpoint = given.endpoint
    record.reason = given.reason
    var time = ByteBuffer()
    time.append("21/Nov/2026:08:49:37 +0000")
    log.record(record, time: time, client: given.client, endNanoseconds: 1_000_000_000 + given.total)
  }

  private static func object(_ given: Given) throws -> [String: Any] {
    let line = line(given, .json)
    #expect(line.hasSuffix("}\n"))
    #expect(line.utf8.allSatisfy { $0 == 0x0A || (0x20..<0x7F).contains($0) })
    let parsed = try JSONSerialization.jsonObject(with: Data(line.utf8))
    return try #require(parsed as? [String: Any])
  }

  @Test func `a text line is the combined format and then ours`() {
    let given = Given(referer: Array("http://from.test/".utf8), userAgent: Array("curl/8.0".utf8))
    let expected = """
      192.0.2.7 - - [21/Nov/2026:08:49:37 +0000] "GET /a?b=1 HTTP/1.1" 200 5120 "http://from.test/" \
      "curl/8.0" upstream=127.0.0.1:3001 total_ms=20.001 connect_ms=1.500 response_ms=12.345 tries=1 reason=-

      """
    #expect(AccessLogTests.line(given, .text) == expected)
  }

  @Test func `what is not known is a dash in a text line`() {
    let given = Given(
      requestLine: [], host: [], client: nil, connected: nil, responded: nil, endpoint: nil,
      reason: "request_line", total: 999)
    let expected = """
      unix: - - [21/Nov/2026:08:49:37 +0000] "-" 200 5120 "-" "-" \
      upstream=- total_ms=0.000 connect_ms=- response_ms=- tries=1 reason=request_line

      """
    #expect(AccessLogTests.line(given, .text) == expected)
  }

  @Test func `an IPv6 client stands without brackets`() {
    let line = AccessLogTests.line(Given(client: IPAddress("2001:db8::1")), .text)
    #expect(line.hasPrefix("2001:db8::1 - - ["))
  }

  @Test func `a JSON line is an object with each part under its name`() throws {
    let object = try AccessLogTests.object(
      Given(referer: Array("http://from.test/".utf8), userAgent: Array("curl/8.0".utf8), reason: "reset"))
    #expect(object["time"] as? String == "21/Nov/2026:08:49:37 +0000")
    #expect(object["client"] as? String == "192.0.2.7")
    #expect(object["request"] as? String == "GET /a?b=1 HTTP/1.1")
    #expect(object["host"] as? String == "example.test")
    #expect(object["status"] as? Int == 200)
    #expect(object["bytes"] as? Int == 5120)
    #expect(object["referer"] as? String == "http://from.test/")
    #expect(object["user_agent"] as? String == "curl/8.0")
    #expect(object["upstream"] as? String == "127.0.0.1:3001")
    #expect(object["total_ms"] as? Double == 20.001)
    #expect(object["connect_ms"] as? Double == 1.5)
    #expect(object["response_ms"] as? Double == 12.345)
    #expect(object["tries"] as? Int == 1)
    #expect(object["reason"] as? String == "reset")
    #expect(object.count == 14)
  }

  @Test func `points that were not reached are left out of a JSON line`() throws {
    let object = try AccessLogTests.object(Given(connected: nil, responded: nil))
    #expect(object["connect_ms"] == nil)
    #expect(object["response_ms"] == nil)
    #expect(object.count == 12)
  }

  @Test(arguments: UInt8.min...UInt8.max)
  func `any byte of a client is read back from JSON as Latin-1`(byte: UInt8) throws {
    let bytes = [0x61, byte, byte, 0x62]
    let expected = String(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) }))
    let object = try AccessLogTests.object(
      Given(requestLine: bytes, referer: bytes, userAgent: bytes, host: bytes))
    for key in ["request", "referer", "user_agent", "host"] { #expect(object[key] as? String == expected) }
  }

  @Test(arguments: UInt8.min...UInt8.max)
  func `no byte of a client ends a quoted value, a line or reaches a terminal`(byte: UInt8) {
    let line = AccessLogTests.line(Given(userAgent: [byte]), .text)
    let isPlain = (0x20..<0x7F).contains(byte) && byte != 0x22 && byte != 0x5C
    let digits = (byte < 16 ? "0" : "") + String(byte, radix: 16)
    let shown = isPlain ? String(Unicode.Scalar(byte)) : "\\x\(digits)"
    #expect(line.contains("\"-\" \"\(shown)\" upstream="))
    #expect(line.utf8.dropLast().allSatisfy { (0x20..<0x7F).contains($0) })
    #expect(line.utf8.count { $0 == 0x22 } == 6)
  }

  @Test func `lines are handed on in blocks of whole lines, in their order, and none is lost`() {
    let blocks = Blocks()
    let log = AccessLog(format: .text, sink: blocks)
    for number in 0..<1000 {
      AccessLogTests.record(Given(requestLine: Array("GET /\(number) HTTP/1.1".utf8)), in: log)
    }
    log.flush()
    log.flush()
    let all = blocks.all
    #expect(all.count > 3)
    #expect(all.allSatisfy { $0.hasSuffix("\n") && !$0.hasPrefix("\n") })
    #expect(all.dropLast().allSatisfy { (32 * 1024..<33 * 1024).contains($0.utf8.count) })
    let lines = all.joined().split(separator: "\n")
    #expect(lines.count == 1000)
    for (number, line) in lines.enumerated() { #expect(line.contains("\"GET /\(number) HTTP/1.1\"")) }
  }

  @Test func `nothing is handed on while there is nothing`() {
    let blocks = Blocks()
    AccessLog(format: .json, sink: blocks).flush()
    #expect(blocks.all.isEmpty)
  }

  @Test func `a record that was cleared carries nothing over`() {
    var record = AccessRecord()
    record.requestLine = record.keep(Array("GET / HTTP/1.1".utf8).span, 0..<14)
    (record.status, record.bodyBytes, record.tries) = (502, 9, 3)
    (record.endpoint, record.reason) = ("127.0.0.1:1", "refused")
    (record.connectedNanoseconds, record.respondedNanoseconds) = (1, 2)
    record.removeAll()
    let blocks = Blocks()
    let log = AccessLog(format: .text, sink: blocks)
    log.record(record, time: ByteBuffer(), client: nil, endNanoseconds: record.startNanoseconds)
    log.flush()
    let expected = """
      unix: - - [] "-" 0 0 "-" "-" upstream=- total_ms=0.000 connect_ms=- response_ms=- tries=0 reason=-

      """
    #expect(blocks.all == [expected])
  }
}
