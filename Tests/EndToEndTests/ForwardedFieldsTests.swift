import Base
import Configuration
import Proxy
import TestSupport
import Testing

@Suite("X-Forwarded-*, Via and Date", .timeLimit(.minutes(10))) struct ForwardedFieldsTests {
  private let claiming = head(
    "GET /x", "X-Forwarded-For: 1.1.1.1", "X-Forwarded-For: 2.2.2.2", "X-Forwarded-Proto: https",
    "X-Forwarded-Host: shop.example")

  @Test func `what a stranger claims is overwritten`() throws {
    let origin = try ScriptedOrigin(saying: "")
    let proxy = try ProxyUnderTest(origin)
    _ = try proxy.exchange(claiming)
    let request = try origin.request()
    #expect(request.all("X-Forwarded-For") == ["127.0.0.1"])
    #expect(request.all("X-Forwarded-Proto") == ["http"])
    #expect(request.all("X-Forwarded-Host") == ["a"])
  }

  @Test func `what a trusted proxy says is kept and appended to`() throws {
    let origin = try ScriptedOrigin(saying: "")
    let proxy = try ProxyUnderTest(origin) { $0.proxy.trustedProxies = [CIDR("127.0.0.0/8")!] }
    _ = try proxy.exchange(claiming)
    let request = try origin.request()
    #expect(request.all("X-Forwarded-For") == ["1.1.1.1, 2.2.2.2, 127.0.0.1"])
    #expect(request.all("X-Forwarded-Proto") == ["https"])
    #expect(request.all("X-Forwarded-Host") == ["shop.example"])
  }

  @Test func `a trusted proxy that says nothing is a client like any`() throws {
    let origin = try ScriptedOrigin(saying: "")
    let proxy = try ProxyUnderTest(origin) { $0.proxy.trustedProxies = [CIDR("127.0.0.1")!] }
    _ = try proxy.exchange(head())
    let request = try origin.request()
    #expect(request.all("X-Forwarded-For") == ["127.0.0.1"])
    #expect(request.all("X-Forwarded-Proto") == ["http"])
    #expect(request.all("X-Forwarded-Host") == ["a"])
  }

  @Test func `a network that does not hold the peer gives it no trust`() throws {
    let origin = try ScriptedOrigin(saying: "")
    let proxy = try ProxyUnderTest(origin) { $0.proxy.trustedProxies = [CIDR("10.0.0.0/8")!] }
    _ = try proxy.exchange(claiming)
    #expect(try origin.request().all("X-Forwarded-For") == ["127.0.0.1"])
  }

  @Test func `Via is appended both ways`() throws {
    let origin = try ScriptedOrigin { _ in answer("200 OK", "Via: 1.1 inner", "Content-Length: 0") }
    let proxy = try ProxyUnderTest(origin)
    let response = try proxy.exchange(head("GET /", "Via: 1.1 outer"))
    #expect(try origin.request().all("Via") == ["1.1 outer", "1.1 sluice-test"])
    #expect(response.all("Via") == ["1.1 inner", "1.1 sluice"])
  }

  @Test func `Via names the version that came in`() throws {
    let origin = try ScriptedOrigin(saying: "")
    let proxy = try ProxyUnderTest(origin)
    _ = try proxy.exchange("GET / HTTP/1.0\r\nHost: a\r\n\r\n")
    #expect(try origin.request().all("Via") == ["1.0 sluice-test"])
  }

  @Test func `Via can be turned off`() throws {
    let origin = try ScriptedOrigin(saying: "")
    let proxy = try ProxyUnderTest(origin) { $0.proxy.addsVia = false }
    let response = try proxy.exchange(head())
    #expect(try !origin.request().has("Via"))
    #expect(!response.has("Via"))
  }

  @Test func `Date is added where the origin sent none and kept where it did`() throws {
    let origin = try ScriptedOrigin { request in
      request.target == "/with"
        ? answer("200 OK", "Date: Sun, 06 Nov 1994 08:49:37 GMT", "Content-Length: 0") : ok()
    }
    let proxy = try ProxyUnderTest(origin)
    let client = try proxy.connect()
    #expect(try client.exchange(head("GET /with")).all("Date") == ["Sun, 06 Nov 1994 08:49:37 GMT"])
    let dates = try client.exchange(head("GET /without")).all("Date")
    #expect(dates.count == 1)
    #expect(dates.first?.count == 29)
    #expect(dates.first?.hasSuffix(" GMT") == true)
  }
}
