import Foundation
import TestSupport
import Testing

@testable import Delivery

@Suite("JSON where it stands") struct JSONReaderTests {
  private func kind(_ text: String) -> JSONReader.Kind? {
    var reader = JSONReader(Array(text.utf8))
    return (try? reader.document())?.kind
  }

  @Test(
    arguments: [
      ("{}", .object), (" [ ] ", .array), ("\"\"", .string), ("0", .number), ("-1.5e+3", .number),
      ("true", .truth),
      ("null", .null), ("{\"a\":[1,{\"b\":null}],\"c\":\"\\ud83d\\ude00\"}", .object), ("[1 , 2\n]", .array),
    ] as [(String, JSONReader.Kind)])
  func `is read`(_ text: String, _ wanted: JSONReader.Kind) { #expect(kind(text) == wanted) }

  @Test(arguments: [
    "", " ", "{", "[", "\"", "{]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{'a':1}", "[1,]", "[,1]",
    "[1 2]",
    "01", "1.", ".5", "-", "1e", "+1", "NaN", "Infinity", "tru", "nul", "truex", "1 2", "\"\\x\"",
    "\"\\u12\"",
    "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"\n\"", "\"\u{0}\"", "// x\n1", "\u{FEFF}1",
    String(repeating: "[", count: 100) + String(repeating: "]", count: 100),
  ])
  func `or refused`(_ text: String) { #expect(kind(text) == nil) }

  @Test func `bytes that are no UTF-8 are refused`() {
    for bytes in [[0x22, 0xFF, 0x22], [0x22, 0xC0, 0x80, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22]] as [[UInt8]] {
      var reader = JSONReader(bytes)
      #expect(throws: JSONReader.Malformed.self) { try reader.document() }
    }
  }

  @Test func `values are what they say`() throws {
    let text = #"{"a\n\u00e9\ud83d\ude00":"x\"\\\/\b\f\r\t","n":12345678901234567890.10,"l":[1,[2],{"k":3}]}"#
    var reader = JSONReader(Array(text.utf8))
    let members = reader.members(of: try reader.document())
    #expect(members.map(\.name) == ["a\né😀", "n", "l"])
    #expect(reader.text(of: members[0].value) == "x\"\\/\u{8}\u{c}\r\t")
    #expect(String(decoding: reader.copy(of: members[1].value), as: UTF8.self) == "12345678901234567890.10")
    let elements = reader.elements(of: members[2].value)
    #expect(
      elements.map { String(decoding: reader.copy(of: $0), as: UTF8.self) } == ["1", "[2]", "{\"k\":3}"])
  }

  /// What Foundation takes we take, and the other way about, but for what RFC 8259 has otherwise.
  @Test func `mutations are read as a library reads them`() throws {
    let seeds = [
      #"{"external_url":"http://a/","request_body":{"n":[1,2.5e3,-0,true,null]},"x":"\u00e9\ud83d\ude00\n"}"#,
      #"[[],{},"",0,-1,1e9,{"a":{"b":[{"c":"d"}]}}]"#,
    ].map { Array($0.utf8) }
    let alphabet = Array("{}[]\",:0123456789.eE+-\\utrfalsn \n\t\u{1}é".utf8)
    var random = SeededGenerator(seed: UInt64.random(in: 0...UInt64.max))
    let first = random
    var (agreed, accepted) = (0, 0)
    for _ in 0..<30_000 {
      var bytes = seeds.randomElement(using: &random) ?? []
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let at = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<3, using: &random) {
        case 0: bytes[at] = alphabet.randomElement(using: &random) ?? 0
        case 1: bytes.remove(at: at)
        default: bytes.insert(alphabet.randomElement(using: &random) ?? 0, at: at)
        }
      }
      var reader = JSONReader(bytes)
      let ours = (try? reader.document()) != nil
      let theirs = (try? JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)) != nil
      // A library may refuse more: numbers beyond its range, members that are there twice. And this one takes a
      // comma behind the last element.
      let text = String(decoding: bytes, as: UTF8.self)
      if theirs, text.firstMatch(of: /,\s*[}\]]/) == nil { #expect(ours, "seed \(first): \(text)") }
      agreed += ours == theirs ? 1 : 0
      accepted += ours ? 1 : 0
    }
    #expect(agreed > 29_000)
    #expect(accepted > 1000)
  }
}
