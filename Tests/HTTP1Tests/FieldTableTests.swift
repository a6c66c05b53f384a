import Base
import HTTP1
import Testing

@Suite("Fields of a head") struct FieldTableTests {
  /// Calls `body` with the table of a request's head that has these field lines after Host.
  private static func withTable<Result>(
    _ lines: String, _ body: (borrowing FieldTable, [UInt8]) -> Result
  ) throws -> Result {
    let bytes = Array("GET / HTTP/1.1\r\nHost: a\r\n\(lines)\r\n".utf8)
    var table = FieldTable()
    let parsed = RequestHead.parse(bytes.span, into: &table, limits: Limits())
    guard case .complete = parsed else { throw NotAHead() }
    return body(table, bytes)
  }
  private struct NotAHead: Error {}

  @Test func `a known name is there, once or repeated`() throws {
    try FieldTableTests.withTable("Cookie: a\r\nVia: 1\r\ncookie: b\r\nX: 1\r\nX: 2\r\n") { table, bytes in
      let names: [FieldName] = [.host, .cookie, .via, .date]
      var there: [Bool] = []
      var repeated: [Bool] = []
      for name in names {
        there.append(table.contains(name))
        repeated.append(table.isRepeated(name))
      }
      #expect(there == [true, true, true, false])
      #expect(repeated == [false, true, false, false])
      let first = table.first(.cookie)
      #expect(first.map { String(decoding: bytes[$0.valueRange], as: UTF8.self) } == "a")
      let none = table.first(.date)
      #expect(none == nil)
    }
  }

  @Test func `a table is refilled with each head`() {
    var table = FieldTable()
    for (lines, count) in [("A: 1\r\nVia: 2\r\n", 3), ("", 1), ("Date: x\r\n", 2)] {
      let bytes = Array("GET / HTTP/1.1\r\nHost: a\r\n\(lines)\r\n".utf8)
      _ = RequestHead.parse(bytes.span, into: &table, limits: Limits())
      let (found, hasVia) = (table.count, table.contains(.via))
      #expect(found == count)
      #expect(hasVia == lines.contains("Via"))
    }
  }

  @Test(arguments: [
    ("X-One: 1\r\nConnection: close, x-ONE\r\n", true), ("Connection: X-One\r\nX-One: 1\r\n", true),
    ("X-One: 1\r\nConnection: close\r\nConnection: ,,x-one\r\n", true),
    ("X-One: 1\r\nConnection: x-on\r\n", false),
    ("X-One: 1\r\nConnection: x-one x-one\r\n", false), ("X-One: 1\r\n", false),
  ])
  func `a field that Connection names is nominated`(lines: String, isNominated: Bool) throws {
    let found = try FieldTableTests.withTable(lines) { table, bytes in
      var found = false
      for index in 0..<table.count
      where String(decoding: bytes[table[index].nameRange], as: UTF8.self) == "X-One" {
        found = table.isNominated(table[index], in: bytes.span)
      }
      return found
    }
    #expect(found == isNominated)
  }

  @Test(
    arguments: [
      ("close", .close), ("Keep-Alive", .keepAlive), ("upgrade, CLOSE", [.upgrade, .close]),
      ("TE", []), ("te, x", .nominatesOthers), (", ,", []), ("close\t,\tkeep-alive", [.close, .keepAlive]),
    ] as [(String, ConnectionOptions)])
  func `connection options are read from their list`(value: String, options: ConnectionOptions) throws {
    let request = try #require(ParsedRequest(fields: "Connection: \(value)\r\n"))
    #expect(request.head.options == options)
  }

  @Test(arguments: [("h2c", true), ("a, H2C", true), ("a,h2c,b", true), ("h2cx", false), ("a h2c", false)])
  func `a list has an element whatever its case`(value: String, has: Bool) throws {
    let found = try FieldTableTests.withTable("Upgrade: \(value)\r\n") { table, bytes in
      table.list(.upgrade, in: bytes.span, has: "h2c")
    }
    #expect(found == has)
  }
}
