internal import Digest
internal import FoundationEssentials

/// Signatures by which a receiver knows that a request is ours and fresh. Standard Webhooks,
/// <https://www.standardwebhooks.com>: HMAC-SHA-256 of the id, the time and the body.
public struct Signature: Sendable {
  /// All are signed with, so that a receiver may change from one to the next.
  private let keys: [[UInt8]]

  /// - Parameter secrets: each `whsec_` and base64, or a text that is the key itself.
  /// - Returns: `nil` where one says base64 and is none, or is too short to keep anybody out.
  public init?(secrets: [String]) {
    var keys: [[UInt8]] = []
    for secret in secrets {
      let key: [UInt8]
      if secret.hasPrefix("whsec_") {
        guard let data = Data(base64Encoded: String(secret.dropFirst("whsec_".count))) else { return nil }
        key = Array(data)
      } else {
        key = Array(secret.utf8)
      }
      guard key.count >= 16 else { return nil }
      keys.append(key)
    }
    self.keys = keys
  }

  var isEmpty: Bool { keys.isEmpty }

  /// The fields of a signed request, in lower case.
  static let fields: Set<String> = ["webhook-id", "webhook-timestamp", "webhook-signature"]

  /// The value of `webhook-signature`.
  func text(id: String, seconds: Int64, body: [UInt8]) -> String {
    let signed = Array("\(id).\(seconds).".utf8) + body
    return keys.map { "v1," + Data(MessageAuthentication.code(of: signed, key: $0)).base64EncodedString() }
      .joined(separator: " ")
  }
}
