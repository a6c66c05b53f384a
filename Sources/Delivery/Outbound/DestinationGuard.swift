public import Base
public import Reactor

/// Where jobs may go. Without it whoever can post a job reaches what only this machine can: metadata services,
/// databases, other tenants (server-side request forgery).
///
/// A name is checked by every address it resolves to, at each attempt, and the connection goes to an address that was
/// checked: a name that answers otherwise the next time gains nothing.
public struct DestinationGuard: Sendable {
  /// Networks that are allowed though they are not public.
  public var allowedNetworks: [CIDR] = []
  /// Hosts that are allowed whatever they resolve to, in lower case; `.example.com` for all below.
  public var allowedHosts: [String] = []
  /// Addresses with a port, that are allowed whatever they are.
  public var allowedEndpoints: [SocketAddress] = []
  public var ports = PortRule.wellKnownExcluded
  /// What this process listens on: a job that comes back here would make more of itself.
  public var ownListeners: [SocketAddress] = []

  public init() {}

  public enum PortRule: Sendable, Equatable {
    /// All but those of protocols that take a request of HTTP for one of theirs.
    case wellKnownExcluded
    case only([ClosedRange<UInt16>])

    func allows(_ port: UInt16) -> Bool {
      switch self {
      case .wellKnownExcluded: !PortRule.excluded.contains(port)
      case .only(let ranges): ranges.contains { $0.contains(port) }
      }
    }

    /// The list of the Fetch standard ("bad port"), and the usual data stores.
    static let excluded: Set<UInt16> = [
      1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104,
      109, 110,
      111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530,
      531, 532,
      540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3306, 3659, 4045,
      4190, 5060,
      5061, 5432, 6000, 6379, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 9042, 10080, 11211, 27017,
    ]
  }

  // MARK: At acceptance

  /// Why jobs for this destination are not even taken, as the rest of a sentence: what can be told without a resolver.
  func refusal(_ destination: Destination) -> String? {
    if let address = destination.address {
      return refusal(destination.host, address, destination.port)
    }
    guard isPortAllowed(destination) else { return "has a port that is not allowed" }
    let host = destination.host
    if host == "localhost" || host.hasSuffix(".localhost"), !isAllowed(host: host) {
      // RFC 6761 §6.3. Allowed where all of loopback is.
      let loopback = IPAddress(v4: 0x7F00_0001)
      return allowedNetworks.contains { $0.contains(loopback) }
        ? nil : "is this machine, which is not allowed"
    }
    if DestinationGuard.metadataHosts.contains(host), !allowedHosts.contains(host) {
      return "is a metadata service, which is not allowed"
    }
    return nil
  }

  // MARK: At each attempt

  /// Why nothing is sent to this address, as the rest of a sentence. `nil` where it may be dialled.
  func refusal(_ host: String, _ address: IPAddress, _ port: UInt16) -> String? {
    let endpoint = SocketAddress.ip(address, port: port)
    if allowedEndpoints.contains(endpoint) { return nil }
    if isOwn(address, port) { return "is a listener of this very process" }
    guard ports.allows(port) else { return "has a port that is not allowed" }
    let inner = DestinationGuard.embedded(address)
    if DestinationGuard.metadata.contains(inner) || DestinationGuard.metadata.contains(address) {
      // Only by its very name: no network that happens to contain it opens it.
      let exact =
        allowedNetworks.contains { $0.isSingle && $0.contains(address) }
        || allowedHosts.contains(host) && DestinationGuard.metadataHosts.contains(host)
      return exact ? nil : "is a metadata service, which is not allowed"
    }
    if isAllowed(host: host) { return nil }
    if allowedNetworks.contains(where: { $0.contains(address) }) { return nil }
    if DestinationGuard.closed.contains(address) || DestinationGuard.closed.contains(inner) {
      return "is the address \(address), which is not public and not allowed"
    }
    return nil
  }

  private func isPortAllowed(_ destination: Destination) -> Bool {
    ports.allows(destination.port)
      || allowedEndpoints.contains { if case .ip(_, destination.port) = $0 { true } else { false } }
  }

  private func isAllowed(host: String) -> Bool {
    allowedHosts.contains { $0.hasPrefix(".") ? host.hasSuffix($0) : host == $0 }
  }

  /// Whether a connection has come back to a listener of this process, by an address of this machine that no list of
  /// ours knows: then both its ends have the same.
  func isComeBack(_ local: SocketAddress?, _ peer: SocketAddress) -> Bool {
    guard case .ip(let here, _) = local, case .ip(let there, let port) = peer, here == there,
      !allowedEndpoints.contains(peer)
    else { return false }
    return ownListeners.contains { if case .ip(_, port) = $0 { true } else { false } }
  }

  private func isOwn(_ address: IPAddress, _ port: UInt16) -> Bool {
    ownListeners.contains { listener in
      guard case .ip(let own, port) = listener else { return false }
      let isAny = own == IPAddress(v4: 0) || own == IPAddress(high: 0, low: 0)
      return own == address || isAny && DestinationGuard.isThisMachine(address)
    }
  }

  private static func isThisMachine(_ address: IPAddress) -> Bool {
    address.isV4
      ? address.low >> 24 & 0xFF == 127 || address == IPAddress(v4: 0)
      : address.high == 0 && address.low <= 1
  }

  // MARK: What is closed

  /// The IPv4 address that an IPv6 one stands for: NAT64 (RFC 6052, RFC 8215), 6to4 (RFC 3056), Teredo (RFC 4380),
  /// IPv4-compatible (RFC 4291 §2.5.5.1), IPv4-translated (RFC 2765 §2.1). Itself where it stands for none.
  static func embedded(_ address: IPAddress) -> IPAddress {
    if address.isV4 { return address }
    func v4(_ value: UInt64) -> IPAddress { IPAddress(v4: UInt32(truncatingIfNeeded: value)) }
    if address.high == 0x0064_FF9B_0000_0000, address.low >> 32 == 0 { return v4(address.low) }
    if address.high >> 16 == 0x0064_FF9B_0001 { return v4(address.low) }
    if address.high >> 48 == 0x2002 { return v4(address.high >> 16) }
    if address.high >> 32 == 0x2001_0000 { return v4(~address.low) }
    if address.high == 0, address.low >> 32 == 0xFFFF_0000 { return v4(address.low) }
    if address.high == 0, address.low >> 32 == 0, address.low > 1 { return v4(address.low) }
    return address
  }

  private static func networks(_ texts: [String]) -> AddressSet { AddressSet(texts.compactMap { CIDR($0) }) }

  /// The registries of special addresses (RFC 6890 and its successors): not reachable from everywhere, or somebody
  /// else behind a translation.
  private static let closed = networks([
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
    "224.0.0.0/4", "240.0.0.0/4", "::/96", "::ffff:0:0:0/96", "64:ff9b:1::/48", "100::/64", "2001::/23",
    "2001:db8::/32",
    "3fff::/20",
    "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
  ])

  /// Where clouds tell a machine its secrets.
  private static let metadata = networks([
    "169.254.169.254", "169.254.170.2", "169.254.170.23", "169.254.169.253", "169.254.169.123",
    "100.100.100.200",
    "192.0.0.192", "168.63.129.16", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254",
  ])

  private static let metadataHosts: Set<String> = [
    "metadata.google.internal", "metadata.goog", "metadata", "instance-data", "metadata.azure.internal",
  ]
}
