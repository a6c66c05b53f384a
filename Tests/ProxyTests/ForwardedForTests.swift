import Base
import HTTP1
import Testing

@testable import Proxy

@Suite("Who a request is from") struct ForwardedForTests {
  private func client(_ lines: String...) -> String? {
    let text = "GET / HTTP/1.1\r\nHost: a\r\n" + lines.map { $0 + "\r\n" }.joined() + "\r\n"
    let bytes = Array(text.utf8)
    var table = FieldTable()
    guard case .complete = RequestHead.parse(bytes.span, into: &table, limits: Limits()) else {
      return "refused"
    }
    let trusted = CIDR("10.0.0.0/8")
    return ForwardedFor.client(bytes.span, table) { trusted?.contains($0) == true }?.description
  }

  @Test func `the last address that is no trusted proxy's counts`() {
    #expect(client("X-Forwarded-For: 1.2.3.4, 5.6.7.8, 10.0.0.1") == "5.6.7.8")
    #expect(client("X-Forwarded-For: 5.6.7.8") == "5.6.7.8")
    #expect(client("X-Forwarded-For: 9.9.9.9", "X-Forwarded-For: 2001:db8::1 ,10.0.0.1") == "2001:db8::1")
  }

  @Test func `with trusted proxies alone the first of them counts`() {
    #expect(client("X-Forwarded-For: 10.0.0.1, 10.0.0.2") == "10.0.0.1")
  }

  @Test func `what is no address ends the trust`() {
    #expect(client("X-Forwarded-For: 1.2.3.4, unknown, 10.0.0.1") == "10.0.0.1")
    #expect(client("X-Forwarded-For: ") == nil)
    #expect(client("X-Forwarded-For: ,") == nil)
    #expect(client("X-Other: 1.2.3.4") == nil)
  }
}
