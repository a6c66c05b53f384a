internal import Base
internal import CAllocationCount
internal import HTTP1
internal import Observe
internal import Synchronization

/// Writing the value of a `Date` field.
final class DateWriting: Benchmark {
  let name: String
  private let out = Confined(ByteBuffer())

  init(_ name: String) { self.name = name }

  func check() throws(CheckFailure) {
    let known = [
      (0, "Thu, 01 Jan 1970 00:00:00 GMT"), (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
      (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"), (4_102_444_799, "Thu, 31 Dec 2099 23:59:59 GMT"),
    ]
    for (seconds, text) in known {
      out.value.removeAll()
      HTTPDate.append(seconds: seconds, to: &out.value)
      try CheckFailure.require(out.value.text(), equals: text)
    }
  }

  func run(_ steps: Int) -> Int {
    var sum = 0
    for _ in 0..<steps {
      newStep()
      out.value.removeAll()
      HTTPDate.append(seconds: callocationcount_opaque(784_111_777), to: &out.value)
      sum &+= out.value.count
    }
    return sum
  }
}

/// One line of the access log: what the exchange keeps for it, and the line itself.
final class LogWriting: Benchmark {
  /// Takes the place of the thread that writes.
  private final class Sink: LineSink {
    let byteCount = Atomic(0)
    let lastBlock = Mutex("")
    let keepsBlocks = Atomic(false)

    func submit(_ lines: consuming ByteBuffer) {
      byteCount.add(lines.count, ordering: .relaxed)
      if keepsBlocks.load(ordering: .relaxed) {
        let text = lines.text()
        lastBlock.withLock { $0 = text }
      }
    }
  }

  let name: String
  private let request: [UInt8]
  private let referer: [UInt8]
  private let userAgent: [UInt8]
  private let host: [UInt8]
  private let format: LogSettings.Format
  private let sink = Sink()
  private let log: AccessLog
  private let record = Confined(AccessRecord())
  private let time = Confined(ByteBuffer())
  private let client = IPAddress("192.0.2.7")
  private let endpoint = "192.168.100.10:8080"

  init(_ name: String, _ format: LogSettings.Format) {
    let message = Message.browserRequest
    self.name = name
    request = Array(message.startLine.utf8)
    referer = Array(message.value(of: "Referer")!.utf8)
    userAgent = Array(message.value(of: "User-Agent")!.utf8)
    host = Array(message.value(of: "Host")!.utf8)
    self.format = format
    log = AccessLog(format: format, sink: sink)
    time.value.append("21/Nov/2026:08:49:37 +0000")
  }

  func check() throws(CheckFailure) {
    let text = { (bytes: [UInt8]) in String(decoding: bytes, as: UTF8.self) }
    let (request, referer) = (text(request), text(referer))
    let (userAgent, host) = (text(userAgent), text(host))
    let time = "21/Nov/2026:08:49:37 +0000"
    let expected =
      switch format {
      case .text:
        "192.0.2.7 - - [\(time)] \"\(request)\" 200 5120 \"\(referer)\" \"\(userAgent)\" upstream=\(endpoint)"
          + " total_ms=20.001 connect_ms=1.500 response_ms=12.345 tries=1 reason=-\n"
      case .json:
        "{\"time\":\"\(time)\",\"client\":\"192.0.2.7\",\"request\":\"\(request)\",\"host\":\"\(host)\""
          + ",\"status\":200,\"bytes\":5120,\"referer\":\"\(referer)\",\"user_agent\":\"\(userAgent)\""
          + ",\"upstream\":\"\(endpoint)\",\"total_ms\":20.001,\"connect_ms\":1.500,\"response_ms\":12.345"
          + ",\"tries\":1,\"reason\":\"-\"}\n"
      }
    sink.keepsBlocks.store(true, ordering: .relaxed)
    _ = run(1)
    sink.keepsBlocks.store(false, ordering: .relaxed)
    try CheckFailure.require(sink.lastBlock.withLock { $0 }, equals: expected)
  }

  func run(_ steps: Int) -> Int {
    let before = sink.byteCount.load(ordering: .relaxed)
    for _ in 0..<steps {
      newStep()
      fillRecord()
      log.record(record.value, time: time.value, client: client, endNanoseconds: 1_020_001_999)
    }
    // So that every run begins with an empty block, and allocates as often as the one before.
    log.flush()
    return sink.byteCount.load(ordering: .relaxed) &- before
  }

  private func fillRecord() {
    record.value.removeAll()
    record.value.requestLine = keep(request)
    record.value.referer = keep(referer)
    record.value.userAgent = keep(userAgent)
    record.value.host = keep(host)
    (record.value.status, record.value.bodyBytes, record.value.tries) = (200, 5120, 1)
    record.value.startNanoseconds = 1_000_000_000
    record.value.connectedNanoseconds = 1_500_000
    record.value.respondedNanoseconds = 12_345_678
    record.value.endpoint = endpoint
  }

  private func keep(_ bytes: [UInt8]) -> Range<Int> { record.value.keep(bytes.span, 0..<bytes.count) }
}
