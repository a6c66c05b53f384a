import Base
import Configuration
import HTTP1
import Observe
import Proxy
import Reactor
import Testing
import Upstream

@Suite("Defaults") struct DefaultsTests {
  @Test func `an environment with origins alone gives the defaults of SETTINGS`() throws {
    let settings = try settings([:], cores: 6)
    #expect(settings.listen.map(\.description) == ["0.0.0.0:8080"])
    #expect(settings.workers == 6)
    #expect(settings.drainTimeout == .seconds(25))
    #expect(settings.preDrain == .seconds(0))
    #expect(settings.upstream.connectTimeout == .seconds(3))
    #expect(settings.upstream.idleTimeout == .seconds(30))
    #expect(settings.proxy.hostPolicy == .preserve)
    #expect(settings.proxy.retries == 2)
    #expect(settings.proxy.responseTimeout == .seconds(60))
    #expect(settings.proxy.headTimeout == .seconds(10))
    #expect(settings.proxy.progressTimeout == .seconds(30))
    #expect(settings.proxy.idleTimeout == .seconds(75))
    #expect(settings.proxy.tunnelTimeout == .seconds(3600))
    #expect(settings.proxy.limits == Limits(headBytesMax: 32 * 1024, fieldCountMax: 100))
    #expect(settings.proxy.bodyBytesMax == 0)
    #expect(settings.proxy.connectionsMax == 100_000)
    #expect(settings.proxy.requestFields == [])
    #expect(settings.proxy.responseFields == [])
    #expect(settings.proxy.addsVia)
    #expect(settings.proxy.trustedProxies == [])
    #expect(!settings.proxy.trustsUnixPeers)
    #expect(settings.log.level == .info)
    #expect(settings.log.format == .text)
    #expect(settings.log.accessLog == .on)
  }

  @Test func `the defaults of the table are those of the rooms`() throws {
    let read = try settings([:])
    let proxy = ProxySettings()
    let upstream = UpstreamSettings(origins: [])
    #expect(read.log == LogSettings())
    #expect(read.proxy.limits == proxy.limits)
    #expect(read.proxy.headTimeout == proxy.headTimeout)
    #expect(read.proxy.responseTimeout == proxy.responseTimeout)
    #expect(read.proxy.progressTimeout == proxy.progressTimeout)
    #expect(read.proxy.idleTimeout == proxy.idleTimeout)
    #expect(read.proxy.tunnelTimeout == proxy.tunnelTimeout)
    #expect(read.proxy.bodyBytesMax == proxy.bodyBytesMax)
    #expect(read.proxy.connectionsMax == proxy.connectionsMax)
    #expect(read.proxy.retries == proxy.retries)
    #expect(read.proxy.addsVia == proxy.addsVia)
    #expect(read.upstream.connectTimeout == upstream.connectTimeout)
    #expect(read.upstream.idleTimeout == upstream.idleTimeout)
  }

  @Test func `workers stay in bounds on a machine with more cores than that`() throws {
    #expect(try settings([:], cores: 5000).workers == 1024)
  }

  @Test func `without origins there is nothing to run`() {
    #expect(errors([:]).map(\.variable) == ["SLUICE_UPSTREAMS"])
    #expect(errors([:]).first?.problem == "is not set")
  }
}

@Suite("PORT") struct PortTests {
  @Test func `PORT moves the default listener`() throws {
    #expect(try settings(["PORT": "9000"]).listen.map(\.description) == ["0.0.0.0:9000"])
  }

  @Test func `SLUICE_LISTEN wins over PORT, and then PORT is not even read`() throws {
    let settings = try settings(["PORT": "nonsense", "SLUICE_LISTEN": "127.0.0.1:1"])
    #expect(settings.listen.map(\.description) == ["127.0.0.1:1"])
  }

  @Test(arguments: ["", "0", "65536", "x", "80 ", "+80", "-1", "000080", "tcp://10.0.0.1:80"])
  func `a PORT that is no port is an error in its own name`(value: String) {
    let errors = errors(of: "PORT", value)
    #expect(errors.map(\.variable) == ["PORT"])
    #expect(errors.first?.value == value)
  }
}
