import Base
import Configuration
import Foundation
import Proxy
import Reactor
import TestSupport
import Testing
import Upstream

/// An origin whose certificate was good once. Our own listeners refuse to show such a one, so Python's does.
@Suite("An origin with an expired certificate", .timeLimit(.minutes(5))) struct ExpiredOriginTests {
  private static let script = """
    import http.server, ssl, sys
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1], sys.argv[2])
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()
        def log_message(self, *_): pass
    class Server(http.server.ThreadingHTTPServer):
        def finish_request(self, request, address):
            request.settimeout(20)
            with context.wrap_socket(request, server_side=True) as secured: super().finish_request(secured, address)
        def handle_error(self, *_): pass
    server = Server(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()
    """

  @Test func `it is a 502, and the check says why`() throws {
    let server = Process()
    server.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
    server.arguments = [
      "-c", ExpiredOriginTests.script, TestCertificates.path("expired.pem"),
      TestCertificates.path("expired.key"),
    ]
    let output = Pipe()
    server.standardOutput = output
    server.standardInput = FileHandle.nullDevice
    try server.run()
    defer {
      // It inherits that other signals are blocked here.
      kill(server.processIdentifier, SIGKILL)
      // Until its end is noted Foundation keeps it, and a sanitizer that looks for leaks finds it.
      server.waitUntilExit()
    }
    let said = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
    let port = try #require(UInt16(said.filter(\.isNumber)))

    func proxy(verifies: Bool) throws -> ProxyUnderTest {
      var security = OriginSettings.Security()
      security.serverName = "a.test"
      security.verifies = verifies
      var settings = ProxyUnderTest.settings([])
      settings.upstream.origins = [OriginSettings(.host("127.0.0.1", port: port), security: security)]
      settings.upstream.authorities = TestCertificates.path("ca.pem")
      settings.proxy.retries = 0
      settings.upstream.health.check = .path("/")
      settings.upstream.health.interval = .milliseconds(50)
      settings.adminListen = loopback
      return try ProxyUnderTest(settings)
    }
    let strict = try proxy(verifies: true)
    let response = try strict.exchange(head())
    #expect(response.status == 502 || response.status == 503)
    #expect(!response.text.contains("certificate"))
    #expect(
      try eventually { try strict.ask("/status").text.contains("certificate: certificate has expired") })
    // Nothing else is wrong with it.
    #expect(try proxy(verifies: false).exchange(head()).status == 200)
  }
}
