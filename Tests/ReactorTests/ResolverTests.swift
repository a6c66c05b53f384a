import Base
import Reactor
import TestSupport
import Testing

@Suite("The resolver", .timeLimit(.minutes(10))) struct ResolverTests {
  private func resolve(_ name: String) throws -> Result<[SocketAddress], UVError> {
    var results: [Result<[SocketAddress], UVError>] = []
    try runLoop("the resolver") { loop, done in
      Resolver.resolve(name, port: 81, on: loop) { result in
        results.append(result)
        done()
      }
      #expect(results.isEmpty, "not inside the call")
    }
    #expect(results.count == 1)
    return results[0]
  }

  @Test func `finds localhost, with the port and without repeats`() throws {
    let addresses = try resolve("localhost").get()
    #expect(!addresses.isEmpty)
    #expect(Set(addresses).count == addresses.count)
    let loopbacks = ["127.0.0.1:81", "[::1]:81"]
    #expect(addresses.allSatisfy { loopbacks.contains($0.description) })
  }

  @Test func `fails with a reason for a name that does not exist`() throws {
    let result = try resolve("does-not-exist.invalid")
    let error = #expect(throws: UVError.self) { try result.get() }
    #expect(error?.description.isEmpty == false)
  }

  @Test func `fails with a reason for a name that cannot exist`() throws {
    let result = try resolve(String(repeating: "n", count: 1000))
    #expect(throws: UVError.self) { try result.get() }
  }
}
