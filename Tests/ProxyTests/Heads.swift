import Base
import HTTP1
import TestSupport

@testable import Proxy

/// As by default, but for fields that would only stand in the way.
let plainSettings = {
  var settings = ProxySettings()
  settings.instance = "test"
  settings.addsSecurityFields = false
  return settings
}()

/// What a client's head becomes on its way to an origin.
func rewritten(
  request text: String, _ settings: ProxySettings = plainSettings, peer: String? = "192.0.2.7",
  isTrusted: Bool = false, authority: String = "origin:81"
) throws -> (head: String, hostRange: Range<Int>) {
  let bytes = Array(text.utf8)
  var table = FieldTable()
  guard case .complete(let head) = RequestHead.parse(bytes.span, into: &table, limits: Limits()) else {
    throw WireError.malformed(text)
  }
  let rewrite = RequestRewrite(settings)
  var out = ByteBuffer()
  rewrite.write(
    bytes.span, head, table,
    peer: RequestRewrite.Peer(address: peer.flatMap { IPAddress($0) }, isTrusted: isTrusted),
    authority: authority, to: &out)
  return (out.text(), rewrite.takeHostRange())
}

/// What an origin's head becomes on its way to a client.
func rewritten(
  response text: String, _ connection: ResponseRewrite.Connection,
  _ settings: ProxySettings = plainSettings,
  answering method: Method = .get
) throws -> String {
  let bytes = Array(text.utf8)
  var table = FieldTable()
  guard
    case .complete(let head) = ResponseHead.parse(
      bytes.span, answering: method, into: &table, limits: Limits())
  else { throw WireError.malformed(text) }
  var date = ByteBuffer()
  date.append("Sun, 06 Nov 1994 08:49:37 GMT")
  var out = ByteBuffer()
  ResponseRewrite(settings).write(bytes.span, head, table, connection, date: date, to: &out)
  return out.text()
}
