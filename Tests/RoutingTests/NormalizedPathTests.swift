import Base
import HTTP1
import Routing
import TestSupport
import Testing

private func normalized(_ target: String) -> String { normalized(Array(target.utf8)) }

/// The target in the midst of other bytes, as it stands in a head, appended to what is there already.
private func normalized(_ target: [UInt8]) -> String {
  let head = Array("GET ./".utf8) + target + Array("./ HTTP/1.1".utf8)
  var out = ByteBuffer()
  out.append("before/")
  NormalizedPath.append(head.span, 6..<(6 + target.count), to: &out)
  let text = out.text()
  precondition(text.hasPrefix("before/"))
  return String(text.dropFirst("before/".count))
}

private func needsWork(_ target: String) -> Bool { look(target) == .otherwise }

private func look(_ target: String) -> NormalizedPath.Look {
  let head = Array("/.%41\(target)/.%41".utf8)
  return NormalizedPath.look(head.span, 5..<(5 + target.utf8.count))
}

@Suite("RFC 3986 §6.2.2 Normalised paths") struct NormalizedPathTests {
  @Test(arguments: [
    ("/a/b/c/./../../g", "/a/g"), ("/./a", "/a"), ("/../a", "/a"), ("/a/.", "/a/"), ("/a/..", "/"),
    ("/a/b/..", "/a/"), ("/a/b/../", "/a/"), ("/.", "/"), ("/..", "/"), ("/../../..", "/"), ("/./", "/"),
    ("/a/../../b", "/b"), ("/a/./.", "/a/"), ("/a/b/../../..", "/"), ("/a/../b/../c/", "/c/"),
  ])
  func `dot segments are removed`(target: String, path: String) {
    #expect(normalized(target) == path)
    #expect(needsWork(target))
  }

  @Test(arguments: [
    ("/%2e", "/"), ("/a/%2E%2e/b", "/b"), ("/a/.%2e/b", "/b"), ("/a/%2e./b", "/b"), ("/a/%2e/b", "/a/b"),
    ("/a%2fb/%2e", "/a%2Fb/"),
  ])
  func `an encoded dot is a dot`(target: String, path: String) {
    #expect(normalized(target) == path)
    #expect(needsWork(target))
  }

  @Test(arguments: [
    "/...", "/.a", "/a.", "/a..", "/..a", "/a/.well-known/b", "/a.b/..c/d..", "/...?", "/a?/../b",
  ])
  func `other dots are not touched`(target: String) {
    #expect(normalized(target) == target)
    #expect(!needsWork(target))
  }

  @Test(arguments: [
    ("/%41%7a%30%2D%5f%7E", "/Az0-_~"), ("/%7euser/", "/~user/"), ("/a%2fb", "/a%2Fb"),
    ("/a%5c%c3%a9", "/a%5C%C3%A9"),
    ("/%2525%3f", "/%2525%3F"), ("/%e4%61", "/%E4a"),
  ])
  func `unreserved characters are decoded and other escapes are in upper case`(target: String, path: String) {
    #expect(normalized(target) == path)
    #expect(needsWork(target))
  }

  @Test(arguments: [
    "//", "//a", "/a//b", "/a//", "/a%2Fb", "/a%5Cb", "/%01%20%25%3F", "/;/a;b", "/a%2F..b", "/..a%5Cb",
    "/...;a",
    "/a;b/..c;d", "/a%2F%2Fb", "/?a%00b", "/?\\..\\",
  ])
  func `what could mean something else to an origin stays`(target: String) {
    #expect(normalized(target) == target)
    #expect(!needsWork(target))
  }

  /// Known confusions: where an origin's reading, once it decodes more than RFC 3986 does, is another path.
  @Test(arguments: [
    "/%00", "/a%00.html", "/admin%00/x", "/a\\b", "/a\\..\\b", "/\\", "/a#b", "/#", "/a/../x#/..",
    "/..%2f", "/..%2Fadmin", "/a%2f../b", "/a%2F..", "/%2e%2e%2fadmin", "/%2e%2e%5cadmin", "/a%5c..",
    "/a/.%2f",
    "/a%2f./b", "/a%2f%2e", "/..;/admin", "/a/..;x=y/b", "/.;/a", "/a/..;", "/..%3b/admin", "/%2e%2e;/admin",
    "/%2e.;a=b/x", "/a%2f..;/b", "/a/b%2f%2e%2e/c", "/a%5C..%5Cb", "a\\b",
  ])
  func `what is only meant to mislead is known`(target: String) { #expect(look(target) == .treacherous) }

  @Test(arguments: [
    ("/a//..", "/a/"), ("/a//../b", "/a/b"), ("//..", "/"), ("//../a", "/a"), ("/..//a", "//a"),
  ])
  func `an empty segment is one that two dots remove`(target: String, path: String) {
    #expect(normalized(target) == path)
  }

  @Test(arguments: ["/%", "/%2", "/%zz", "/%2z", "/a%/b%2/c", "/%%", "/100%?%zz", "/%g1"])
  func `a percent sign that begins no escape is kept`(target: String) {
    #expect(normalized(target) == target)
    #expect(!needsWork(target))
  }

  @Test(arguments: [
    ("/%%32%65", "/%%32e"), ("/%%32e/", "/%%32e/"), ("/%2%65", "/%2%65"), ("/%2%65%65", "/%2%65e"),
    ("/%%2e", "/%."),
    ("/%%41%42", "/%%41B"), ("/%2%7e", "/%2~"), ("/%%%32%65", "/%%%32e"), ("/%2e%%32%65", "/.%%32e"),
    ("/%/%32%65", "/%/2e"),
  ])
  func `nothing that is decoded becomes part of a new escape`(target: String, path: String) {
    #expect(normalized(target) == path)
    #expect(normalized(path) == path)
  }

  @Test(arguments: [
    ("/a?", "/a?"), ("/?/../%41", "/?/../%41"), ("/./?b", "/?b"), ("/..?/..", "/?/.."),
    ("/%41?%41&%2e", "/A?%41&%2e"),
    ("/a/..?", "/?"), ("/a/%2e?b?c", "/a/?b?c"),
  ])
  func `the query is left alone`(target: String, path: String) {
    #expect(normalized(target) == path)
  }

  @Test(arguments: [("", "/"), ("?", "/?"), ("?a/../b", "/?a/../b")])
  func `no path is a slash`(target: String, path: String) {
    #expect(normalized(target) == path)
    #expect(needsWork(target))
  }

  @Test func `the asterisk of OPTIONS is kept`() {
    #expect(normalized("*") == "*")
    #expect(!needsWork("*"))
  }

  @Test(arguments: [
    "GET /%2e%2E/a?/.. HTTP/1.1", "GET http://a/b/../c%7e HTTP/1.1", "OPTIONS * HTTP/1.1",
    "GET http://a HTTP/1.1",
    "GET http://a?b HTTP/1.1", "GET /{\"|^`}<>[]' HTTP/1.1",
  ])
  func `whatever the head parser accepts is normalised`(line: String) throws {
    let bytes = Array("\(line)\r\nHost: a\r\n\r\n".utf8)
    var table = FieldTable()
    guard case .complete(let head) = RequestHead.parse(bytes.span, into: &table, limits: Limits()) else {
      Issue.record("not accepted")
      return
    }
    var out = ByteBuffer()
    NormalizedPath.append(bytes.span, head.pathRange, to: &out)
    #expect(out.text().hasPrefix("/") || out.text() == "*")
  }
}

@Suite("Normalised paths of random targets") struct NormalizedPathPropertyTests {
  /// Mostly the bytes that matter, so that their combinations come up.
  private static func target(_ generator: inout SeededGenerator) -> String {
    let pieces = [
      "/", "/", "/", ".", ".", "..", "%", "%", "2", "e", "E", "6", "5", "32", "%2e", "%2E", "%2f", "%5C",
      "\\", "a", "z",
      "?", "*", "%7E", "%41", "%zz", "-", "!", "~",
    ]
    var target = Int.random(in: 0..<8, using: &generator) == 0 ? "" : "/"
    for _ in 0..<Int.random(in: 0..<14, using: &generator) {
      target += pieces.randomElement(using: &generator) ?? ""
    }
    return target.hasPrefix("/") || target.hasPrefix("?") || target.isEmpty ? target : "/" + target
  }

  @Test(arguments: 0..<64 as Range<UInt64>)
  func `normalising is idempotent, thorough and agrees with the algorithm of the RFC`(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<500 {
      let target = NormalizedPathPropertyTests.target(&generator)
      let once = normalized(target)
      let twice = normalized(once)
      let path = once.prefix { $0 != "?" }
      var faults: [String] = []
      if twice != once { faults.append("not idempotent: \(twice)") }
      let escapes = target.split(separator: "%", omittingEmptySubsequences: false).dropFirst()
      if escapes.allSatisfy({ Reference.escapeDigits($0) != nil }), needsWork(once) {
        faults.append("still needs work")
      }
      if look(target) == .plain, once != target { faults.append("was said to need no work") }
      if !path.hasPrefix("/") { faults.append("no slash at the front") }
      if path.split(separator: "/").contains(where: { $0 == "." || $0 == ".." }) {
        faults.append("dot segment")
      }
      let query = target.drop { $0 != "?" }
      if once != Reference.removingDotSegments(Reference.decoding(String(target.prefix { $0 != "?" })))
        + query
      {
        faults.append("not what the reference gives")
      }
      #expect(faults.isEmpty, "seed \(seed): \(target) became \(once)")
    }
  }

  @Test(arguments: 0..<16 as Range<UInt64>)
  func `any bytes at all are taken`(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<500 {
      let bytes = generator.bytes(Int.random(in: 0..<40, using: &generator))
      var once = ByteBuffer()
      NormalizedPath.append(bytes.span, 0..<bytes.count, to: &once)
      var twice = ByteBuffer()
      NormalizedPath.append(once.span, 0..<once.count, to: &twice)
      let (first, second) = (once.array(), twice.array())
      #expect(first == second, "seed \(seed): \(bytes)")
      #expect(first.first == UInt8(ascii: "/") || first == [UInt8(ascii: "*")], "seed \(seed): \(bytes)")
    }
  }
}

/// The words of RFC 3986, one by one and slowly.
private enum Reference {
  static func escapeDigits(_ text: Substring) -> Substring? {
    let digits = text.prefix(2)
    return digits.count == 2 && digits.allSatisfy { $0.isASCII && $0.isHexDigit } ? digits : nil
  }

  /// §6.2.2.1 and §6.2.2.2. An escape is left where what stands before would make a new one of it.
  static func decoding(_ path: String) -> String {
    var tokens: [String] = []
    var rest = path[...]
    while let character = rest.popFirst() {
      guard character == "%", let digits = escapeDigits(rest), let value = UInt8(digits, radix: 16) else {
        tokens.append(String(character))
        continue
      }
      rest.removeFirst(2)
      let decoded = Character(Unicode.Scalar(value))
      let isUnreserved = decoded.isASCII && (decoded.isLetter || decoded.isNumber || "-._~".contains(decoded))
      let last = tokens.suffix(2).joined()
      let isFragment =
        last.hasSuffix("%") || last.count == 2 && last.hasPrefix("%") && last.last?.isHexDigit == true
      tokens.append(
        isUnreserved && !(isFragment && decoded.isHexDigit) ? String(decoded) : "%" + digits.uppercased())
    }
    return tokens.joined()
  }

  /// §5.2.4, steps A to E, for what begins with a slash or is empty.
  static func removingDotSegments(_ path: String) -> String {
    var input = path.isEmpty ? "/" : path
    var output = ""
    while !input.isEmpty {
      if input.hasPrefix("/./") {
        input.removeFirst(2)
      } else if input == "/." {
        input = "/"
      } else if input.hasPrefix("/../") || input == "/.." {
        input = input == "/.." ? "/" : String(input.dropFirst(3))
        output = output.lastIndex(of: "/").map { String(output[..<$0]) } ?? ""
      } else {
        let segment = input.dropFirst().prefix { $0 != "/" }
        output += "/" + segment
        input = String(input[segment.endIndex...])
      }
    }
    return output
  }
}
