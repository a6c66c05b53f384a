public import Base

/// Whom requests are counted for, as one word: a keyed hash (SipHash-1-3), so that nobody can choose an address or
/// a value that is counted together with another's.
public struct ClientKey: Hashable, Sendable {
  let hash: UInt64

  /// IPv6 by its /64: whoever has one address has all of those (RFC 6177 §2). No address is one client as well.
  public init(_ address: IPAddress?) {
    var hasher = Hasher()
    if let address {
      hasher.combine(address.high)
      if address.isV4 { hasher.combine(address.low) }
    }
    hash = UInt64(bitPattern: Int64(hasher.finalize()))
  }

  /// By the value of a field.
  public init(value bytes: Span<UInt8>) { hash = ByteHash.of(bytes) }
}
