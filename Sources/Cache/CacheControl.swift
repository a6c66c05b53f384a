internal import Base
public import HTTP1

/// What a response says of its storage. RFC 9111 §5.2.2, RFC 5861, RFC 9213.
public struct CacheControl: Sendable, Equatable {
  public var noStore = false
  public var noCache = false
  public var isPrivate = false
  public var isPublic = false
  public var mustRevalidate = false
  public var proxyRevalidate = false
  public var mustUnderstand = false
  /// Seconds; `nil` where nothing was said. What cannot be read is zero: stale (RFC 9111 §4.2.1).
  public var maxAge: Int?
  public var sMaxAge: Int?
  public var staleWhileRevalidate: Int?
  public var staleIfError: Int?
  /// Named by `private="…"` and `no-cache="…"`, in lower case: not stored, everything else is.
  public var excludedFields: [[UInt8]] = []
  /// From a field for caches like this one, which `Expires` has no say in (RFC 9213 §2.2).
  public var isTargeted = false

  public init() {}

  /// Reads the fields of a response.
  public static func read(_ bytes: Span<UInt8>, _ table: borrowing FieldTable) -> CacheControl {
    if table.contains(.cdnCacheControl), let targeted = readTargeted(bytes, table) { return targeted }
    var control = CacheControl()
    guard table.contains(.cacheControl) else { return control }
    for index in 0..<table.count where table[index].name == .cacheControl {
      var list = DirectiveList(table[index].valueRange)
      while let directive = list.next(bytes) { control.take(directive, bytes) }
    }
    return control
  }

  private mutating func take(_ directive: Directive, _ bytes: Span<UInt8>) {
    switch directive.name.count {
    case 6: if directive.isNamed("public", bytes) { isPublic = true }
    case 7:
      if directive.isNamed("max-age", bytes) {
        maxAge = least(maxAge, directive.seconds(bytes) ?? 0)
      } else if directive.isNamed("private", bytes), !exclude(directive, bytes) {
        isPrivate = true
      }
    case 8:
      if directive.isNamed("no-store", bytes) { noStore = true }
      if directive.isNamed("no-cache", bytes), !exclude(directive, bytes) { noCache = true }
      if directive.isNamed("s-maxage", bytes) { sMaxAge = least(sMaxAge, directive.seconds(bytes) ?? 0) }
    case 14: if directive.isNamed("stale-if-error", bytes) { readStaleIfError(directive.seconds(bytes)) }
    case 15:
      if directive.isNamed("must-revalidate", bytes) { mustRevalidate = true }
      if directive.isNamed("must-understand", bytes) { mustUnderstand = true }
    case 16: if directive.isNamed("proxy-revalidate", bytes) { proxyRevalidate = true }
    case 22:
      if directive.isNamed("stale-while-revalidate", bytes), let seconds = directive.seconds(bytes) {
        staleWhileRevalidate = least(staleWhileRevalidate, seconds)
      }
    default: break
    }
  }

  private mutating func readStaleIfError(_ seconds: Int?) {
    if let seconds { staleIfError = least(staleIfError, seconds) }
  }

  private func least(_ known: Int?, _ seconds: Int) -> Int { min(known ?? seconds, seconds) }

  /// Takes the field names of `private="a, b"`. `false` where none are named, which means the whole.
  private mutating func exclude(_ directive: Directive, _ bytes: Span<UInt8>) -> Bool {
    guard let value = directive.value else { return false }
    var name: [UInt8] = []
    var found = false
    for index in value.lowerBound...value.upperBound {
      let byte = index < value.upperBound ? bytes[index] : 0x2C
      if byte == 0x2C {
        if !name.isEmpty {
          excludedFields.append(name)
          found = true
        }
        name = []
      } else if byte != 0x20, byte != 0x09 {
        name.append(ASCII.lowercased(byte))
      }
    }
    return found
  }

  // MARK: Targeted

  /// RFC 9213 §2.1: a structured dictionary. `nil` where it is malformed or empty: then it is ignored.
  private static func readTargeted(_ bytes: Span<UInt8>, _ table: borrowing FieldTable) -> CacheControl? {
    var control = CacheControl()
    control.isTargeted = true
    var text = ByteBuffer()
    for index in 0..<table.count where table[index].name == .cdnCacheControl {
      if !text.isEmpty { text.append(UInt8(ascii: ",")) }
      text.append(bytes, from: Int(table[index].valueStart), to: Int(table[index].valueEnd))
    }
    guard let members = StructuredDictionary.read(text.span), !members.isEmpty else { return nil }
    for member in members {
      switch member.value {
      case .flag(true): control.take(Directive(name: member.key, value: nil, isQuoted: false), text.span)
      case .flag(false), .other: break
      case .integer(let range):
        control.take(Directive(name: member.key, value: range, isQuoted: false), text.span)
      case .string(let range):
        let directive = Directive(name: member.key, value: range, isQuoted: true)
        // A number in quotes is no number here; field names are.
        if directive.isNamed("max-age", text.span) || directive.isNamed("s-maxage", text.span) { return nil }
        control.take(directive, text.span)
      }
    }
    return control
  }
}

/// What a request asks of caches. RFC 9111 §5.2.1.
public struct RequestDirectives: Sendable, Equatable {
  public var noStore = false
  public var noCache = false
  public var onlyIfCached = false
  public var maxAge: Int?
  public var minFresh: Int?
  /// How stale an answer may be; as large as can be where no number is given.
  public var maxStale: Int?
  public var staleIfError: Int?

  public init() {}

  public static func read(_ bytes: Span<UInt8>, _ table: borrowing FieldTable) -> RequestDirectives {
    var directives = RequestDirectives()
    guard table.contains(.cacheControl) else {
      // RFC 9111 §5.4: only where there is no Cache-Control.
      if table.contains(.pragma) {
        directives.noCache = table.list(.pragma, in: bytes, has: "no-cache")
      }
      return directives
    }
    for index in 0..<table.count where table[index].name == .cacheControl {
      var list = DirectiveList(table[index].valueRange)
      while let directive = list.next(bytes) {
        if directive.isNamed("no-store", bytes) { directives.noStore = true }
        if directive.isNamed("no-cache", bytes) { directives.noCache = true }
        if directive.isNamed("only-if-cached", bytes) { directives.onlyIfCached = true }
        if directive.isNamed("max-age", bytes) { directives.maxAge = directive.seconds(bytes) ?? 0 }
        if directive.isNamed("min-fresh", bytes) { directives.minFresh = directive.seconds(bytes) }
        if directive.isNamed("stale-if-error", bytes) { directives.staleIfError = directive.seconds(bytes) }
        if directive.isNamed("max-stale", bytes) {
          directives.maxStale = directive.value == nil ? Directive.secondsMax : directive.seconds(bytes)
        }
      }
    }
    return directives
  }
}
