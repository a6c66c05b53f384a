internal import Foundation

/// One case of a fixture table: bytes as they go over the wire, and the lines that say what must follow.
///
/// The form of a table, a block of lines for each case:
/// ```
/// === A sentence that names the case
/// to HEAD                    expectations, each a key and a value, before or after the bytes
/// > GET / HTTP/1.1\r\n       the bytes: what stands behind "> ", escapes decoded, nothing added
/// > Host: a\r\n
/// > \r\n
/// status 400
/// ```
/// Empty lines and lines that begin with `#` between cases are for readers.
public struct Fixture: Sendable {
  /// A key and the bytes behind it, escapes decoded; empty where nothing stands there.
  public struct Expectation: Sendable {
    public let key: String
    public let value: [UInt8]
  }

  /// The file's name and the line on which the case begins, `requests-refused.txt:8`.
  public let place: String
  public let title: String
  public let bytes: [UInt8]
  public let expectations: [Expectation]
}

/// Why a table cannot be read.
public struct FixtureError: Error, CustomStringConvertible {
  public let place: String
  public let reason: String

  public var description: String { "\(place): \(reason)" }
}

/// Reads tables of `Fixture`s.
public enum FixtureReader {
  /// The cases of a table in `Tests/ConformanceTests/Fixtures`, in their order.
  /// - Parameter name: the file's name, `requests-refused.txt`.
  /// - Throws: what the file system says, or `FixtureError` with file and line.
  public static func read(_ name: String) throws -> [Fixture] {
    let here = URL(filePath: #filePath)
    let url = here.deletingLastPathComponent().appending(path: "../ConformanceTests/Fixtures/\(name)")
    return try parse(String(contentsOf: url, encoding: .utf8), name: name)
  }

  /// The cases of `text`.
  /// - Parameter name: what `Fixture.place` begins with.
  public static func parse(_ text: String, name: String) throws(FixtureError) -> [Fixture] {
    var fixtures: [Fixture] = []
    var open: OpenCase?
    // Not `split(separator:)` on characters: "\r\n" would be one.
    var number = 0
    for line in text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false) {
      number += 1
      let line = String(line)
      let place = "\(name):\(number)"
      if line.hasPrefix("=== ") {
        if let open { fixtures.append(try open.closed()) }
        open = OpenCase(place: place, title: String(line.dropFirst(4)))
      } else if line.isEmpty || line.hasPrefix("#") {
        continue
      } else if open == nil {
        throw FixtureError(place: place, reason: "stands before the first case")
      } else {
        try open?.take(line, place: place)
      }
    }
    if let open { fixtures.append(try open.closed()) }
    return fixtures
  }

  private struct OpenCase {
    let place: String
    let title: String
    var bytes: [UInt8] = []
    var expectations: [Fixture.Expectation] = []

    mutating func take(_ line: String, place: String) throws(FixtureError) {
      if line.hasPrefix("> ") {
        bytes += try decoded(line.utf8.dropFirst(2), place: place)
        return
      }
      let parts = line.utf8.split(separator: 0x20, maxSplits: 1, omittingEmptySubsequences: false)
      let value = parts.count == 2 ? try decoded(parts[1], place: place) : []
      expectations.append(Fixture.Expectation(key: String(decoding: parts[0], as: UTF8.self), value: value))
    }

    private func decoded(_ text: some Sequence<UInt8>, place: String) throws(FixtureError) -> [UInt8] {
      guard let bytes = FixtureEscapes.decode(Array(text)) else {
        throw FixtureError(place: place, reason: "a malformed escape")
      }
      return bytes
    }

    func closed() throws(FixtureError) -> Fixture {
      guard !bytes.isEmpty else { throw FixtureError(place: place, reason: "a case without bytes") }
      return Fixture(place: place, title: title, bytes: bytes, expectations: expectations)
    }
  }
}
