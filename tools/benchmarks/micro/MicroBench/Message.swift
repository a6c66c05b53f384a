internal import Base
internal import HTTP1

/// A head to be parsed, and its lines as taken apart by other means than the parser's.
struct Message {
  let bytes: [UInt8]
  let startLine: String
  let fields: [(name: String, value: String)]

  private init(_ startLine: String, _ fields: [(name: String, value: String)]) {
    self.startLine = startLine
    self.fields = fields
    let lines = [startLine] + fields.map { "\($0.name): \($0.value)" }
    bytes = Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8)
  }

  func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }

  func value(of name: String) -> String? { fields.first { $0.name == name }?.value }

  /// The lines a rewrite leaves as they were, without the empty one.
  func text(without dropped: [String]) -> String {
    let kept = fields.filter { !dropped.contains($0.name) }
    return startLine + "\r\n" + kept.map { "\($0.name): \($0.value)\r\n" }.joined()
  }

  /// Compares each line of `table` with what it was made of.
  func requireFields(of table: borrowing FieldTable) throws(CheckFailure) {
    try CheckFailure.require(table.count == fields.count, "\(table.count) fields instead of \(fields.count)")
    for index in 0..<table.count {
      let field = table[index]
      try CheckFailure.require(text(field.nameRange), equals: fields[index].name)
      try CheckFailure.require(text(field.valueRange), equals: fields[index].value)
      try CheckFailure.require(
        text(field.lineRange), equals: "\(fields[index].name): \(fields[index].value)\r\n")
    }
  }
}

extension Message {
  static let minimalRequest = Message(
    "GET /status HTTP/1.1",
    [("Host", "example.test:8080"), ("User-Agent", "curl/8.5.0"), ("Accept", "*/*")])

  static let browserRequest = Message(
    "GET /articles/2026/11/reverse-proxies?ref=home&page=2 HTTP/1.1", browser)

  /// As it comes from a browser through two other proxies: more fields than a table first has room for.
  static let largeRequest = Message(
    "POST /api/v2/orders/4711/items?currency=EUR HTTP/1.1",
    browser + [
      ("Content-Type", "application/json"), ("Content-Length", "512"),
      ("Authorization", "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0NzExIn0.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg"),
      ("Origin", "https://www.example.test"), ("X-Requested-With", "XMLHttpRequest"),
      ("X-CSRF-Token", "7f1c2d9e4b5a68730c1d2e3f4a5b6c7d"), ("Idempotency-Key", "1b9d6bcd-bbfd-4b2d"),
      ("X-Forwarded-For", "198.51.100.23, 203.0.113.9"), ("X-Forwarded-Proto", "https"),
      ("X-Forwarded-Host", "www.example.test"), ("X-Forwarded-Port", "443"), ("X-Real-IP", "198.51.100.23"),
      ("Forwarded", "for=198.51.100.23;proto=https"), ("Via", "2 edge-7, 1.1 inner-2"),
      ("X-Request-ID", "a3c1f0de-6e3b-4a52-9a51-0d7c5f6b2e18"), ("CDN-Loop", "edge"),
      ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
      ("tracestate", "edge=00f067aa0ba902b7"), ("baggage", "userTier=basic,region=eu-central"),
      ("X-Edge-Country", "DE"), ("X-Edge-City", "Leipzig"), ("X-Edge-Device", "desktop"),
      ("X-Client-TLS", "TLSv1.3"), ("X-Client-Cipher", "TLS_AES_128_GCM_SHA256"),
    ])

  static let minimalResponse = Message(
    "HTTP/1.1 200 OK", [("Content-Type", "text/plain"), ("Content-Length", "100")])

  static let typicalResponse = Message(
    "HTTP/1.1 200 OK",
    [
      ("Date", "Sun, 06 Nov 1994 08:49:37 GMT"), ("Server", "nginx/1.26.2"),
      ("Content-Type", "text/html; charset=utf-8"), ("Content-Length", "48213"), ("Connection", "keep-alive"),
      ("Cache-Control", "private, max-age=0, must-revalidate"), ("ETag", "\"65f1a2b3-bc55\""),
      ("Vary", "Accept-Encoding, Cookie"),
      ("Set-Cookie", "session=9f86d081884c7d65; Path=/; HttpOnly; Secure"),
      ("Strict-Transport-Security", "max-age=31536000; includeSubDomains"),
    ])

  private static let browser = [
    (name: "Host", value: "www.example.test"), ("Connection", "keep-alive"),
    ("sec-ch-ua", "\"Chromium\";v=\"142\", \"Not=A?Brand\";v=\"24\""), ("sec-ch-ua-mobile", "?0"),
    ("sec-ch-ua-platform", "\"Linux\""), ("Upgrade-Insecure-Requests", "1"),
    (
      "User-Agent",
      "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
    ),
    ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"),
    ("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document"),
    ("Referer", "https://www.example.test/articles"), ("Accept-Encoding", "gzip, deflate, br, zstd"),
    ("Accept-Language", "en-GB,en;q=0.9,de;q=0.8"),
    ("If-None-Match", "\"65f1a2b3-bc55\""),
    ("Cookie", "session=9f86d081884c7d659a2feaa0c55ad015; theme=dark; consent=1; _pk_id.1.1fff=4a7d1ed4"),
  ]
}
