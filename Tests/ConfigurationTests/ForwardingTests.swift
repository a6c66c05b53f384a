import Base
import Configuration
import Proxy
import Testing

@Suite("SLUICE_SET_REQUEST_FIELDS and SLUICE_SET_RESPONSE_FIELDS") struct FieldsTests {
  @Test(arguments: [
    ("X-A: 1", [FieldSetting(name: "X-A", value: "1")]),
    ("X-A:1|X-B:2", [FieldSetting(name: "X-A", value: "1"), FieldSetting(name: "X-B", value: "2")]),
    ("X-A: a b , c ", [FieldSetting(name: "X-A", value: "a b , c")]),
    ("X-A:", [FieldSetting(name: "X-A", value: "")]),
    ("X-A:   | X-B: :", [FieldSetting(name: "X-A", value: ""), FieldSetting(name: "X-B", value: ":")]),
    ("X-A: a\tb", [FieldSetting(name: "X-A", value: "a\tb")]),
    ("X-A: 1 |\n  X-B: 2\n", [FieldSetting(name: "X-A", value: "1"), FieldSetting(name: "X-B", value: "2")]),
    ("!#$%&'*+-.^_`~09azAZ: ü", [FieldSetting(name: "!#$%&'*+-.^_`~09azAZ", value: "ü")]),
    ("", []),
  ])
  func `fields are read with their names as written`(text: String, fields: [FieldSetting]) throws {
    let settings = try settings(["SLUICE_SET_REQUEST_FIELDS": text, "SLUICE_SET_RESPONSE_FIELDS": text])
    #expect(settings.proxy.requestFields == fields)
    #expect(settings.proxy.responseFields == fields)
  }

  @Test(arguments: [
    ("X-A", "has no colon"), (": 1", "has a field name that is not a token (RFC 9110 §5.6.2)"),
    ("X-A : 1", "has a field name that is not a token (RFC 9110 §5.6.2)"),
    ("X A: 1", "has a field name that is not a token (RFC 9110 §5.6.2)"),
    ("X-Ä: 1", "has a field name that is not a token (RFC 9110 §5.6.2)"),
    (":path: /", "has a field name that is not a token (RFC 9110 §5.6.2)"),
    ("X-A: a\r\nX-B: b", "has a control character in its value"),
    ("X-A: a\nb", "has a control character in its value"),
    ("X-A: a\rb", "has a control character in its value"),
    ("X-A: a\u{0}b", "has a control character in its value"),
    ("X-A: a\u{7F}", "has a control character in its value"),
    ("X-A: 1 | x-a: 2", "names a field that is set already"),
    ("X-A: 1 |", "has an empty entry"), ("|", "has an empty entry"),
  ])
  func `what is no field is refused for what it is`(text: String, problem: String) {
    #expect(errors(of: "SLUICE_SET_REQUEST_FIELDS", text).map(\.problem) == [problem])
    #expect(errors(of: "SLUICE_SET_RESPONSE_FIELDS", text).map(\.problem) == [problem])
  }

  @Test(arguments: [
    "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Proxy-Connection", "TE", "Trailer",
    "Upgrade", "HTTP2-Settings", "transfer-ENCODING",
  ])
  func `what frames a message or belongs to a connection cannot be set or removed`(name: String) {
    for value in ["1", ""] {
      #expect(errors(of: "SLUICE_SET_REQUEST_FIELDS", "\(name): \(value)").count == 1)
      #expect(errors(of: "SLUICE_SET_RESPONSE_FIELDS", "\(name): \(value)").count == 1)
    }
  }

  @Test func `Host has a variable of its own`() throws {
    #expect(
      errors(of: "SLUICE_SET_REQUEST_FIELDS", "host: a").map(\.problem) == [
        "is what SLUICE_HOST_HEADER is for"
      ])
    #expect(try settings(["SLUICE_SET_RESPONSE_FIELDS": "Host: a"]).proxy.responseFields.count == 1)
  }
}

@Suite("SLUICE_HOST_HEADER") struct HostHeaderTests {
  @Test(arguments: [
    ("preserve", ProxySettings.HostPolicy.preserve), ("upstream", .upstream),
    ("example.com", .fixed("example.com")),
    ("Example.com:8443", .fixed("Example.com:8443")), ("[::1]:80", .fixed("[::1]:80")),
    ("10.0.0.1", .fixed("10.0.0.1")), ("upstream1", .fixed("upstream1")),
  ])
  func `two words and fixed values are read`(text: String, policy: ProxySettings.HostPolicy) throws {
    #expect(try settings(["SLUICE_HOST_HEADER": text]).proxy.hostPolicy == policy)
  }

  @Test(arguments: [
    "Preserve", "UPSTREAM", "", "a b", "http://a", "a/b", "a:", "a:0", "a:70000", "u@a", "a,b", "a\r\nX: 1",
    "::1",
    "[::1", "1.2.3", "a..b",
  ])
  func `anything that is no authority is refused`(text: String) {
    #expect(errors(of: "SLUICE_HOST_HEADER", text).map(\.variable) == ["SLUICE_HOST_HEADER"])
  }
}

@Suite("SLUICE_TRUSTED_PROXIES") struct TrustedProxiesTests {
  @Test func `networks, single addresses and the word unix are read`() throws {
    let proxy = try settings(["SLUICE_TRUSTED_PROXIES": "10.0.0.0/8, 192.0.2.1,fd00::/8,unix"]).proxy
    #expect(proxy.trustedProxies.map(\.description) == ["10.0.0.0/8", "192.0.2.1/32", "fd00::/8"])
    #expect(proxy.trustsUnixPeers)
  }

  @Test func `without the word unix, peers on unix sockets are not believed`() throws {
    #expect(try !settings(["SLUICE_TRUSTED_PROXIES": "0.0.0.0/0,::/0"]).proxy.trustsUnixPeers)
  }

  @Test func `an empty list is a list`() throws {
    #expect(try settings(["SLUICE_TRUSTED_PROXIES": ""]).proxy.trustedProxies == [])
  }

  @Test(arguments: [
    ("10.0.0.1/8", "has address bits set beyond its first 8"),
    ("fd00::1/8", "has address bits set beyond its first 8"),
    ("10.0.0.0/33", "has no prefix length from 0 to 32"), ("::/129", "has no prefix length from 0 to 128"),
    ("10.0.0.0/", "has no prefix length from 0 to 32"), ("10.0.0.0/+8", "has no prefix length from 0 to 32"),
    ("10.0.0.0/8/8", "has no prefix length from 0 to 32"), ("10.0.0/8", "is not an IP address"),
    ("localhost", "is not an IP address"), ("Unix", "is not an IP address"),
    ("[::1]", "is not an IP address"),
  ])
  func `what is no network is refused for what it is`(text: String, problem: String) {
    #expect(errors(of: "SLUICE_TRUSTED_PROXIES", text).map(\.problem) == [problem])
  }
}
