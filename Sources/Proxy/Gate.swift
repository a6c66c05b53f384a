internal import Base
internal import HTTP1
internal import RateLimit

/// Who may ask, and how often: what the settings say of clients, prepared once a loop.
final class Gate {
  /// `nil` for everybody.
  private let allow: AddressSet?
  private let deny: AddressSet?
  private let exempt: AddressSet?
  let rate: RateLimiter?
  /// The field by whose value requests are counted; `nil` for the address.
  private let keyField: [UInt8]?
  let inFlight: ClientCounts?
  /// Whether anything depends on who the client is.
  let needsClient: Bool

  init(_ settings: ProxySettings, _ limits: SharedLimits) {
    allow = settings.allow.isEmpty ? nil : AddressSet(settings.allow)
    deny = settings.deny.isEmpty ? nil : AddressSet(settings.deny)
    exempt = settings.rateLimit.exempt.isEmpty ? nil : AddressSet(settings.rateLimit.exempt)
    rate = limits.rate
    inFlight = limits.inFlightByClient
    keyField = if case .field(let name) = settings.rateLimit.key { Array(name.utf8) } else { nil }
    needsClient = allow != nil || deny != nil || rate != nil || inFlight != nil
  }

  /// Whether that address may ask at all. Those of unix-domain sockets may: whoever opens one was let in by the
  /// file's permissions.
  func isAllowed(_ address: IPAddress?) -> Bool {
    guard let address else { return true }
    if let deny, deny.contains(address) { return false }
    return allow?.contains(address) ?? true
  }

  func isExempt(_ address: IPAddress?) -> Bool {
    guard let exempt, let address else { return false }
    return exempt.contains(address)
  }

  /// Whom a request is counted for: the client `own`, where not by a field's value.
  func rateKey(
    _ own: @autoclosure () -> ClientKey, _ bytes: Span<UInt8>, _ table: borrowing FieldTable
  ) -> ClientKey {
    guard let keyField, let field = table.first(named: keyField.span, in: bytes) else { return own() }
    return ClientKey(value: bytes.extracting(field.valueRange))
  }
}

/// What an answer says of the rate limit: `RateLimit-Policy` and `RateLimit` of draft-ietf-httpapi-ratelimit-headers.
struct RateNote {
  /// All that does not change: `RateLimit-Policy: "client";q=5;w=10`, and the beginning of the other line.
  private let text: [UInt8]

  init(_ rule: RateLimitRule?) {
    guard let rule else {
      text = []
      return
    }
    // Windows are told in whole seconds; one of less than a second is told as one.
    let seconds = max(1, (rule.window.milliseconds + 999) / 1000)
    text = Array(
      "RateLimit-Policy: \"client\";q=\(rule.count);w=\(seconds)\r\nRateLimit: \"client\";r=".utf8)
  }

  func append(_ decision: RateDecision, to out: inout ByteBuffer) {
    out.append(contentsOf: text)
    out.append(decimal: decision.remaining)
    out.append(";t=")
    out.append(decimal: decision.waitSeconds)
    out.append("\r\n")
  }
}
