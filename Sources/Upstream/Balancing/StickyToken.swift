internal import Digest

/// The value of the cookie that leads a client back to its endpoint: an authentication code of the
/// endpoint's address, which says nothing of the address and which nobody else can make.
enum StickyToken {
  /// Of the code: 96 bits are more than anybody can guess.
  private static let byteCount = 12

  /// Without a secret a key made from the configuration, so that cookies stay good after a restart; who
  /// knows the configuration can then make them.
  static func key(_ settings: UpstreamSettings) -> [UInt8] {
    if !settings.stickySecret.isEmpty { return Array(settings.stickySecret.utf8) }
    return Array("sluice sticky \(settings.origins.map { "\($0.location)" }.sorted())".utf8)
  }

  /// `nil` where the balance does not ask for cookies.
  static func token(of endpoint: Endpoint, _ settings: UpstreamSettings, key: [UInt8]) -> [UInt8]? {
    guard case .sticky = settings.balance else { return nil }
    let code = MessageAuthentication.code(of: Array(endpoint.name.utf8), key: key)
    return code.prefix(byteCount).flatMap { byte in [digit(byte >> 4), digit(byte & 15)] }
  }

  private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }
}
