public import Base
public import HTTP1

/// Which responses are stored, and for how long they are fresh. RFC 9111 §3 and §4.2. No state, no clock.
public struct CachePolicy: Sendable {
  /// What storage depends on beside the response.
  public struct Request {
    public var hasAuthorization: Bool
    /// The authority asked for, which groups are confined to (RFC 9875 §2).
    public var authority: [UInt8]
    /// When the request was made.
    public var sentAt: Instant

    public init(hasAuthorization: Bool, authority: [UInt8], sentAt: Instant) {
      self.hasAuthorization = hasAuthorization
      self.authority = authority
      self.sentAt = sentAt
    }
  }

  private static let heuristicStatuses: Set<Int> = [
    200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501,
  ]
  /// RFC 9111 §4.2.2: a tenth of the time since it last changed.
  private static let heuristicSecondsMax = 24 * 3600
  /// Those whose meaning for caches we know (RFC 9111 §3, must-understand).
  private static let understood: Set<Int> = [
    200, 203, 204, 300, 301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 410, 414, 421, 429, 500, 501, 502,
    503,
    504,
  ]
  private static let dropped: UInt64 =
    FieldName.contentLength.bit | FieldName.transferEncoding.bit | FieldName.age.bit
    | FieldName.connection.bit
    | FieldName.keepAlive.bit | FieldName.proxyConnection.bit | FieldName.te.bit | FieldName.upgrade.bit
    | FieldName.proxyAuthenticate.bit | FieldName.proxyAuthorization.bit
    | FieldName.proxyAuthenticationInfo.bit

  private let defaultTTLSeconds: Int

  public init(_ settings: CacheSettings) { defaultTTLSeconds = Int(settings.defaultTTL.milliseconds / 1000) }

  /// The head to store for a response to GET; `nil` where it must not be stored, or would never be of use.
  ///
  /// - Parameters:
  ///   - bytes: the head as it goes on to the client, with its fields in `table`.
  ///   - request: the request's head as it was sent to the origin, with its fields in `requestTable`.
  ///   - wall: seconds since 1970, now.
  public func storedHead(
    _ bytes: Span<UInt8>, _ head: ResponseHead, _ table: borrowing FieldTable, to asked: Request,
    request: Span<UInt8>, _ requestTable: borrowing FieldTable, now: Instant, wall: Int
  ) -> StoredHead? {
    guard head.status >= 200, head.status != 206, head.status != 304, !table.contains(.trailer) else {
      return nil
    }
    let control = CacheControl.read(bytes, table)
    guard mayStore(control, head.status, asked, hasCookie: table.contains(.setCookie)),
      let vary = VarySelection(bytes, table, request: request, requestTable)
    else { return nil }
    var parts = StoredHeadParts(vary: vary)
    parts.status = head.status
    parts.control = control
    parts.receivedAt = now
    parts.requestedAt = asked.sentAt
    readDates(bytes, table, &parts, asked, now: now, wall: wall)
    guard let lifetime = lifetime(bytes, table, head.status, control, parts, wall: wall) else { return nil }
    parts.lifetimeSeconds = lifetime
    if let field = table.first(.etag) { parts.entityTag = CachePolicy.copy(bytes, field.valueRange) }
    if parts.hasLastModified, let field = table.first(.lastModified) {
      parts.lastModified = CachePolicy.copy(bytes, field.valueRange)
    }
    // Stale already and nothing to ask its origin with: of no use to anybody.
    let isUsable = lifetime > parts.initialAgeSeconds && !control.noCache
    let mayServeStale =
      !control.mustRevalidate && !control.proxyRevalidate && !control.noCache && control.sMaxAge == nil
    guard isUsable || mayServeStale && lifetime > 0 || parts.entityTag != nil || parts.lastModified != nil
    else {
      return nil
    }
    parts.groups = CacheGroups.read(bytes, table, .cacheGroups, authority: asked.authority.span)
    parts.bytes = CachePolicy.kept(bytes, head, table, excluding: control.excludedFields)
    return StoredHead(parts)
  }

  /// A quick look at a response as it came: `false` where `storedHead` would say no without a closer one.
  public func mayStore(_ bytes: Span<UInt8>, _ head: ResponseHead, _ table: borrowing FieldTable) -> Bool {
    guard head.status >= 200, head.status != 206, head.status != 304 else { return false }
    if table.present & CachePolicy.relevant == 0 { return defaultTTLSeconds > 0 && head.status == 200 }
    guard table.contains(.cacheControl), !table.contains(.cdnCacheControl) else { return true }
    let control = CacheControl.read(bytes, table)
    return !control.isPrivate && (!control.noStore || control.mustUnderstand)
  }

  /// Without any of these a response says nothing of its freshness, and cannot be validated.
  private static let relevant: UInt64 =
    FieldName.cacheControl.bit | FieldName.cdnCacheControl.bit | FieldName.expires.bit
    | FieldName.lastModified.bit | FieldName.etag.bit

  private func mayStore(_ control: CacheControl, _ status: Int, _ asked: Request, hasCookie: Bool) -> Bool {
    if control.mustUnderstand {
      // RFC 9111 §5.2.2.3: no-store beside it is for those who do not understand.
      guard CachePolicy.understood.contains(status) else { return false }
    } else if control.noStore {
      return false
    }
    if control.isPrivate { return false }
    if hasCookie, !control.isPublic, control.sMaxAge == nil { return false }
    // RFC 9111 §3.5.
    if asked.hasAuthorization { return control.isPublic || control.sMaxAge != nil || control.mustRevalidate }
    return true
  }

  private func readDates(
    _ bytes: Span<UInt8>, _ table: borrowing FieldTable, _ parts: inout StoredHeadParts, _ asked: Request,
    now: Instant, wall: Int
  ) {
    var date = wall
    if let field = table.first(.date), let read = HTTPDate.parse(bytes, field.valueRange, now: wall) {
      date = read
    }
    parts.modifiedAt = date
    if let field = table.first(.lastModified), !table.isRepeated(.lastModified),
      let read = HTTPDate.parse(bytes, field.valueRange, now: wall)
    {
      parts.modifiedAt = read
      parts.hasLastModified = true
    }
    var stated = 0
    if let field = table.first(.age) {
      // RFC 9111 §5.1: the first of several; what is no number is ignored.
      parts.cameAged = true
      var end = field.valueRange.lowerBound
      while end < field.valueRange.upperBound, bytes[end] != 0x2C { end += 1 }
      while end > field.valueRange.lowerBound, bytes[end - 1] == 0x20 || bytes[end - 1] == 0x09 { end -= 1 }
      stated = Directive.seconds(bytes, field.valueRange.lowerBound..<end) ?? 0
    }
    let delay = Int(now.since(asked.sentAt).milliseconds / 1000)
    // RFC 9111 §4.2.3. The apparent age counts from two clocks: a second of it is rounding.
    let apparent = max(0, wall - date - 1)
    parts.initialAgeSeconds = max(apparent, stated + delay)
  }

  /// Seconds; `nil` where nothing makes it fresh and it cannot be validated either.
  private func lifetime(
    _ bytes: Span<UInt8>, _ table: borrowing FieldTable, _ status: Int, _ control: CacheControl,
    _ parts: StoredHeadParts, wall: Int
  ) -> Int? {
    if let seconds = control.sMaxAge ?? control.maxAge { return seconds }
    if !control.isTargeted, let field = table.first(.expires) {
      guard !table.isRepeated(.expires), let expires = HTTPDate.parse(bytes, field.valueRange, now: wall)
      else {
        return 0
      }
      var date = wall
      if let field = table.first(.date), let read = HTTPDate.parse(bytes, field.valueRange, now: wall) {
        date = read
      }
      return min(Directive.secondsMax, max(0, expires - date))
    }
    let mayGuess = control.isPublic || CachePolicy.heuristicStatuses.contains(status)
    if status == 200, defaultTTLSeconds > 0, !control.noCache { return defaultTTLSeconds }
    if parts.hasLastModified {
      var date = wall
      if let field = table.first(.date), let read = HTTPDate.parse(bytes, field.valueRange, now: wall) {
        date = read
      }
      let tenth = max(0, date - parts.modifiedAt) / 10
      if mayGuess { return min(CachePolicy.heuristicSecondsMax, tenth) }
    }
    // RFC 9111 §3: without any of these only a status that allows it is stored, to be validated.
    guard mayGuess, control.noCache || table.contains(.etag) else { return nil }
    return 0
  }

  private static func copy(_ bytes: Span<UInt8>, _ range: Range<Int>) -> [UInt8] {
    var copied: [UInt8] = []
    copied.reserveCapacity(range.count)
    for index in range { copied.append(bytes[index]) }
    return copied
  }

  /// The head without what frames it, ages it, or was not to be kept. RFC 9111 §3.1.
  private static func kept(
    _ bytes: Span<UInt8>, _ head: ResponseHead, _ table: borrowing FieldTable, excluding: [[UInt8]]
  ) -> [UInt8] {
    var out = ByteBuffer(capacity: head.end)
    out.append(bytes, from: 0, to: head.fieldsStart)
    for index in 0..<table.count {
      let field = table[index]
      if field.name != .other, dropped & field.name.bit != 0 { continue }
      let isExcluded = excluding.contains {
        ASCII.equals(bytes, field.nameRange, $0.span, 0..<$0.count)
      }
      if !isExcluded { out.append(bytes, from: Int(field.start), to: Int(field.end)) }
    }
    out.append("\r\n")
    return out.array()
  }
}

extension CachePolicy {
  /// Fields of which a 304 does not speak for the stored body. RFC 9111 §3.2.
  private static let notUpdated: UInt64 =
    dropped | FieldName.contentEncoding.bit | FieldName.contentRange.bit

  /// The stored head with the fields of a 304 in the place of its own (RFC 9111 §3.2), as a whole head.
  /// - Parameter bytes: the 304's head, with its fields in `table`.
  public func updated(
    _ stored: StoredHead, by bytes: Span<UInt8>, _ table: borrowing FieldTable, to out: inout ByteBuffer
  ) {
    var old = FieldTable()
    let lines = stored.bytes
    let kept = lines.span
    let parsed = ResponseHead.parse(kept, answering: .head, into: &old, limits: .unlimited)
    guard case .complete(let head) = parsed else {
      preconditionFailure("a stored head is one that was parsed before")
    }
    out.append(kept, from: 0, to: head.fieldsStart)
    for index in 0..<old.count {
      let field = old[index]
      var isReplaced = false
      for other in 0..<table.count where CachePolicy.updates(table[other]) && !isReplaced {
        isReplaced = ASCII.equals(kept, field.nameRange, bytes, table[other].nameRange)
      }
      if !isReplaced { out.append(kept, from: Int(field.start), to: Int(field.end)) }
    }
    for index in 0..<table.count where CachePolicy.updates(table[index]) || table[index].name == .age {
      out.append(bytes, from: Int(table[index].start), to: Int(table[index].end))
    }
    out.append("\r\n")
  }

  private static func updates(_ field: Field) -> Bool {
    field.name == .other || notUpdated & field.name.bit == 0
  }
}

/// Groups of responses that are invalidated together, within one authority. RFC 9875.
public enum CacheGroups {
  private static let groupsMax = 32

  /// The groups that the fields of `name` list, by hash. A malformed field names none.
  public static func read(
    _ bytes: Span<UInt8>, _ table: borrowing FieldTable, _ name: FieldName, authority: Span<UInt8>
  ) -> [UInt64] {
    guard table.contains(name) else { return [] }
    var text = ByteBuffer()
    for index in 0..<table.count where table[index].name == name {
      if !text.isEmpty { text.append(UInt8(ascii: ",")) }
      text.append(bytes, from: Int(table[index].valueStart), to: Int(table[index].valueEnd))
    }
    let strings = StructuredDictionary.readStrings(text.span) ?? []
    return strings.prefix(groupsMax).map { range in
      var joined = ByteBuffer()
      for index in 0..<authority.count { joined.append(ASCII.lowercased(authority[index])) }
      joined.append(0)
      joined.append(text.span, from: range.lowerBound, to: range.upperBound)
      return ByteHash.of(joined.span)
    }
  }
}
