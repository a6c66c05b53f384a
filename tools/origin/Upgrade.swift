internal import Base
internal import HTTP1

/// The protocol that a request asks to change to.
enum Upgrade {
  case none
  /// Every byte comes back.
  case bytes
  /// - Parameter accept: the value of Sec-WebSocket-Accept.
  case webSocket(accept: [UInt8])
  /// A WebSocket handshake that cannot be: 400, or 426 for a version that is not 13.
  case refused(status: Int)

  /// Concatenated to the key, so that no server answers right that does not know of it. RFC 6455 §1.3.
  private static let keySuffix = Array("258EAFA5-E914-47DA-95CA-C5AB0DC85B11".utf8)

  init(_ head: RequestHead, _ bytes: Span<UInt8>, _ table: borrowing FieldTable) {
    self = .none
    guard head.wantsUpgrade else { return }
    if table.list(.upgrade, in: bytes, has: "websocket") {
      self = Upgrade.handshake(head, bytes, table)
    } else if table.list(.upgrade, in: bytes, has: "echo") {
      self = .bytes
    }
  }

  /// RFC 6455 §4.2.1.
  private static func handshake(
    _ head: RequestHead, _ bytes: Span<UInt8>, _ table: borrowing FieldTable
  ) -> Upgrade {
    var keys: [[UInt8]] = []
    var isVersion13 = false
    for index in 0..<table.count {
      let (name, value) = (table[index].nameRange, table[index].valueRange)
      if ASCII.equals(bytes, name.lowerBound, name.upperBound, ignoringCase: "sec-websocket-key") {
        keys.append(value.map { bytes[$0] })
      } else if ASCII.equals(bytes, name.lowerBound, name.upperBound, ignoringCase: "sec-websocket-version") {
        isVersion13 = ASCII.equals(bytes, value.lowerBound, value.upperBound, ignoringCase: "13")
      }
    }
    guard isVersion13 else { return .refused(status: 426) }
    guard head.method == .get, keys.count == 1, Base64.isKey(keys[0]) else { return .refused(status: 400) }
    return .webSocket(accept: Base64.encode(SHA1.digest(keys[0] + keySuffix)))
  }
}
