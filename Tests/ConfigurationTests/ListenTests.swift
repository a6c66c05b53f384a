import Base
import Configuration
import Reactor
import Testing

@Suite("SLUICE_LISTEN") struct ListenTests {
  @Test(arguments: [
    ("0.0.0.0:8080", ["0.0.0.0:8080"]), ("[::]:8080", ["[::]:8080"]),
    ("unix:/run/a.sock", ["unix:/run/a.sock"]),
    ("8080", ["0.0.0.0:8080"]), (":8080", ["0.0.0.0:8080"]), ("127.0.0.1:0", ["127.0.0.1:0"]),
    ("[0:0::1]:443", ["[::1]:443"]), ("[::ffff:10.0.0.1]:80", ["10.0.0.1:80"]),
    (" 127.0.0.1:1 ,\n  [::1]:1\t", ["127.0.0.1:1", "[::1]:1"]),
    ("0.0.0.0:80,127.0.0.1:80", ["0.0.0.0:80", "127.0.0.1:80"]),
  ])
  func `literal addresses and paths are taken in their order`(text: String, addresses: [String]) throws {
    #expect(try settings(["SLUICE_LISTEN": text]).listen.map(\.description) == addresses)
  }

  @Test(arguments: [
    ("localhost:8080", "has a name where only a literal address can be listened on"),
    ("*:8080", "has a host name with other characters than letters, digits, '-', '_' and '.'"),
    ("::1:8080", "has an IPv6 address without brackets or too many colons"),
    ("[::1]", "has no port"), ("127.0.0.1", "has no port"), ("127.0.0.1:", "has no port after the colon"),
    (":", "has no port after the colon"), ("[::1", "lacks a closing bracket"),
    ("[127.0.0.1]:80", "has no valid IPv6 address in its brackets"),
    ("[fe80::1%eth0]:80", "has no valid IPv6 address in its brackets"),
    ("[::1]80", "has something other than a port after the bracket"),
    ("127.0.0.1:65536", "has a port above 65535"), ("99999", "has a port above 65535"),
    ("127.0.0.1:http", "has a port that is not a number"),
    ("127.0.0.1:+80", "has a port that is not a number"),
    ("127.0.0.256:80", "has a host that is no valid IPv4 address"),
    ("127.0.0.01:80", "has a host that is no valid IPv4 address"),
    ("http://0.0.0.0:80", "is not an address (a path is written unix:/PATH)"),
    ("/run/a.sock", "is not an address (a path is written unix:/PATH)"),
    ("unix:", "has no absolute path after unix:"), ("unix:a.sock", "has no absolute path after unix:"),
    ("unix:///run/a.sock", "has more than one slash after unix:"),
    ("unix:/run/", "ends with a slash, so it is no socket"),
    ("unix:/run/a\u{1}.sock", "has a control character in its path"),
    (
      "unix:/" + String(repeating: "a", count: 107),
      "has a path of more than 107 bytes, the most that a socket can have"
    ),
  ])
  func `what is no address is refused for what it is`(text: String, problem: String) {
    let errors = errors(of: "SLUICE_LISTEN", text)
    #expect(errors.map(\.problem) == [problem])
    #expect(errors.first?.value == text)
  }

  @Test(arguments: [
    "8080,0.0.0.0:8080", "[::1]:80,[0::1]:80", "unix:/a,unix:/a", "[::ffff:1.2.3.4]:80,1.2.3.4:80",
  ])
  func `one address twice is an error, in whatever spelling`(text: String) {
    #expect(errors(of: "SLUICE_LISTEN", text).map(\.problem) == ["is given twice"])
  }

  @Test(arguments: [",8080", "8080,", "8080,,8081", " ", ","])
  func `an empty entry is one error with the whole list in it`(text: String) {
    let errors = errors(of: "SLUICE_LISTEN", text)
    #expect(errors.map(\.problem) == ["has an empty entry"])
    #expect(errors.first?.value == text)
  }

  @Test func `an empty value is an error`() {
    #expect(errors(of: "SLUICE_LISTEN", "").count == 1)
  }

  @Test func `every bad entry is told`() {
    #expect(errors(of: "SLUICE_LISTEN", "a:1,127.0.0.1:2,b:3").map(\.value) == ["a:1", "b:3"])
  }
}
