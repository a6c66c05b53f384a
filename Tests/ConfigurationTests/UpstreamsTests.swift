import Configuration
import Testing
import Upstream

@Suite("SLUICE_UPSTREAMS") struct UpstreamsTests {
  @Test(arguments: [
    ("app:3000", OriginSettings(.host("app", port: 3000))),
    ("http://app:3000", OriginSettings(.host("app", port: 3000))),
    ("HTTP://app", OriginSettings(.host("app", port: 80))),
    ("http://[::1]", OriginSettings(.host("::1", port: 80))),
    ("[0:0::1]:3000", OriginSettings(.host("::1", port: 3000))),
    ("10.0.0.1:3000", OriginSettings(.host("10.0.0.1", port: 3000))),
    ("unix:/run/app.sock", OriginSettings(.unix(path: "/run/app.sock"))),
    ("unix:/run/app.sock;weight=3", OriginSettings(.unix(path: "/run/app.sock"), weight: 3)),
    ("app:1;weight=1000", OriginSettings(.host("app", port: 1), weight: 1000)),
    ("http://app;weight=2", OriginSettings(.host("app", port: 80), weight: 2)),
    (" app:1 ; weight=5 ", OriginSettings(.host("app", port: 1), weight: 5)),
    ("my_app-1.svc.local.:65535", OriginSettings(.host("my_app-1.svc.local.", port: 65535))),
    ("App:1", OriginSettings(.host("App", port: 1))),
    ("1app:1", OriginSettings(.host("1app", port: 1))),
  ])
  func `an origin is read`(text: String, origin: OriginSettings) throws {
    #expect(try settings(["SLUICE_UPSTREAMS": text]).upstream.origins == [origin])
  }

  @Test func `origins keep their order`() throws {
    let origins = try settings(["SLUICE_UPSTREAMS": "b:1,a:1,\n c:1"]).upstream.origins
    #expect(origins.map(\.authority) == ["b:1", "a:1", "c:1"])
  }

  @Test(arguments: [
    ("app", "has no port"), ("[::1]", "has no port"), ("3000", "has a port but no host"),
    (":3000", "has no host"), ("http://", "has no host"), ("http://:80", "has no host"),
    ("app:0", "has port 0, which nothing can be reached at"),
    ("http://app:0", "has port 0, which nothing can be reached at"),
    ("app:65536", "has a port above 65535"), ("app:", "has no port after the colon"),
    ("http://app:", "has no port after the colon"), ("app:8o", "has a port that is not a number"),
    ("::1:3000", "has an IPv6 address without brackets or too many colons"),
    ("https://app:443;verify=no", "has verify that is neither on nor off"),
    ("http://app;verify=off", "has verify, which is for https alone"),
    ("h2c://app:80", "has a scheme other than http and https"),
    ("://app:80", "has a scheme other than http and https"),
    ("http://app/", "has a path; an origin is an address alone, without even a slash"),
    ("http://app:80/v1", "has a path; an origin is an address alone, without even a slash"),
    ("app:80/v1", "has a path; an origin is an address alone, without even a slash"),
    ("http:/app:80", "has a path; an origin is an address alone, without even a slash"),
    ("http://app:80?x=1", "has a query; an origin is an address alone"),
    ("http://app:80#top", "has a fragment; an origin is an address alone"),
    ("ap p:80", "has a host name with other characters than letters, digits, '-', '_' and '.'"),
    ("äpp:80", "has a host name with other characters than letters, digits, '-', '_' and '.'"),
    ("a..b:80", "has a host name with an empty part between its dots"),
    (".:80", "has a host name with an empty part between its dots"),
    ("-a.b:80", "has a host name with a part that starts or ends with '-'"),
    (String(repeating: "a", count: 64) + ":80", "has a host name with a part of more than 63 characters"),
    (String(repeating: "ab.", count: 85) + ":80", "has a host name of more than 253 characters"),
    ("127.1:80", "has a host that is no valid IPv4 address"),
    ("010.0.0.1:80", "has a host that is no valid IPv4 address"),
    ("0x7f000001:80", "has a host that is no valid IPv4 address"),
    ("app:1;weight=0", "has a weight that is not a number from 1 to 1000"),
    ("app:1;weight=1001", "has a weight that is not a number from 1 to 1000"),
    ("app:1;weight=", "has a weight that is not a number from 1 to 1000"),
    ("app:1;weight=+1", "has a weight that is not a number from 1 to 1000"),
    ("app:1;w=1", "has a parameter other than weight=N, verify=off and sni=NAME"),
    ("app:1;", "has a parameter other than weight=N, verify=off and sni=NAME"),
    ("app:1;weight=1;weight=2", "has the same parameter twice"),
    ("unix:app.sock", "has no absolute path after unix:"),
  ])
  func `what is no origin is refused for what it is`(text: String, problem: String) {
    let errors = errors(of: "SLUICE_UPSTREAMS", text)
    #expect(errors.map(\.problem) == [problem])
    #expect(errors.first?.value == text)
  }

  @Test func `user information is refused and not repeated`() throws {
    let error = try #require(errors(of: "SLUICE_UPSTREAMS", "http://me:hunter2@app:80").first)
    #expect(error.problem == "has user information before the @")
    #expect(!error.description.contains("hunter2"))
    #expect(error.description.contains("@app:80"))
  }

  @Test(arguments: ["a:1,a:1", "a:1,A:1;weight=2", "http://a,a:80", "[::1]:1,[0::1]:1", "unix:/a,unix:/a"])
  func `one origin twice is an error that points to the weight`(text: String) {
    #expect(
      errors(of: "SLUICE_UPSTREAMS", text).map(\.problem)
        == ["is listed already (a larger share is written ;weight=N)"])
  }

  @Test func `every bad entry is told`() {
    #expect(errors(of: "SLUICE_UPSTREAMS", "a,b:1,c,,").map(\.value) == ["a", "c", "a,b:1,c,,"])
  }
}
