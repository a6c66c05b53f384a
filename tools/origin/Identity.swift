internal import Base
internal import Reactor

/// Who answers: the host name and one bound address.
final class Identity: Sendable {
  let hostName: String
  /// `nil` for a unix-domain socket.
  let port: Int?
  /// The path of a unix-domain socket, else the port as text.
  let place: String
  /// `host:port`, the value of X-Served-By.
  let servedBy: [UInt8]

  init(hostName: String, address: SocketAddress) {
    self.hostName = hostName
    switch address {
    case .ip(_, let port):
      self.port = Int(port)
      place = "\(port)"
    case .unix(let path):
      port = nil
      place = path
    }
    servedBy = Array("\(hostName):\(place)".utf8)
  }
}
