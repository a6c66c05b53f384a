import Base
import Testing

@testable import Upstream

@Suite("The health of an endpoint") struct HealthMachineTests {
  private func at(_ seconds: UInt64) -> Instant { Instant(milliseconds: seconds * 1000) }

  private func machine(checks: Bool = true) -> HealthMachine {
    var rules = HealthMachine.Rules()
    rules.hasChecks = checks
    return HealthMachine(rules, at: at(0))
  }

  private func availableMachine() -> HealthMachine {
    var machine = machine()
    #expect(machine.checkPassed(at: at(0)) == .admitted)
    return machine
  }

  @Test func `takes traffic after its first good check`() {
    var machine = machine()
    #expect(machine.condition == .unchecked)
    #expect(machine.checkPassed(at: at(1)) == .admitted)
    #expect(machine.condition == .available)
    // It did not come back from anywhere: it starts at its full weight.
    #expect(machine.returnedAt == nil)
  }

  @Test func `takes traffic at once where nothing is checked`() {
    #expect(machine(checks: false).condition == .available)
  }

  @Test func `one bad check keeps out what was never in`() {
    var machine = machine()
    #expect(machine.checkFailed("refused", at: at(1)) == .unhealthy("refused"))
    // It only was not there yet: one good check lets it in, at its full weight.
    #expect(machine.checkPassed(at: at(2)) == .admitted)
    #expect(machine.returnedAt == nil)
  }

  @Test func `leaves after two bad checks in a row and returns after two good ones`() {
    var machine = availableMachine()
    #expect(machine.checkFailed("x", at: at(2)) == nil)
    #expect(machine.checkPassed(at: at(4)) == nil)
    #expect(machine.checkFailed("x", at: at(6)) == nil)
    #expect(machine.checkFailed("y", at: at(8)) == .unhealthy("y"))
    #expect(machine.condition == .unhealthy)
    #expect(machine.checkFailed("y", at: at(9)) == nil)
    #expect(machine.checkPassed(at: at(10)) == nil)
    #expect(machine.checkFailed("y", at: at(11)) == nil)
    #expect(machine.checkPassed(at: at(12)) == nil)
    #expect(machine.checkPassed(at: at(14)) == .returned(after: .seconds(6)))
    #expect(machine.returnedAt == at(14))
  }

  @Test func `a refused connect ejects until checks pass again`() {
    var machine = availableMachine()
    #expect(machine.eject("refused", .connectFailed, at: at(10)) == .ejected("refused", .seconds(10)))
    #expect(machine.condition == .ejected)
    #expect(machine.checkPassed(at: at(11)) == nil)
    #expect(machine.checkPassed(at: at(13)) == .returned(after: .seconds(3)))
  }

  @Test func `checks that pass do not end what requests complained of`() {
    var machine = availableMachine()
    _ = machine.eject("status 503", .requestsFailed, at: at(10))
    for second in 11..<19 { #expect(machine.checkPassed(at: at(UInt64(second))) == nil) }
    #expect(machine.timePassed(at(19)) == nil)
    #expect(machine.timePassed(at(20)) == .returned(after: .seconds(10)))
  }

  @Test func `checks that fail make an ejected one unhealthy`() {
    var machine = availableMachine()
    _ = machine.eject("refused", .connectFailed, at: at(10))
    #expect(machine.checkFailed("refused", at: at(10)) == nil)
    #expect(machine.checkFailed("refused", at: at(12)) == .unhealthy("refused"))
    // It does not return by time now.
    #expect(machine.timePassed(at(60)) == nil)
  }

  @Test func `each ejection is twice as long as the one before`() {
    var machine = availableMachine()
    var now: UInt64 = 100
    var lengths: [UInt64] = []
    for _ in 0..<8 {
      guard case .ejected(_, let length) = machine.eject("x", .requestsFailed, at: at(now)) else {
        Issue.record("not ejected")
        return
      }
      lengths.append(length.milliseconds / 1000)
      now += length.milliseconds / 1000
      #expect(machine.timePassed(at(now)) != nil)
      now += 5
    }
    #expect(lengths == [10, 20, 40, 80, 160, 300, 300, 300])
  }

  @Test func `one that stayed for long is forgiven`() {
    var machine = availableMachine()
    _ = machine.eject("x", .requestsFailed, at: at(10))
    _ = machine.timePassed(at(20))
    #expect(machine.eject("x", .requestsFailed, at: at(1000)) == .ejected("x", .seconds(10)))
  }

  @Test func `only what takes traffic is ejected`() {
    var machine = machine()
    #expect(machine.eject("x", .connectFailed, at: at(1)) == nil)
    _ = machine.checkFailed("x", at: at(1))
    #expect(machine.eject("x", .connectFailed, at: at(2)) == nil)
  }

  @Test func `starts slowly for ten seconds`() {
    #expect(SlowStart.share(returnedAt: nil, now: at(0)) == 10)
    let shares = (0...11).map { SlowStart.share(returnedAt: at(100), now: at(100 + $0)) }
    #expect(shares == [1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10])
  }
}
