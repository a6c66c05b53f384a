import Base
import HTTP1
import TestSupport
import Testing

@Suite("FieldName") struct FieldNameTests {
  private static let known: [(String, FieldName)] = [
    ("Host", .host), ("Connection", .connection), ("Content-Length", .contentLength),
    ("Transfer-Encoding", .transferEncoding), ("TE", .te), ("Trailer", .trailer), ("Upgrade", .upgrade),
    ("Expect", .expect), ("Keep-Alive", .keepAlive), ("Proxy-Connection", .proxyConnection), ("Via", .via),
    ("Date", .date), ("Server", .server), ("X-Forwarded-For", .xForwardedFor),
    ("X-Forwarded-Proto", .xForwardedProto), ("X-Forwarded-Host", .xForwardedHost), ("Forwarded", .forwarded),
    ("User-Agent", .userAgent), ("Referer", .referer), ("Content-Type", .contentType),
    ("Max-Forwards", .maxForwards), ("HTTP2-Settings", .http2Settings), ("Authorization", .authorization),
    ("Cookie", .cookie), ("Set-Cookie", .setCookie), ("Cache-Control", .cacheControl), ("Age", .age),
    ("Content-Encoding", .contentEncoding), ("Content-Range", .contentRange),
    ("Proxy-Authenticate", .proxyAuthenticate), ("Proxy-Authorization", .proxyAuthorization),
    ("Authentication-Info", .authenticationInfo), ("X-Real-IP", .xRealIP), ("Location", .location),
    ("range", .range),
    ("if-range", .ifRange),
    ("if-match", .ifMatch),
    ("if-none-match", .ifNoneMatch),
    ("if-modified-since", .ifModifiedSince),
    ("if-unmodified-since", .ifUnmodifiedSince),
    ("etag", .etag),
    ("last-modified", .lastModified),
    ("expires", .expires),
    ("vary", .vary),
    ("pragma", .pragma),
    ("cdn-cache-control", .cdnCacheControl),
    ("proxy-authentication-info", .proxyAuthenticationInfo),
    ("cache-status", .cacheStatus),
    ("content-location", .contentLocation),
    ("cache-groups", .cacheGroups),
    ("cache-group-invalidation", .cacheGroupInvalidation),
    ("cdn-loop", .cdnLoop),
    ("traceparent", .traceParent),
    ("x-request-id", .xRequestID),
    ("x-powered-by", .xPoweredBy),
    ("x-frame-options", .xFrameOptions),
    ("referrer-policy", .referrerPolicy),
    ("x-content-type-options", .xContentTypeOptions),
    ("strict-transport-security", .strictTransportSecurity),
  ]
  private static let tokenCharacters = (UInt8.min...0x7F).filter { byte in
    ASCII.isDigit(byte) || (0x61...0x7A).contains(byte) || (0x41...0x5A).contains(byte)
      || "!#$%&'*+-.^_`|~".utf8.contains(byte)
  }

  private static func find(_ name: [UInt8], between before: [UInt8] = [], and after: [UInt8] = [])
    -> FieldName
  {
    let bytes = before + name + after
    return FieldName.find(bytes.span, before.count, before.count + name.count)
  }

  @Test func `each known name is in the table of this test once`() {
    var highest: UInt8 = 0
    while FieldName(rawValue: highest + 1) != nil { highest += 1 }
    #expect(FieldNameTests.known.count == Int(highest))
    #expect(Set(FieldNameTests.known.map(\.1)).count == Int(highest))
    #expect(Set(FieldNameTests.known.map(\.1.bit)).count == Int(highest))
  }

  @Test func `a known name is found in any case and whatever stands around it`() {
    var generator = SeededGenerator(seed: 31)
    for (text, name) in FieldNameTests.known {
      for _ in 0..<50 {
        let cased = text.utf8.map { byte in
          let isLetter = (0x61...0x7A).contains(byte | 0x20)
          return isLetter && Bool.random(using: &generator) ? byte ^ 0x20 : byte
        }
        let before = generator.bytes(Int.random(in: 0...9, using: &generator))
        let after = generator.bytes(Int.random(in: 0...9, using: &generator))
        #expect(FieldNameTests.find(cased, between: before, and: after) == name, "\(text)")
      }
    }
  }

  @Test func `a name with one other character is not the known one`() {
    for (text, name) in FieldNameTests.known {
      let bytes = Array(text.utf8)
      for index in bytes.indices {
        for other in FieldNameTests.tokenCharacters
        where ASCII.lowercased(other) != ASCII.lowercased(bytes[index]) {
          var changed = bytes
          changed[index] = other
          let found = FieldNameTests.find(changed)
          if found == name {
            Issue.record("\(String(decoding: changed, as: UTF8.self)) is taken for \(text)")
          }
        }
      }
    }
  }

  @Test func `a name with a character more or less is not a known one`() {
    for (text, _) in FieldNameTests.known {
      let bytes = Array(text.utf8)
      #expect(FieldNameTests.find(Array(bytes.dropLast())) == .other, "\(text)")
      #expect(FieldNameTests.find(Array(bytes.dropFirst())) == .other, "\(text)")
      for other in FieldNameTests.tokenCharacters {
        #expect(FieldNameTests.find(bytes + [other]) == .other, "\(text)")
        #expect(FieldNameTests.find([other] + bytes) == .other, "\(text)")
      }
    }
  }

  @Test(arguments: [
    "x", "content_length", "Content-Lengths", "Transfer_Encoding", "Hos", "X-Forwarded-By", "P3P",
  ])
  func `a name like a known one is another`(text: String) {
    #expect(FieldNameTests.find(Array(text.utf8)) == .other)
  }
}
