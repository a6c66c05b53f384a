internal import Observe
internal import Base
internal import Configuration
internal import Glibc
internal import Reactor
internal import Server
internal import Upstream

func env(_ n: String) -> String? { unsafe getenv(n).map { unsafe String(cString: $0) } }
func hp(_ s: Substring) -> (String, UInt16) {
  let i = s.lastIndex(of: ":")!
  return (String(s[..<i]), UInt16(s[s.index(after: i)...])!)
}
var ups: [OriginSettings] = []
for u in env("SLUICE_UPSTREAMS")!.split(separator: ",") {
  if u.hasPrefix("unix:") { ups.append(OriginSettings(.unix(path: String(u.dropFirst(5))))); continue }
  let (h, p) = hp(u)
  ups.append(OriginSettings(.host(h, port: p)))
}
var listen: [SocketAddress] = []
for l in (env("SLUICE_LISTEN") ?? "127.0.0.1:8080").split(separator: ",") {
  if l.hasPrefix("unix:") { listen.append(.unix(String(l.dropFirst(5)))); continue }
  let (h, p) = hp(l)
  listen.append(.ip(IPAddress(h.trimmingPrefix("[").replacing("]", with: ""))!, port: p))
}
var s = Settings(listen: listen, upstream: UpstreamSettings(origins: ups), workers: Int(env("SLUICE_WORKERS") ?? "2")!)
if env("SLUICE_ACCESS_LOG") == "off" { s.log.accessLog = .off }
exit(Server.run(s))
