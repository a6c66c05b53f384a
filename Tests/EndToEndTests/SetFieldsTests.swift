import Configuration
import Proxy
import TestSupport
import Testing

@Suite("SLUICE_SET_REQUEST_FIELDS and SLUICE_SET_RESPONSE_FIELDS", .timeLimit(.minutes(5)))
struct SetFieldsTests {
  /// What the origin and the client get of one request with `fields` through a proxy set up by `configure`.
  private func exchange(
    _ fields: String..., answer: String = ok("hello"), _ configure: (inout ProxySettings) -> Void
  ) throws -> (request: WireRequest, response: WireResponse) {
    let origin = try ScriptedOrigin { _ in answer }
    let proxy = try ProxyUnderTest(origin) { configure(&$0.proxy) }
    let lines = fields.isEmpty ? "Accept: */*" : fields.joined(separator: "\r\n")
    let response = try proxy.exchange(head("GET /x", lines))
    return (try origin.request(), response)
  }

  private static func set(_ name: String, _ value: String) -> FieldSetting {
    FieldSetting(name: name, value: value)
  }

  @Test func `a request field is set over whatever was there, all of it`() throws {
    let (request, _) = try exchange("x-env: one", "Accept: a", "X-Env: two") {
      $0.requestFields = [SetFieldsTests.set("X-Env", "live")]
    }
    #expect(request.all("x-env") == ["live"])
    #expect(request["accept"] == "a")
  }

  @Test func `a request field that nobody sent is added`() throws {
    let (request, _) = try exchange("Accept: a") { $0.requestFields = [SetFieldsTests.set("X-Env", "live")] }
    #expect(request.all("x-env") == ["live"])
  }

  @Test func `an empty value removes a request field`() throws {
    let (request, _) = try exchange("Cookie: a=b", "Accept: a") {
      $0.requestFields = [SetFieldsTests.set("Cookie", "")]
    }
    #expect(!request.has("cookie"))
    #expect(request["accept"] == "a")
  }

  @Test(arguments: ["X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "Via"])
  func `what we write ourselves can be set and removed`(_ name: String) throws {
    let (request, _) = try exchange("\(name): theirs") {
      $0.requestFields = [SetFieldsTests.set(name, "ours")]
    }
    #expect(request.all(name) == ["ours"])
    let (bare, _) = try exchange("\(name): theirs") { $0.requestFields = [SetFieldsTests.set(name, "")] }
    #expect(!bare.has(name))
  }

  @Test func `no Connection option of the client removes a field that is set`() throws {
    let (request, _) = try exchange("Connection: X-Env", "X-Env: theirs") {
      $0.requestFields = [SetFieldsTests.set("X-Env", "ours")]
    }
    #expect(request.all("x-env") == ["ours"])
  }

  @Test func `several response fields are set and removed at once`() throws {
    let origins = answer(
      "200 OK", "Server: secret/1.0", "X-A: 1", "x-a: 2", "Content-Length: 5", body: "hello")
    let (_, response) = try exchange(answer: origins) {
      $0.responseFields = [
        SetFieldsTests.set("Server", ""), SetFieldsTests.set("X-A", "ours"),
        SetFieldsTests.set("Strict-Transport-Security", "max-age=1"),
      ]
    }
    #expect(!response.has("server"))
    #expect(response.all("x-a") == ["ours"])
    #expect(response["strict-transport-security"] == "max-age=1")
    #expect(response.text == "hello")
  }

  @Test(arguments: ["Date", "Via"])
  func `a response field that we write ourselves can be set and removed`(_ name: String) throws {
    let (_, response) = try exchange { $0.responseFields = [SetFieldsTests.set(name, "ours")] }
    #expect(response.all(name) == ["ours"])
    let (_, bare) = try exchange { $0.responseFields = [SetFieldsTests.set(name, "")] }
    #expect(!bare.has(name))
  }

  @Test func `interim answers stay as the origin sent them`() throws {
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    let origin = try ScriptedOrigin { _ in hints + ok() }
    let proxy = try ProxyUnderTest(origin) { settings in
      settings.proxy.responseFields = [SetFieldsTests.set("Link", "ours")]
    }
    let client = try proxy.connect()
    try client.send(head())
    #expect(try client.readAnyResponse()["link"] == "</a>")
    #expect(try client.readAnyResponse()["link"] == "ours")
  }

  @Test func `an answer of our own is not forwarded and so stays as it is`() throws {
    let origin = try ScriptedOrigin { _ in nil }
    let proxy = try ProxyUnderTest(origin) { settings in
      settings.proxy.responseFields = [SetFieldsTests.set("X-A", "ours")]
    }
    let response = try proxy.exchange(head())
    #expect(response.status == 502)
    #expect(!response.has("x-a"))
  }
}
