import Base
import Reactor
import Testing

@testable import Upstream

@Suite("The addresses that origins stand for") struct AddressBookTests {
  private func address(_ text: String, _ port: UInt16 = 3000) -> SocketAddress {
    .ip(IPAddress(text) ?? IPAddress(v4: 0), port: port)
  }

  private func listed(_ difference: AddressBook.Difference) -> [SocketAddress] {
    difference.appeared.map(\.address)
  }

  @Test func `literal addresses and paths are there from the beginning`() {
    var book = AddressBook([
      OriginSettings(.host("10.0.0.1", port: 3000)), OriginSettings(.host("app", port: 80)),
      OriginSettings(.unix(path: "/run/app.sock"), weight: 3),
    ])
    let first = book.begin()
    #expect(listed(first) == [address("10.0.0.1"), .unix("/run/app.sock")])
    #expect(first.appeared.map(\.weight) == [1, 3])
    #expect(book.names.map(\.host) == ["app"])
    #expect(book.names.map(\.index) == [1])
  }

  @Test func `a name stands for all its addresses`() {
    var book = AddressBook([OriginSettings(.host("app", port: 3000), weight: 2)])
    #expect(book.begin().isEmpty)
    let difference = book.resolved(0, to: [address("10.0.0.2"), address("fd00::1")])
    #expect(listed(difference) == [address("10.0.0.2"), address("fd00::1")])
    #expect(difference.appeared.allSatisfy { $0.weight == 2 && $0.authority == "app:3000" })
  }

  @Test func `tells what came and what went`() {
    var book = AddressBook([OriginSettings(.host("app", port: 3000))])
    _ = book.begin()
    _ = book.resolved(0, to: [address("10.0.0.1"), address("10.0.0.2")])
    let difference = book.resolved(0, to: [address("10.0.0.3"), address("10.0.0.2")])
    #expect(listed(difference) == [address("10.0.0.3")])
    #expect(difference.vanished == [address("10.0.0.1")])
    // In whatever order a resolver gives the same ones, nothing changed.
    #expect(book.resolved(0, to: [address("10.0.0.2"), address("10.0.0.3")]).isEmpty)
  }

  @Test func `an empty answer changes nothing`() {
    var book = AddressBook([OriginSettings(.host("app", port: 3000))])
    _ = book.begin()
    _ = book.resolved(0, to: [address("10.0.0.1")])
    #expect(book.resolved(0, to: []).isEmpty)
  }

  @Test func `an address that two origins stand for is one endpoint`() {
    var book = AddressBook([
      OriginSettings(.host("app", port: 3000)), OriginSettings(.host("web", port: 3000)),
      OriginSettings(.host("10.0.0.1", port: 3000)),
    ])
    #expect(listed(book.begin()) == [address("10.0.0.1")])
    // From now on it goes by the name that stands first, as if it had left and come back.
    let first = book.resolved(0, to: [address("10.0.0.1"), address("10.0.0.2")])
    #expect(first.appeared.map(\.authority) == ["app:3000", "app:3000"])
    #expect(first.vanished == [address("10.0.0.1")])
    #expect(book.resolved(1, to: [address("10.0.0.2")]).isEmpty)
    // Gone from one name and still behind others.
    let second = book.resolved(0, to: [address("10.0.0.9")])
    #expect(second.appeared.map(\.authority) == ["app:3000", "web:3000", "10.0.0.1:3000"])
    #expect(book.resolved(1, to: [address("10.0.0.8")]).vanished == [address("10.0.0.2")])
  }

  @Test func `an address that moves to another name is another endpoint`() {
    var book = AddressBook([
      OriginSettings(.host("blue", port: 3000)), OriginSettings(.host("green", port: 3000), weight: 2),
    ])
    _ = book.begin()
    _ = book.resolved(0, to: [address("10.0.0.1")])
    _ = book.resolved(1, to: [address("10.0.0.2")])
    _ = book.resolved(0, to: [address("10.0.0.9")])
    let difference = book.resolved(1, to: [address("10.0.0.1"), address("10.0.0.2")])
    #expect(listed(difference) == [address("10.0.0.1")])
    #expect(difference.appeared.first?.authority == "green:3000")
    let moved = book.resolved(0, to: [address("10.0.0.2")])
    #expect(moved.appeared.first?.authority == "blue:3000")
    #expect(moved.vanished.contains(address("10.0.0.2")))
  }
}
