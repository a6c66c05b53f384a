import Base
import Testing

@Suite("Confined") struct ConfinedTests {
  /// Counts its own end.
  private struct Guarded: ~Copyable {
    let ended: Counter
    var number = 0
    deinit { ended.count += 1 }
  }
  private final class Counter { var count = 0 }

  @Test func `a value is read and changed in place`() {
    let confined = Confined([1, 2, 3])
    confined.value.append(4)
    confined.value[0] += 9
    #expect(confined.value == [10, 2, 3, 4])
  }

  @Test func `a value that cannot be copied lives as long as its box and ends once`() {
    let counter = Counter()
    do {
      let confined = Confined(Guarded(ended: counter))
      confined.value.number += 5
      #expect(confined.value.number == 5)
      #expect(counter.count == 0)
    }
    #expect(counter.count == 1)
  }

  @Test func `replacing the value ends the one before`() {
    let counter = Counter()
    let confined = Confined(Guarded(ended: counter))
    confined.value = Guarded(ended: counter, number: 7)
    #expect(counter.count == 1)
    #expect(confined.value.number == 7)
  }

  @Test func `two may read at once and one may change afterwards`() {
    let confined = Confined(3)
    func sum(_ left: borrowing Int, _ right: borrowing Int) -> Int { copy left + copy right }
    #expect(sum(confined.value, confined.value) == 6)
    confined.value += 1
    #expect(confined.value == 4)
  }

  #if DEBUG
    @Test func `a change during a change traps`() async {
      await #expect(processExitsWith: .failure) {
        let confined = Confined(1)
        func change(_ value: inout Int, _ body: () -> Void) { body() }
        change(&confined.value) { confined.value += 1 }
      }
    }
  #endif
}
