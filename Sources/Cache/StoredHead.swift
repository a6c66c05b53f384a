public import Base
internal import HTTP1

/// Everything of a stored response but its body. Immutable, shared by all loops.
public final class StoredHead: Sendable {
  public let status: Int
  /// A whole head as it goes to clients, without the fields that frame or age it; it ends with its empty line.
  public let bytes: [UInt8]
  public let control: CacheControl
  /// Seconds for which it is fresh, from the time it was made.
  public let lifetimeSeconds: Int
  /// Its age when it was received, in seconds. RFC 9111 §4.2.3.
  public let initialAgeSeconds: Int
  public let receivedAt: Instant
  /// When it was asked for.
  public let requestedAt: Instant
  public let vary: VarySelection
  public let entityTag: [UInt8]?
  /// As it was sent.
  public let lastModified: [UInt8]?
  /// Seconds since 1970: of Last-Modified, or else of Date.
  public let modifiedAt: Int
  /// Whether Last-Modified could be read.
  public let hasLastModified: Bool
  /// The groups it is in (RFC 9875), by hash.
  public let groups: [UInt64]
  /// Whether the origin sent an `Age`.
  public let cameAged: Bool

  init(_ parts: StoredHeadParts) {
    status = parts.status
    bytes = parts.bytes
    control = parts.control
    lifetimeSeconds = parts.lifetimeSeconds
    initialAgeSeconds = parts.initialAgeSeconds
    receivedAt = parts.receivedAt
    requestedAt = parts.requestedAt
    vary = parts.vary
    entityTag = parts.entityTag
    lastModified = parts.lastModified
    modifiedAt = parts.modifiedAt
    hasLastModified = parts.hasLastModified
    groups = parts.groups
    cameAged = parts.cameAged
  }

  public var hasValidator: Bool { entityTag != nil || lastModified != nil }

  /// Seconds since it was made at its origin. RFC 9111 §4.2.3.
  @inline(__always) public func age(_ now: Instant) -> Int {
    initialAgeSeconds + Int(now.since(receivedAt).milliseconds / 1000)
  }

  /// Seconds for which it is still fresh; negative once it is stale.
  @inline(__always) public func freshSeconds(_ now: Instant) -> Int { lifetimeSeconds - age(now) }

  /// Whether it may be served stale at all. RFC 9111 §4.2.4.
  public var mayBeStale: Bool {
    !control.mustRevalidate && !control.proxyRevalidate && !control.noCache && control.sMaxAge == nil
  }

  /// Whether others than those who asked for it may get it.
  public var isReusable: Bool { !control.noCache && lifetimeSeconds > initialAgeSeconds }

  /// Whether a like answer, fresh from its origin, will be for others too.
  public var isReusableOnceFresh: Bool { !control.noCache && lifetimeSeconds > 0 }

  /// From when on nobody can be served with it, not even after asking its origin.
  func isUseless(_ now: Instant) -> Bool {
    let stale = -freshSeconds(now)
    guard stale >= 0 else { return false }
    // What can be validated saves a body for as long as there is room.
    if hasValidator { return false }
    guard mayBeStale else { return true }
    let grace = max(control.staleWhileRevalidate ?? 0, control.staleIfError ?? 0)
    // Requests may ask for stale ones without any promise of the origin: an hour is enough for them.
    return stale > max(grace, 3600)
  }

  /// The fields that ask an origin whether this is still right. RFC 9110 §13.1.
  public func appendValidators(to out: inout ByteBuffer) {
    if let entityTag {
      out.append("If-None-Match: ")
      out.append(contentsOf: entityTag)
      out.append("\r\n")
    }
    if let lastModified {
      out.append("If-Modified-Since: ")
      out.append(contentsOf: lastModified)
      out.append("\r\n")
    }
  }

  /// Bytes of memory, the allocator's share included.
  var costBytes: Int {
    var total = bytes.count + vary.costBytes + groups.count * 8 + 512
    total += (entityTag?.count ?? 0) + (lastModified?.count ?? 0)
    for name in control.excludedFields { total += name.count + 48 }
    return total
  }
}

/// A stored response. Immutable, shared by all loops; its body goes from here to sockets.
public final class StoredResponse: Sendable {
  public let head: StoredHead
  public let body: [UInt8]

  public init(_ head: StoredHead, body: [UInt8]) {
    self.head = head
    self.body = body
  }

  func costBytes(_ key: [UInt8]) -> Int { head.costBytes + body.count + key.count + 256 }
}

/// What `StoredHead` is made of.
struct StoredHeadParts {
  var status = 0
  var bytes: [UInt8] = []
  var control = CacheControl()
  var lifetimeSeconds = 0
  var initialAgeSeconds = 0
  var receivedAt = Instant(milliseconds: 0)
  var requestedAt = Instant(milliseconds: 0)
  var vary: VarySelection
  var entityTag: [UInt8]?
  var lastModified: [UInt8]?
  var modifiedAt = 0
  var hasLastModified = false
  var groups: [UInt64] = []
  var cameAged = false
}
