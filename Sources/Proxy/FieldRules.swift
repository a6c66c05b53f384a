internal import Base
internal import HTTP1

/// Fields that are added to responses where the origin set none: the security fields, and
/// `SLUICE_DEFAULT_RESPONSE_FIELDS`.
struct DefaultFields {
  /// What browsers are told over TLS alone (RFC 6797 §7.2): not to come without it for a year.
  private static let strict = FieldSetting(name: "Strict-Transport-Security", value: "max-age=31536000")
  /// What browsers are told where nobody says otherwise.
  private static let security = [
    FieldSetting(name: "X-Frame-Options", value: "SAMEORIGIN"),
    FieldSetting(name: "X-Content-Type-Options", value: "nosniff"),
    FieldSetting(name: "Referrer-Policy", value: "strict-origin-when-cross-origin"),
  ]

  private let names: [[UInt8]]
  private let each: [[UInt8]]
  /// Their names, where all are known; else 0.
  private let known: UInt64
  /// All of them, one line each.
  let lines: [UInt8]

  init(_ settings: ProxySettings, isSecured: Bool) {
    let strict = DefaultFields.strict
    let own = settings.defaultResponseFields.filter {
      isSecured || $0.name.lowercased() != strict.name.lowercased()
    }
    var fields = settings.addsSecurityFields ? DefaultFields.security : []
    if isSecured, settings.addsSecurityFields { fields.append(strict) }
    fields.removeAll { field in own.contains { $0.name.lowercased() == field.name.lowercased() } }
    fields += own.filter { !$0.value.isEmpty }
    names = fields.map { Array($0.name.utf8) }
    each = fields.map { Array("\($0.name): \($0.value)\r\n".utf8) }
    lines = each.flatMap { $0 }
    let bits = names.map { FieldName.find($0.span, 0, $0.count) }
    known = bits.contains(.other) ? 0 : bits.reduce(0) { $0 | $1.bit }
  }

  /// Appends those that neither the origin sent nor `rules` sets.
  func append(
    _ bytes: Span<UInt8>, _ table: borrowing FieldTable, but rules: FieldRules, to out: inout ByteBuffer
  ) {
    if rules.isEmpty, known != 0, table.present & known == 0 {
      out.append(contentsOf: lines)
      return
    }
    for (name, line) in zip(names, each) where !rules.sets(name.span) {
      if table.first(named: name.span, in: bytes) == nil { out.append(contentsOf: line) }
    }
  }
}

/// Fields that are set on what is forwarded, prepared once: `SLUICE_SET_*_FIELDS`.
struct FieldRules {
  let isEmpty: Bool
  private let names: [[UInt8]]
  /// The known names among them, as `FieldName.bit`s.
  private let knownNames: UInt64
  /// The lines to add, each with its CRLF.
  let lines: [UInt8]

  init(_ settings: [FieldSetting]) {
    isEmpty = settings.isEmpty
    let names = settings.map { Array($0.name.utf8) }
    self.names = names
    knownNames = names.reduce(0) { $0 | FieldName.find($1.span, 0, $1.count).bit } & ~FieldName.other.bit
    lines = settings.filter { !$0.value.isEmpty }.flatMap { Array("\($0.name): \($0.value)\r\n".utf8) }
  }

  /// Whether a field of that name is set (or removed).
  func sets(_ name: Span<UInt8>) -> Bool {
    names.contains { ASCII.equals($0.span, 0..<$0.count, name, 0..<name.count) }
  }

  /// Whether a field that we would write ourselves is set (or removed) instead.
  func sets(_ name: FieldName) -> Bool { knownNames & name.bit != 0 }

  /// Whether the field is one of those that are set, and so whatever was there goes.
  func replaces(_ field: Field, in bytes: Span<UInt8>) -> Bool {
    for name in names {
      let span = name.span
      if ASCII.equals(bytes, field.nameRange, span, 0..<span.count) { return true }
    }
    return false
  }
}

/// Copies field lines in runs: lines that stay are appended together, lines that go end a run.
struct LineCopier: ~Copyable {
  private var runStart: Int

  init(from start: Int) { runStart = start }

  /// Leaves out `line`.
  mutating func skip(_ line: Range<Int>, of bytes: Span<UInt8>, to out: inout ByteBuffer) {
    out.append(bytes, from: runStart, to: line.lowerBound)
    runStart = line.upperBound
  }

  /// Copies the rest up to `end`.
  consuming func finish(at end: Int, of bytes: Span<UInt8>, to out: inout ByteBuffer) {
    out.append(bytes, from: runStart, to: end)
  }
}

/// The fields that frame a message, as they go out.
///
/// RFC 9110 §5.5 lets a length be written with zeros and tabs before it, and a coding in any case. We read
/// them all alike; whether the next one does is not left to chance: what is sent on has one spelling.
enum FramingLine {
  /// The framing fields of `table` that are spelled otherwise, as `FieldName.bit`s.
  static func odd(_ table: borrowing FieldTable, in bytes: Span<UInt8>) -> UInt64 {
    var odd: UInt64 = 0
    if let field = table.first(.contentLength), !isPlain(field, bytes) { odd |= FieldName.contentLength.bit }
    if let field = table.first(.transferEncoding), !isPlain(field, bytes) {
      odd |= FieldName.transferEncoding.bit
    }
    return odd
  }

  /// Appends the line in its one spelling. The value was found valid before.
  static func write(_ field: Field, of bytes: Span<UInt8>, to out: inout ByteBuffer) {
    out.append(bytes, from: Int(field.start), to: Int(field.nameEnd))
    out.append(": ")
    if field.name == .transferEncoding {
      out.append("chunked")
    } else {
      var from = Int(field.valueStart)
      while from + 1 < Int(field.valueEnd), bytes[from] == UInt8(ascii: "0") { from += 1 }
      out.append(bytes, from: from, to: Int(field.valueEnd))
    }
    out.append("\r\n")
  }

  private static func isPlain(_ field: Field, _ bytes: Span<UInt8>) -> Bool {
    guard field.valueStart == field.nameEnd + 2, bytes[Int(field.nameEnd) + 1] == UInt8(ascii: " "),
      field.end == field.valueEnd + 2
    else { return false }
    let value = field.valueRange
    if field.name == .contentLength {
      return value.count == 1 || bytes[value.lowerBound] != UInt8(ascii: "0")
    }
    for index in value where bytes[index] & 0x20 == 0 { return false }
    return true
  }
}
