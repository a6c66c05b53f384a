internal import Base
internal import HTTP1

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
