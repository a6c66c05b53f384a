import Base
import HTTP1
import Testing

@testable import Proxy

@Suite("Fields that are set") struct FieldRulesTests {
  private let rules = FieldRules([
    FieldSetting(name: "X-One", value: "1"), FieldSetting(name: "X-Two", value: ""),
    FieldSetting(name: "Via", value: "2"),
  ])

  @Test func `are lines ready to be appended, without those that only remove`() {
    #expect(String(decoding: rules.lines, as: UTF8.self) == "X-One: 1\r\nVia: 2\r\n")
    #expect(!rules.isEmpty)
  }

  @Test func `are none where nothing is set`() {
    let rules = FieldRules([])
    #expect(rules.isEmpty)
    #expect(rules.lines.isEmpty)
    #expect(!rules.sets(.via))
    #expect(!rules.sets(.other))
  }

  @Test func `stand in for those that Sluice writes itself`() {
    #expect(rules.sets(.via))
    #expect(!rules.sets(.xForwardedFor))
    // X-One is no known name, which must not make every unknown name a set one.
    #expect(!rules.sets(.other))
  }

  @Test(arguments: [
    ("x-one", true), ("X-ONE", true), ("X-Two", true), ("via", true), ("X-On", false), ("X-Onee", false),
    ("Y-One", false),
  ])
  func `replace fields of their name, whatever its case`(_ name: String, _ isReplaced: Bool) throws {
    let bytes = Array("GET / HTTP/1.1\r\nHost: a\r\n\(name): x\r\n\r\n".utf8)
    var table = FieldTable()
    guard case .complete = RequestHead.parse(bytes.span, into: &table, limits: Limits()) else {
      Issue.record("the head does not parse")
      return
    }
    #expect(rules.replaces(table[1], in: bytes.span) == isReplaced)
  }
}

@Suite("Copying lines in runs") struct LineCopierTests {
  private func copied(_ text: String, from: Int = 0, without lines: [Range<Int>], to end: Int) -> String {
    let bytes = Array(text.utf8)
    var out = ByteBuffer()
    var copier = LineCopier(from: from)
    for line in lines { copier.skip(line, of: bytes.span, to: &out) }
    copier.finish(at: end, of: bytes.span, to: &out)
    return out.text()
  }

  @Test func `copies everything where nothing is skipped`() {
    #expect(copied("abcdef", without: [], to: 6) == "abcdef")
    #expect(copied("abcdef", from: 2, without: [], to: 5) == "cde")
  }

  @Test func `leaves out the first, the last and neighbours`() {
    #expect(copied("aabbcc", without: [0..<2], to: 6) == "bbcc")
    #expect(copied("aabbcc", without: [4..<6], to: 6) == "aabb")
    #expect(copied("aabbcc", without: [0..<2, 2..<4], to: 6) == "cc")
    #expect(copied("aabbcc", without: [0..<2, 2..<4, 4..<6], to: 6) == "")
    #expect(copied("aabbcc", without: [2..<4], to: 6) == "aacc")
  }
}
