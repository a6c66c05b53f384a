internal import Base
internal import Delivery
internal import Reactor

extension Variable {
  static let async = [
    Variable(
      "SLUICE_ASYNC_LISTEN", .async, default: .text(""), example: "0.0.0.0:3000",
      """
      Where requests are taken that are acknowledged at once and made afterwards. Whoever reaches it can have requests \
      made: let only your own services. Without SLUICE_UPSTREAMS and SLUICE_ROUTES nothing else is served.
      """,
      .value(
        "address", expected: SocketAddress.expectedListeners,
        { text throws(Refusal) in try SocketAddress(listener: text[...]) }, store: { $0.delivery.listen = $1 }
      ).orEmpty),
    Variable(
      "SLUICE_ASYNC_PATH", .async, default: .text("/createRequest"), example: "/jobs",
      "Where one request is posted; batches are posted to the same with an s behind it.",
      .value(
        "path", expected: "a path such as /createRequest",
        { text throws(Refusal) in
          guard text.hasPrefix("/"), text.utf8.count > 1, text.utf8.count <= 256 else {
            throw Refusal(text, "is no path")
          }
          guard
            text.utf8.allSatisfy({
              $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#")
            })
          else { throw Refusal(text, "has a character that a path has not") }
          guard text != "/requests", text != "/request", !text.hasPrefix("/requests/") else {
            throw Refusal(text, "is taken by the list of requests")
          }
          return text
        }, store: { $0.delivery.path = $1 })),
    Variable(
      "SLUICE_ASYNC_TOKEN", .async, default: .text(""), example: "a-long-random-text", isSecret: true,
      "When set, requests there need Authorization: Bearer with it.",
      .secret(from: 8) { $0.delivery.token = $1.isEmpty ? nil : $1 }),
    Variable(
      "SLUICE_ASYNC_ALLOW", .async, default: .text(""),
      example: "10.1.0.0/16,.internal.example,127.0.0.1:3001",
      """
      Destinations that are allowed though they are not public: networks, host names (.NAME for all below one), \
      ADDRESS:PORT. Metadata services of clouds only by their exact address or name.
      """,
      .list(
        "list of networks and hosts", expected: AllowedDestination.expected, acceptsEmpty: true,
        { entry throws(Refusal) in try AllowedDestination(entry) },
        store: { settings, entries in
          for entry in entries { entry.add(to: &settings.delivery.destinations) }
        })),
    Variable(
      "SLUICE_ASYNC_PORTS", .async, default: .text("default"), example: "80,443,8000-8999",
      "Ports that destinations may have. The default is all but those of well-known protocols that are not HTTP.",
      .value(
        "default, or list of ports", expected: "default, or a list of ports and ranges such as 8000-8999",
        { text throws(Refusal) in try DestinationGuard.PortRule(text: text) },
        store: { $0.delivery.destinations.ports = $1 })),
    Variable(
      "SLUICE_ASYNC_MAX_BODY", .async, default: .text("1MiB"), example: "4MiB",
      "The largest body that is taken there: 413 beyond.",
      .size(from: 1024, to: 256 << 20) { $0.delivery.bodyBytesMax = $1 }),
    Variable(
      "SLUICE_ASYNC_CONCURRENCY", .async, default: .text("256"), example: "64",
      "Outbound requests under way at once, in all.",
      .count(from: 1, to: 100_000) { $0.delivery.concurrency = $1 }),
    Variable(
      "SLUICE_ASYNC_CONCURRENCY_PER_HOST", .async, default: .text("32"), example: "8",
      "Outbound requests under way at once to one scheme, host and port.",
      .count(from: 1, to: 100_000) { $0.delivery.concurrencyPerOrigin = $1 }),
    Variable(
      "SLUICE_ASYNC_RETENTION", .async, default: .text("24h"), example: "7d",
      "How long finished requests are kept, to be looked at and replayed.",
      .duration(from: .seconds(1), to: .seconds(365 * 86_400)) { $0.delivery.retention = $1 }),
    Variable(
      "SLUICE_ASYNC_SIGNING_SECRET", .async, default: .text(""),
      example: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
      isSecret: true,
      """
      Signs outbound requests as Standard Webhooks has it (webhook-id, webhook-timestamp, webhook-signature). Two with \
      a comma between them while receivers change from one to the other.
      """,
      .value(
        "secrets", expected: "one or two secrets: whsec_ and base64, or at least 16 characters",
        { text throws(Refusal) in
          let secrets = text.split(separator: ",").map(String.init)
          guard secrets.count <= 2, let signature = Signature(secrets: secrets) else {
            throw Refusal(text, "is no secret for signing, or too short")
          }
          return signature
        }, store: { $0.delivery.signature = $1 }
      ).orEmpty),
    Variable(
      "SLUICE_ASYNC_MAX_PENDING", .async, default: .text("1000000"), example: "100000",
      "Requests that may wait. 503 with Retry-After beyond.",
      .count(from: 1, to: 100_000_000) { $0.delivery.pendingMax = $1 }),
    Variable(
      "SLUICE_ASYNC_MAX_STORE", .async, default: .text("4GiB"), example: "512MiB",
      "What the store may hold on the disk. 503 with Retry-After beyond.",
      .size(from: 1 << 20, to: 1 << 44) { $0.delivery.storeBytesMax = $1 }),
    Variable(
      "SLUICE_ASYNC_LOG_BODY", .async, default: .text("1KiB"), example: "0",
      "So much of an answer's body is logged, with the lines of the access log.",
      .size(from: 1, to: 1 << 20, zero: "none") { $0.delivery.logBodyBytesMax = $1 }),
    Variable(
      "SLUICE_STATE_DIR", .async, default: .text("./sluice-state"), example: "/var/lib/sluice",
      "Where requests are kept until they are done, in jobs.db. Made if absent; used only with SLUICE_ASYNC_LISTEN.",
      .path { $0.delivery.stateDirectory = $1 }),
  ]
}

extension Reading {
  /// The same, for a variable that may be set to nothing.
  fileprivate var orEmpty: Reading {
    Reading(form: form, expected: expected, acceptsEmpty: true) { text, settings in
      text.isEmpty ? [] : apply(text, &settings)
    }
  }
}

/// One entry of SLUICE_ASYNC_ALLOW.
enum AllowedDestination {
  case network(CIDR)
  case endpoint(SocketAddress)
  case host(String)

  static let expected = "a list of ADDRESS/BITS, ADDRESS, ADDRESS:PORT, NAME or .NAME"

  init(_ text: Substring) throws(Refusal) {
    if let network = CIDR(text) {
      self = .network(network)
      return
    }
    if text.contains("/") {
      self = .network(try TrustedPeer.network(text))
      return
    }
    if text.contains(":") {
      let parts = try HostAndPort(text, of: text)
      guard let address = parts.address, let port = parts.port else {
        throw Refusal(text, "is no address with a port (a name is allowed with all its ports)")
      }
      self = .endpoint(.ip(address, port: port))
      return
    }
    let name = text.hasPrefix(".") ? text.dropFirst() : text
    if let problem = HostName.problem(with: name) { throw Refusal(text, problem) }
    self = .host(text.lowercased())
  }

  func add(to destinations: inout DestinationGuard) {
    switch self {
    case .network(let network): destinations.allowedNetworks.append(network)
    case .endpoint(let address): destinations.allowedEndpoints.append(address)
    case .host(let name): destinations.allowedHosts.append(name)
    }
  }
}

extension DestinationGuard.PortRule {
  init(text: String) throws(Refusal) {
    if text == "default" {
      self = .wellKnownExcluded
      return
    }
    var ranges: [ClosedRange<UInt16>] = []
    for entry in text.split(separator: ",", omittingEmptySubsequences: false) {
      let bounds = entry.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
      func port(_ part: Substring) throws(Refusal) -> UInt16 {
        guard !part.isEmpty, part.utf8.allSatisfy(ASCII.isDigit), let port = UInt16(part), port > 0 else {
          throw Refusal(entry, "is no port and no range of ports")
        }
        return port
      }
      let low = try port(bounds[0])
      let high = bounds.count == 2 ? try port(bounds[1]) : low
      guard low <= high else { throw Refusal(entry, "is a range that ends before it begins") }
      ranges.append(low...high)
    }
    self = .only(ranges)
  }
}
