internal import Base
internal import Reactor

extension SocketAddress {
  static let expectedListeners = "a list of ADDRESS:PORT, [ADDRESS]:PORT, PORT or unix:/PATH"

  /// Reads an address to listen on. Literal addresses only: a name could stand for several, or for
  /// another one tomorrow.
  ///
  /// `8080` and `:8080` mean `0.0.0.0:8080`, like the default. Port 0 lets the kernel choose.
  init(listener entry: Substring) throws(Refusal) {
    if entry.hasPrefix(UnixPath.prefix) {
      self = .unix(try UnixPath.parse(entry.dropFirst(UnixPath.prefix.count), of: entry))
      return
    }
    guard !entry.contains("/") else {
      throw Refusal(entry, "is not an address (a path is written unix:/PATH)")
    }
    let bare = entry.hasPrefix(":") ? entry.dropFirst() : entry
    if bare.utf8.allSatisfy(ASCII.isDigit) {
      self = .ip(IPAddress(v4: 0), port: try HostAndPort.parsePort(bare, of: entry))
      return
    }
    let parts = try HostAndPort(entry, of: entry)
    guard let address = parts.address else {
      throw Refusal(entry, "has a name where only a literal address can be listened on")
    }
    guard let port = parts.port else { throw Refusal(entry, "has no port") }
    self = .ip(address, port: port)
  }
}
