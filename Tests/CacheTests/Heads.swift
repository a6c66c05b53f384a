import Base
import HTTP1

@testable import Cache

/// A response head and the request it answers, as the policy sees them.
struct Heads {
  var status = 200
  var fields: [String] = []
  var request: [String] = []
  var hasAuthorization = false
  var wall = 1_800_000_000

  /// What would be stored of it at `now`.
  func stored(
    _ settings: CacheSettings = CacheSettings(), at now: Instant = Instant(milliseconds: 1_000_000),
    sentAt: Instant? = nil
  ) -> StoredHead? {
    let text = "HTTP/1.1 \(status) Phrase\r\n" + fields.map { $0 + "\r\n" }.joined() + "\r\n"
    let asked = "GET / HTTP/1.1\r\nHost: a\r\n" + request.map { $0 + "\r\n" }.joined() + "\r\n"
    let (bytes, sent) = (Array(text.utf8), Array(asked.utf8))
    var table = FieldTable()
    var requestTable = FieldTable()
    guard
      case .complete(let head) = ResponseHead.parse(
        bytes.span, answering: .head, into: &table, limits: .unlimited),
      case .complete = RequestHead.parse(sent.span, into: &requestTable, limits: .unlimited)
    else { return nil }
    return CachePolicy(settings).storedHead(
      bytes.span, head, table,
      to: CachePolicy.Request(
        hasAuthorization: hasAuthorization, authority: Array("a".utf8), sentAt: sentAt ?? now),
      request: sent.span, requestTable, now: now, wall: wall)
  }
}

/// A stored answer for tests of the store: fresh for `seconds` from `now`.
func answer(
  seconds: Int, bytes: Int, at now: Instant, fields: [String] = [], request: [String] = [], mark: UInt8 = 0
) -> StoredResponse {
  let heads = Heads(fields: ["Cache-Control: max-age=\(seconds)"] + fields, request: request)
  guard let head = heads.stored(at: now) else { preconditionFailure("this is stored") }
  return StoredResponse(head, body: [UInt8](repeating: mark, count: bytes))
}

extension CacheStore {
  /// The variant for a request without fields.
  func get(_ key: [UInt8], at now: Instant) -> StoredResponse? {
    var buffer = ByteBuffer()
    buffer.append(contentsOf: key)
    let found = find(buffer, ByteHash.of(key.span), now: now)
    return found.only ?? found.variants.first
  }
}
