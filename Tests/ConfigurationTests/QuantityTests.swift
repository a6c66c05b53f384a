import Base
import Configuration
import HTTP1
import Proxy
import Testing
import Upstream

@Suite("Durations") struct DurationTests {
  @Test(arguments: [
    ("250ms", 250), ("2s", 2000), ("5m", 300_000), ("1h", 3_600_000), ("1d", 86_400_000), ("1.5s", 1500),
    ("0.25h", 900_000), ("0.001s", 1), ("1.000000s", 1000), ("007s", 7000),
  ])
  func `a number with a unit is taken exactly`(text: String, milliseconds: UInt64) throws {
    let settings = try settings(["SLUICE_IDLE_TIMEOUT": text])
    #expect(settings.proxy.idleTimeout.milliseconds == milliseconds)
  }

  @Test(arguments: [
    ("10", "has no unit"), ("1.5", "has no unit"), ("s", "does not start with a number"),
    (".5s", "does not start with a number"), ("-1s", "does not start with a number"),
    ("+1s", "does not start with a number"), (" 1s", "does not start with a number"),
    ("1.s", "is not a decimal number with a unit"), ("1.2.3s", "is not a decimal number with a unit"),
    ("3M", "has an unknown unit"), ("1 s", "has an unknown unit"), ("1s ", "has an unknown unit"),
    ("1h30m", "has an unknown unit"), ("1e3s", "has an unknown unit"), ("2S", "has an unknown unit"),
    ("1µs", "has an unknown unit"), ("1,5s", "has an unknown unit"), ("٣s", "does not start with a number"),
    ("0.5ms", "is finer than the smallest unit"), ("0.0001s", "is finer than the smallest unit"),
    ("1.0000000000000s", "has too many decimals"), ("99999999999999999999s", "is too large"),
    ("999999999999999999d", "is too large"), ("2d", "is too long"),
    ("", "is empty: leave the variable unset for the default"),
  ])
  func `anything else is refused for what it is`(text: String, problem: String) {
    #expect(errors(of: "SLUICE_IDLE_TIMEOUT", text).map(\.problem) == [problem])
  }

  @Test(arguments: [
    "SLUICE_CONNECT_TIMEOUT", "SLUICE_RESPONSE_TIMEOUT", "SLUICE_HEAD_TIMEOUT", "SLUICE_PROGRESS_TIMEOUT",
    "SLUICE_IDLE_TIMEOUT", "SLUICE_UPSTREAM_IDLE_TIMEOUT", "SLUICE_TUNNEL_TIMEOUT",
  ])
  func `a timeout of zero is refused however it is written`(variable: String) {
    for zero in ["0", "0s", "0.0ms"] {
      #expect(
        errors(of: variable, zero).map(\.problem)
          == ["would run out at once; a timeout cannot be switched off"])
    }
  }

  @Test func `a drain may take no time at all`() throws {
    let settings = try settings(["SLUICE_DRAIN_TIMEOUT": "0", "SLUICE_PRE_DRAIN": "0s"])
    #expect(settings.drainTimeout == .seconds(0))
    #expect(settings.preDrain == .seconds(0))
  }

  @Test func `each timeout reaches its own setting`() throws {
    let settings = try settings([
      "SLUICE_CONNECT_TIMEOUT": "1s", "SLUICE_RESPONSE_TIMEOUT": "2s", "SLUICE_HEAD_TIMEOUT": "3s",
      "SLUICE_PROGRESS_TIMEOUT": "4s", "SLUICE_IDLE_TIMEOUT": "5s", "SLUICE_UPSTREAM_IDLE_TIMEOUT": "6s",
      "SLUICE_TUNNEL_TIMEOUT": "7s", "SLUICE_DRAIN_TIMEOUT": "8s", "SLUICE_PRE_DRAIN": "9s",
    ])
    let read = [
      settings.upstream.connectTimeout, settings.proxy.responseTimeout, settings.proxy.headTimeout,
      settings.proxy.progressTimeout, settings.proxy.idleTimeout, settings.upstream.idleTimeout,
      settings.proxy.tunnelTimeout, settings.drainTimeout, settings.preDrain,
    ]
    #expect(read == (1...9).map { Interval.seconds($0) })
  }

  @Test func `the bounds are named in the error`() throws {
    let error = try #require(errors(of: "SLUICE_TUNNEL_TIMEOUT", "31d").first)
    #expect(error.expected == "a duration (ms, s, m, h or d) from 1ms to 30d")
  }
}

@Suite("Sizes") struct SizeTests {
  @Test(arguments: [
    ("512B", 512), ("64KiB", 65_536), ("10MB", 10_000_000), ("1GiB", 1_073_741_824), ("1kB", 1000),
    ("1KB", 1000), ("1.5KiB", 1536), ("0.5MB", 500_000), ("2GB", 2_000_000_000), ("1TiB", 1 << 40),
    ("3MiB", 3 << 20), ("1TB", 1_000_000_000_000), ("0", 0), ("0B", 0), ("1024TiB", 1 << 50),
  ])
  func `a number with a unit is taken in bytes`(text: String, bytes: Int) throws {
    #expect(try settings(["SLUICE_MAX_BODY": text]).proxy.bodyBytesMax == bytes)
  }

  @Test(arguments: [
    ("65536", "has no unit"), ("64K", "has an unknown unit"), ("10M", "has an unknown unit"),
    ("64kib", "has an unknown unit"), ("64 KiB", "has an unknown unit"), ("10Mb", "has an unknown unit"),
    ("0.5B", "is finer than the smallest unit"), ("-1B", "does not start with a number"),
    ("1025TiB", "is too large"), ("99999999TiB", "is too large"),
    ("unlimited", "does not start with a number"),
  ])
  func `anything else is refused for what it is`(text: String, problem: String) {
    #expect(errors(of: "SLUICE_MAX_BODY", text).map(\.problem) == [problem])
  }

  @Test func `a head has a least and a largest size`() throws {
    #expect(try settings(["SLUICE_MAX_HEAD": "1KiB"]).proxy.limits.headBytesMax == 1024)
    #expect(try settings(["SLUICE_MAX_HEAD": "1MiB"]).proxy.limits.headBytesMax == 1 << 20)
    #expect(errors(of: "SLUICE_MAX_HEAD", "1023B").map(\.problem) == ["is too small"])
    #expect(errors(of: "SLUICE_MAX_HEAD", "0").map(\.problem) == ["is too small"])
    #expect(errors(of: "SLUICE_MAX_HEAD", "2MiB").map(\.problem) == ["is too large"])
  }

  @Test func `a smaller head makes for a smaller request line and leaves the number of fields`() throws {
    let limits = try settings(["SLUICE_MAX_HEAD": "4KiB", "SLUICE_MAX_FIELDS": "7"]).proxy.limits
    #expect(limits.requestLineBytesMax == 4096)
    #expect(limits.fieldCountMax == 7)
  }
}

@Suite("Counts and switches") struct CountTests {
  @Test func `each count reaches its own setting`() throws {
    let settings = try settings([
      "SLUICE_WORKERS": "3", "SLUICE_RETRIES": "0", "SLUICE_MAX_FIELDS": "200", "SLUICE_MAX_CONNECTIONS": "5",
    ])
    #expect(settings.workers == 3)
    #expect(settings.proxy.retries == 0)
    #expect(settings.proxy.limits.fieldCountMax == 200)
    #expect(settings.proxy.connectionsMax == 5)
  }

  @Test(arguments: [
    ("0", "is too small"), ("1025", "is too large"), ("99999999999999999999", "is too large"),
    ("auto", "is not a whole number"), ("-1", "is not a whole number"), ("+4", "is not a whole number"),
    ("4.0", "is not a whole number"), ("4 ", "is not a whole number"), ("1_0", "is not a whole number"),
    ("٤", "is not a whole number"), ("", "is empty: leave the variable unset for the default"),
  ])
  func `a count is decimal digits within its bounds`(text: String, problem: String) {
    #expect(errors(of: "SLUICE_WORKERS", text).map(\.problem) == [problem])
  }

  @Test func `a switch is on or off`() throws {
    #expect(try settings(["SLUICE_VIA": "on"]).proxy.addsVia)
    #expect(try !settings(["SLUICE_VIA": "off"]).proxy.addsVia)
  }

  @Test(arguments: ["true", "1", "yes", "ON", "Off", "on "])
  func `a switch is nothing else`(text: String) {
    #expect(errors(of: "SLUICE_VIA", text).map(\.problem) == ["is neither on nor off"])
  }
}
