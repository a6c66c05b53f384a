import Base
import HTTP1
import TestSupport
import Testing

@testable import LoadEngine

@Suite("The answer reader", .timeLimit(.minutes(10))) struct AnswerReaderTests {
  private struct Reading: Equatable {
    var end: String
    var status = 0
    var isPersistent = false
    var backend: String?
    var cache = CacheWord.unsaid
  }

  /// Feeds `bytes`, cut at `cut`; then the end of the connection if nothing was finished.
  private func read(_ bytes: [UInt8], cut: Int, method: Method = .get) -> Reading {
    let context = AnswerContext(spreadField: Array("x-served-by".utf8))
    var reader = AnswerReader()
    reader.begin()
    var end: String?
    for piece in [bytes[..<cut], bytes[cut...]] where end == nil && !piece.isEmpty {
      let copy = Array(piece)
      switch reader.read(copy.span, method: method, digest: nil, in: context) {
      case .needMore: break
      case .finished(let at): end = at == copy.count && piece.endIndex == bytes.count ? "whole" : "surplus"
      case .failed(let failure): end = failure.name
      }
    }
    let reading = end ?? reader.end().map { "closed: \($0.name)" } ?? "closed: whole"
    return Reading(
      end: reading, status: reader.status, isPersistent: reader.isPersistent,
      backend: reader.backend < 0 ? nil : String(decoding: context.backends[reader.backend], as: UTF8.self),
      cache: reader.cache)
  }

  static let answers: [(String, String, Int)] = [
    ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "whole", 200),
    ("HTTP/1.1 204 No Content\r\n\r\n", "whole", 204),
    (
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
      "whole", 200
    ),
    ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nA: b\r\n\r\n", "whole", 200),
    ("HTTP/1.1 200 OK\r\n\r\nall that comes", "closed: whole", 200),
    ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", "closed: truncated", 200),
    ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc", "closed: truncated", 200),
    ("HTTP/1.1 200 OK\r\nContent-Le", "closed: truncated", 0),
  ]

  @Test(arguments: answers) func `reads any split alike`(text: String, end: String, status: Int) {
    let bytes = Array(text.utf8)
    for cut in 0..<bytes.count {
      let reading = read(bytes, cut: cut)
      #expect(reading.end == end, "cut at \(cut)")
      #expect(reading.status == status, "cut at \(cut)")
    }
  }

  @Test(arguments: [
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "HTTP/1.1 OK\r\n\r\n",
    "hello, world\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
  ]) func `calls a broken grammar malformed`(text: String) {
    let bytes = Array(text.utf8)
    for cut in 0..<bytes.count { #expect(read(bytes, cut: cut).end == "malformed", "cut at \(cut)") }
  }

  @Test func `sees bytes behind the end`() {
    let bytes = Array("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhello".utf8)
    #expect(read(bytes, cut: 0).end == "surplus")
    #expect(read(bytes, cut: bytes.count - 3).end == "surplus")
  }

  @Test func `expects no body after HEAD`() {
    let bytes = Array("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n".utf8)
    #expect(read(bytes, cut: 0, method: .head).end == "whole")
  }

  @Test(arguments: [
    ("Age: 3", CacheWord.hit), ("X-Cache: HIT", .hit), ("X-Cache: Miss from cloud", .miss),
    ("x-cache: hit, MISS", .hit), ("Cache-Status: Sluice; hit; ttl=3", .hit),
    ("Cache-Status: Sluice; fwd=miss; stored", .miss), ("Cache-Status: Far; hit, Near; fwd=uri-miss", .miss),
    ("Cache-Status: \"hits\"; fwd=bypass", .miss), ("X-Other: HIT", .unsaid),
  ]) func `reads what caches say`(line: String, expected: CacheWord) {
    let reading = read(Array("HTTP/1.1 200 OK\r\n\(line)\r\nContent-Length: 0\r\n\r\n".utf8), cut: 0)
    #expect(reading.cache == expected)
  }

  @Test func `names the backend`() {
    let answer = "HTTP/1.1 200 OK\r\nDate: x\r\nX-SERVED-by: app:3002\r\nContent-Length: 0\r\n\r\n"
    #expect(read(Array(answer.utf8), cut: 0).backend == "app:3002")
    #expect(read(Array("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".utf8), cut: 0).backend == nil)
  }

  @Test func `counts backends beyond a thousand as one`() {
    let context = AnswerContext(spreadField: [])
    for number in 0..<3000 {
      let name = Array("backend \(number)".utf8)
      _ = context.backendIndex(name.span, 0..<name.count)
    }
    #expect(context.backends.count == 1001)
    #expect(context.backends.last == Array("(others)".utf8))
  }
}
