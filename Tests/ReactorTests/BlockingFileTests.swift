import Base
import Foundation
import Reactor
import TestSupport
import Testing

@Suite("A blocking file") struct BlockingFileTests {
  @Test func `appends to what is there`() throws {
    let path = temporaryPath("file")
    defer { try? FileManager.default.removeItem(atPath: path) }
    for line in ["one\n", "two\n"] {
      let file = try BlockingFile(appendingTo: path)
      #expect(file.write(Array(line.utf8).span) == nil)
    }
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "one\ntwo\n")
  }

  @Test func `is not for everybody to read`() throws {
    let path = temporaryPath("file")
    defer { try? FileManager.default.removeItem(atPath: path) }
    _ = try BlockingFile(appendingTo: path)
    let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    #expect((mode ?? 0) & 0o007 == 0)
    #expect((mode ?? 0) & 0o600 == 0o600)
  }

  @Test func `that cannot be opened says why`() {
    let error = #expect(throws: UVError.self) { _ = try BlockingFile(appendingTo: "/does/not/exist") }
    #expect(error?.description == "no such file or directory")
  }

  @Test func `that cannot be written says why`() throws {
    let file = try BlockingFile(appendingTo: "/dev/full")
    #expect(file.write([1, 2, 3].span)?.description == "no space left on device")
  }

  @Test func `writes nothing where there is nothing`() throws {
    let file = try BlockingFile(appendingTo: "/dev/full")
    #expect(file.write([UInt8]().span) == nil)
  }
}
