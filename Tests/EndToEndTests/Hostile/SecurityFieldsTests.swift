import Cache
import Configuration
import Proxy
import TestSupport
import Testing

@Suite("Security fields", .timeLimit(.minutes(5))) struct SecurityFieldsTests {
  private func response(
    _ text: String, _ request: String = head(), _ configure: (inout ProxySettings) -> Void = { _ in }
  ) throws -> WireResponse {
    let origin = try ScriptedOrigin { _ in text }
    let proxy = try ProxyUnderTest(origin) { configure(&$0.proxy) }
    return try proxy.exchange(request)
  }

  private static let standard = [
    ("X-Frame-Options", "SAMEORIGIN"), ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "strict-origin-when-cross-origin"),
  ]

  @Test func `are added where the origin set none`() throws {
    let response = try response(ok())
    for (name, value) in SecurityFieldsTests.standard { #expect(response.all(name) == [value]) }
    // Plain HTTP must not say it (RFC 6797 §7.2).
    #expect(!response.has("Strict-Transport-Security"))
  }

  @Test(arguments: standard.map(\.0))
  func `what the origin set stays, and the others are added`(_ name: String) throws {
    let response = try response(answer("200 OK", "\(name.lowercased()): own", "Content-Length: 0"))
    for (other, value) in SecurityFieldsTests.standard {
      #expect(response.all(other) == [other == name ? "own" : value])
    }
  }

  @Test func `can be switched off`() throws {
    let response = try response(ok()) { $0.addsSecurityFields = false }
    for (name, _) in SecurityFieldsTests.standard { #expect(!response.has(name)) }
  }

  @Test func `have other values, go, and have company where the settings say so`() throws {
    let own = [
      FieldSetting(name: "x-frame-options", value: "DENY"), FieldSetting(name: "Referrer-Policy", value: ""),
      FieldSetting(name: "Content-Security-Policy", value: "default-src 'self'"),
    ]
    let response = try response(ok()) { $0.defaultResponseFields = own }
    #expect(response.all("X-Frame-Options") == ["DENY"])
    #expect(response.all("X-Content-Type-Options") == ["nosniff"])
    #expect(!response.has("Referrer-Policy"))
    #expect(response.all("Content-Security-Policy") == ["default-src 'self'"])
    let other = answer("200 OK", "content-security-policy: none", "Content-Length: 0")
    let kept = try self.response(other) { $0.defaultResponseFields = own }
    #expect(kept.all("Content-Security-Policy") == ["none"])
  }

  @Test func `SLUICE_SET_RESPONSE_FIELDS comes before them`() throws {
    let response = try response(ok()) {
      $0.responseFields = [
        FieldSetting(name: "X-Frame-Options", value: "ours"),
        FieldSetting(name: "Referrer-Policy", value: ""),
      ]
    }
    #expect(response.all("X-Frame-Options") == ["ours"])
    #expect(!response.has("Referrer-Policy"))
    #expect(response.all("X-Content-Type-Options") == ["nosniff"])
  }

  @Test(arguments: ["204 No Content", "302 Found", "404 Not Found", "500 Broken"])
  func `are on answers of every status`(_ line: String) throws {
    #expect(try response(answer(line, "Content-Length: 0")).all("X-Frame-Options") == ["SAMEORIGIN"])
  }

  @Test func `are on answers of our own`() throws {
    let origin = try ScriptedOrigin(saying: "")
    let proxy = try ProxyUnderTest(origin)
    for text in [head("GET /%00"), "GET / HTTP/1.1\r\n\r\n", head("CONNECT a:1")] {
      #expect(try proxy.exchange(text).all("X-Content-Type-Options") == ["nosniff"])
    }
  }

  @Test func `are on what is stored, once, and a 304 does not bring them in the place of the origin's`()
    throws
  {
    let origin = try ScriptedOrigin { request in
      request.has("If-None-Match")
        ? answer("304 Not Modified", "ETag: \"1\"", "Cache-Control: max-age=60")
        : answer(
          "200 OK", "ETag: \"1\"", "Cache-Control: max-age=0", "X-Frame-Options: own", "Content-Length: 1",
          body: "x")
    }
    let proxy = try ProxyUnderTest(origin) { $0.proxy.cache.isEnabled = true }
    for _ in 0..<3 {
      let response = try proxy.exchange(head())
      #expect(response.status == 200)
      #expect(response.all("X-Frame-Options") == ["own"])
      #expect(response.all("Referrer-Policy") == ["strict-origin-when-cross-origin"])
    }
    #expect(origin.requests.count == 2)
  }

  @Test func `Server and X-Powered-By of origins are hidden`() throws {
    let text = answer("200 OK", "Server: nginx/1.2", "X-Powered-By: PHP/5", "X-A: b", "Content-Length: 0")
    let hidden = try response(text)
    #expect(!hidden.has("Server") && !hidden.has("X-Powered-By"))
    #expect(hidden["X-A"] == "b")
    let shown = try response(text) { $0.hidesServer = false }
    #expect(shown["Server"] == "nginx/1.2" && shown["X-Powered-By"] == "PHP/5")
  }
}
