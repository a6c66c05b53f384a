import Testing

@testable import Proxy

@Suite("The budget of client connections") struct ConnectionBudgetTests {
  @Test func `is what was wanted where descriptors abound`() {
    #expect(ConnectionBudget(wanted: 1000, descriptors: 1_000_000).limit == 1000)
  }

  @Test func `is what the descriptors allow where they are few, and at least one`() {
    #expect(ConnectionBudget(wanted: 100_000, descriptors: 4000).limit == 4000)
    #expect(ConnectionBudget(wanted: 100_000, descriptors: 0).limit == 1)
  }

  @Test func `has room until it is used up and again after a release`() {
    let budget = ConnectionBudget(wanted: 2, descriptors: 1000)
    #expect(budget.hasRoom)
    budget.take()
    #expect(budget.hasRoom)
    budget.take()
    #expect(!budget.hasRoom)
    #expect(budget.count == 2)
    budget.release()
    #expect(budget.hasRoom)
    #expect(budget.count == 1)
  }
}
