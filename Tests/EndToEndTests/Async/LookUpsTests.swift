import Reactor
import TestSupport
import Testing

@testable import Delivery

@Suite("Names that are looked up") struct LookUpsTests {
  /// Look-ups that are answered when the test says so.
  private final class Names {
    var asked: [String: (Outbound.LookUpResult) -> Void] = [:]
    var order: [String] = []
    var told: [String] = []
  }

  @Test func `slow names leave room for those that were found before`() throws {
    let loop = try EventLoop()
    defer { loop.close() }
    let names = Names()
    let lookUps = LookUps(on: loop) { host, _, _, completion in
      names.asked[host] = completion
      names.order.append(host)
    }
    func ask(_ host: String) { lookUps.resolve(host, 80) { _ in names.told.append(host) } }
    let found = Outbound.LookUpResult.success([loopback])
    ask("good")
    ask("good")
    #expect(names.order == ["good"])
    names.asked["good"]?(found)
    #expect(names.told == ["good", "good"])
    // However many are asked for that nobody answers for, some room is left.
    for index in 0..<20 { ask("slow\(index)") }
    #expect(names.order.count == 1 + LookUps.mostUnknown)
    ask("good")
    #expect(names.order.last == "good")
    names.asked["good"]?(.failure(.canceled))
    // It is not found any more, and waits like any other.
    ask("good")
    #expect(names.order.count == 2 + LookUps.mostUnknown)
    for _ in 0..<40 {
      for (host, completion) in names.asked {
        names.asked[host] = nil
        completion(.failure(.canceled))
      }
    }
    #expect(Set(names.told) == Set(names.order))
    #expect(names.told.count == 24)
  }
}
