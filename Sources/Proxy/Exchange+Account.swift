internal import Base
internal import HTTP1
internal import Reactor
internal import TLS
internal import Upstream

// What an exchange holds, and who its client is.
extension Exchange {
  /// Puts what is kept of the request on the loop's account, where it is more than a usual head.
  func chargeRequest() {
    let count = requestBytes.value.count
    if count > Exchange.usualHeadBytes || chargedBytes != 0 { charge(count) }
  }

  static let usualHeadBytes = 4 * 1024

  func charge(_ count: Int) {
    loop.held.add(count - chargedBytes)
    chargedBytes = count
  }

  /// What it holds in buffers of its own and in what goes to its origin.
  var heldBytes: Int { chargedBytes + (connection?.stream.queuedBytes ?? 0) }

  func peer(of client: ClientConnection) -> RequestRewrite.Peer {
    var peer = RequestRewrite.Peer(address: client.peer, isTrusted: client.isTrusted, id: requestID)
    peer.isSecured = client.isSecured
    if context.settings.tellsClientSubject { peer.subject = client.stream.session?.clientSubject }
    return peer
  }
}
