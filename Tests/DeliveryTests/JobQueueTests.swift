import TestSupport
import Testing

@testable import Delivery

@Suite("Whose turn it is") struct JobQueueTests {
  private func all(_ queue: inout JobQueue, now: Int64 = 0) -> [Int64] {
    var rows: [Int64] = []
    while let row = queue.next(now: now) { rows.append(row) }
    return rows
  }

  @Test func `origins take turns`() {
    var queue = JobQueue(placesMax: 100, placesPerOrigin: 100)
    for row in 1...6 as ClosedRange<Int64> {
      queue.add(row: row, due: 0, origin: row <= 4 ? "a" : "b", lane: 0, now: 0)
    }
    #expect(all(&queue) == [1, 5, 2, 6, 3, 4])
  }

  @Test func `each has its places, and all together have theirs`() {
    var queue = JobQueue(placesMax: 5, placesPerOrigin: 2)
    known(&queue, ["a"] + (11...20).map { "o\($0)" })
    for row in 1...10 as ClosedRange<Int64> { queue.add(row: row, due: 0, origin: "a", lane: 0, now: 0) }
    #expect(all(&queue) == [1, 2])
    for row in 11...20 as ClosedRange<Int64> {
      queue.add(row: row, due: 0, origin: "o\(row)", lane: 0, now: 0)
    }
    #expect(all(&queue).count == 3)
    queue.finish(1, now: 0)
    #expect(all(&queue).count == 1)
    #expect(queue.count == 19)
  }

  @Test func `nothing begins before it is due`() {
    var queue = JobQueue(placesMax: 10, placesPerOrigin: 10)
    queue.add(row: 1, due: 100, origin: "a", lane: 0, now: 0)
    queue.add(row: 2, due: 50, origin: "a", lane: 0, now: 0)
    #expect(all(&queue, now: 49).isEmpty)
    #expect(queue.nextDue == 50)
    #expect(all(&queue, now: 50) == [2])
    queue.postpone(2, due: 80, now: 50)
    #expect(all(&queue, now: 79).isEmpty)
    #expect(all(&queue, now: 200) == [2, 1])
    #expect(queue.oldestAge(now: 300) == 0)
  }

  @Test func `a lane goes one by one in its order, whatever is postponed`() {
    var queue = JobQueue(placesMax: 10, placesPerOrigin: 10)
    for row in [3, 1, 2] as [Int64] { queue.add(row: row, due: 0, origin: "a", lane: 7, now: 0) }
    queue.add(row: 9, due: 0, origin: "a", lane: 8, now: 0)
    // The first that was there is the head, the others follow by their rows.
    #expect(all(&queue) == [3, 9])
    queue.postpone(3, due: 10, now: 0)
    #expect(all(&queue).isEmpty)
    #expect(all(&queue, now: 10) == [3])
    queue.finish(3, now: 10)
    #expect(all(&queue, now: 10) == [1])
    queue.finish(1, now: 10)
    #expect(all(&queue, now: 10) == [2])
    queue.finish(2, now: 10)
    queue.add(row: 12, due: 0, origin: "a", lane: 7, now: 10)
    #expect(all(&queue, now: 10) == [12])
  }

  /// Jobs for as many origins, all of which have answered before.
  private func known(_ queue: inout JobQueue, _ names: [String]) {
    for (index, name) in names.enumerated() {
      let row = Int64(1_000_000 + index)
      queue.add(row: row, due: 0, origin: name, lane: 0, now: 0)
      #expect(all(&queue) == [row])
      queue.noted(row, isAnswered: true)
      queue.finish(row, now: 0)
    }
  }

  private func crowd(_ queue: inout JobQueue, _ names: [String]) {
    for (index, name) in names.enumerated() {
      for row in 1...20 as ClosedRange<Int64> {
        queue.add(row: Int64(index) * 100 + row, due: 0, origin: name, lane: 0, now: 0)
      }
    }
  }

  @Test func `origins that only fail leave places to others, however they fail`() {
    var queue = JobQueue(placesMax: 16, placesPerOrigin: 8)
    let names = ["a", "b", "c", "d"]
    known(&queue, names + ["well"])
    crowd(&queue, names)
    // All are good, and have all places; then none of them answers any more.
    for _ in 0..<4 {
      for row in all(&queue) {
        queue.noted(row, isAnswered: false)
        queue.postpone(row, due: 0, now: 0)
      }
    }
    let held = all(&queue)
    #expect(held.count == 8)
    #expect(queue.inDoubt == 8)
    for row in 5001...5020 as ClosedRange<Int64> {
      queue.add(row: row, due: 0, origin: "well", lane: 0, now: 0)
    }
    #expect(all(&queue) == Array(5001...5008))
    // One that answers is as good as any.
    queue.noted(held[0], isAnswered: true)
    queue.finish(held[0], now: 0)
    for row in 5001...5008 as ClosedRange<Int64> { queue.finish(row, now: 0) }
    #expect(all(&queue).count == 9)
  }

  @Test func `those that nobody knows never get the last places`() {
    var queue = JobQueue(placesMax: 16, placesPerOrigin: 8)
    known(&queue, ["well"])
    crowd(&queue, (0..<20).map { "unknown\($0)" })
    #expect(all(&queue).count == 12)
    // Who answered once is remembered, though it had nothing to do meanwhile.
    known(&queue, ["well"])
    #expect(queue.inDoubt == 12)
  }

  @Test func `a new one that answers does not wait among those that hold on`() {
    var queue = JobQueue(placesMax: 16, placesPerOrigin: 8)
    crowd(&queue, ["new"])
    let first = all(&queue)
    #expect(first == [1, 2])
    for index in 1...30 as ClosedRange<Int64> {
      for row in 1...5 as ClosedRange<Int64> {
        queue.add(row: index * 100 + row, due: 0, origin: "holds on \(index)", lane: 0, now: 0)
      }
    }
    #expect(all(&queue).count == 10)
    queue.finish(1, now: 0)
    // Its place went to the next in the list, and it has one more in that list.
    #expect(all(&queue).count == 1)
    queue.noted(2, isAnswered: true)
    queue.finish(2, now: 0)
    #expect(all(&queue).filter { $0 <= 20 } == [3, 4, 5, 6])
  }

  @Test func `one that answered and now holds on to all it gets is in doubt`() {
    var queue = JobQueue(placesMax: 16, placesPerOrigin: 8)
    known(&queue, ["a", "b", "well"])
    crowd(&queue, ["a", "b"])
    let held = all(&queue)
    #expect(held.count == 16)
    for row in held { queue.notedSlow(row) }
    #expect(queue.inDoubt == 16)
    for row in held[..<8] { queue.postpone(row, due: 0, now: 0) }
    // Only those that are well get what is free now.
    #expect(all(&queue).isEmpty)
    known(&queue, ["well"])
  }

  @Test func `the places of those in doubt are counted right, whatever happens`() {
    var random = SeededGenerator(seed: 11)
    var queue = JobQueue(placesMax: 12, placesPerOrigin: 6)
    var (row, begun) = (Int64(0), [Int64]())
    for step in 0..<20_000 as Range<Int64> {
      switch Int.random(in: 0..<6, using: &random) {
      case 0, 1:
        row += 1
        let name = "\(Int.random(in: 0..<9, using: &random))"
        queue.add(
          row: row, due: step + Int64.random(in: 0..<20, using: &random), origin: name, lane: 0, now: step)
      case 2: if let next = queue.next(now: step) { begun.append(next) }
      case 3: begun.randomElement(using: &random).map { queue.notedSlow($0) }
      default:
        guard let at = begun.indices.randomElement(using: &random) else { continue }
        let done = begun.remove(at: at)
        queue.noted(done, isAnswered: Bool.random(using: &random))
        if Bool.random(using: &random) {
          queue.finish(done, now: step)
        } else {
          queue.postpone(done, due: step + 5, now: step)
        }
      }
      #expect((0...begun.count).contains(queue.inDoubt))
    }
    for row in begun { queue.finish(row, now: 20_000) }
    #expect(queue.inDoubt == 0)
    // Nothing is forgotten.
    var left = queue.count
    while let row = queue.next(now: 30_000) {
      queue.finish(row, now: 30_000)
      left -= 1
    }
    #expect(left == 0)
  }

  @Test func `whoever waits behind one that is taken out of its lane goes on`() {
    var queue = JobQueue(placesMax: 10, placesPerOrigin: 10)
    for row in 1...3 as ClosedRange<Int64> { queue.add(row: row, due: 0, origin: "a", lane: 7, now: 0) }
    queue.remove(1, now: 0)
    #expect(all(&queue) == [2])
    queue.finish(2, now: 0)
    #expect(all(&queue) == [3])
  }

  @Test func `what waits is taken out, wherever it is`() {
    var queue = JobQueue(placesMax: 10, placesPerOrigin: 10)
    for row in 1...5 as ClosedRange<Int64> {
      queue.add(row: row, due: 100, origin: "a", lane: row < 4 ? 7 : 0, now: 0)
    }
    queue.remove(2, now: 0)
    queue.remove(4, now: 0)
    queue.remove(1, now: 0)
    queue.remove(99, now: 0)
    #expect(queue.count == 2)
    #expect(Set(all(&queue, now: 100)) == [3, 5])
  }

  @Test func `what is for much later costs nothing while others come and go`() {
    var queue = JobQueue(placesMax: 10, placesPerOrigin: 10)
    queue.add(row: 1, due: 1_000_000, origin: "a", lane: 0, now: 0)
    for row in 2...5000 as ClosedRange<Int64> {
      queue.add(row: row, due: 0, origin: "a", lane: 0, now: 0)
      #expect(all(&queue) == [row])
      queue.finish(row, now: 0)
    }
    #expect(queue.alarmCount <= 2)
    #expect(all(&queue, now: 1_000_000) == [1])
  }

  @Test func `heaps give the least, after any history`() {
    var random = SeededGenerator(seed: 3)
    for _ in 0..<200 {
      var (heap, model) = (Heap<Int>(), [Int]())
      for _ in 0..<200 {
        let value = Int.random(in: 0..<50, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0:
          #expect(
            heap.pop() == model.min().map { least in model.remove(at: model.firstIndex(of: least) ?? 0) })
        case 1:
          let isThere = model.firstIndex(of: value).map { model.remove(at: $0) } != nil
          #expect(heap.remove { $0 == value } == isThere)
        default:
          heap.push(value)
          model.append(value)
        }
        #expect(heap.first == model.min())
      }
    }
  }

  @Test func `a recovered queue is what was left`() {
    var recovery = Recovery()
    recovery.origins = ["a", "b"]
    recovery.entries = (1...1000).map {
      QueueEntry(row: $0, due: 0, origin: Int32($0 % 2), lane: $0 % 10 == 0 ? 5 : 0)
    }
    var queue = JobQueue(placesMax: 10_000, placesPerOrigin: 10_000)
    queue.recover(recovery, now: 0)
    #expect(queue.count == 1000)
    #expect(all(&queue).count == 901)
  }

  /// Against a list of all jobs, in a thousand random histories.
  @Test func `any history keeps the rules`() throws {
    for seed in 0..<1000 as Range<UInt64> {
      var random = SeededGenerator(seed: seed)
      let (places, each) = (Int.random(in: 1...8, using: &random), Int.random(in: 1...4, using: &random))
      var queue = JobQueue(placesMax: places, placesPerOrigin: each)
      struct Known {
        var due: Int64
        var origin: String
        var lane: Int64
      }
      var (waiting, taken): ([Int64: Known], [Int64: Known]) = ([:], [:])
      var (now, row): (Int64, Int64) = (0, 0)
      for _ in 0..<300 {
        switch Int.random(in: 0..<5, using: &random) {
        case 0, 1:
          row += 1
          let job = Known(
            due: now + Int64.random(in: -5...20, using: &random),
            origin: "o\(Int.random(in: 0..<4, using: &random))",
            lane: Int64.random(in: 0...3, using: &random))
          queue.add(row: row, due: job.due, origin: job.origin, lane: job.lane, now: now)
          waiting[row] = job
        case 2: now += Int64.random(in: 0...10, using: &random)
        case 3:
          while let next = queue.next(now: now) {
            let job = try #require(waiting[next], "seed \(seed)")
            waiting[next] = nil
            #expect(job.due <= now, "seed \(seed)")
            #expect(taken.values.filter { $0.origin == job.origin }.count < each, "seed \(seed)")
            #expect(job.lane == 0 || !taken.values.contains { $0.lane == job.lane }, "seed \(seed)")
            taken[next] = job
          }
          #expect(taken.count <= places, "seed \(seed)")
        default:
          guard let (done, job) = taken.randomElement(using: &random) else { break }
          queue.noted(done, isAnswered: Bool.random(using: &random))
          taken[done] = nil
          if Bool.random(using: &random) {
            queue.finish(done, now: now)
          } else {
            let due = now + Int64.random(in: 0...20, using: &random)
            queue.postpone(done, due: due, now: now)
            waiting[done] = Known(due: due, origin: job.origin, lane: job.lane)
          }
        }
        #expect(queue.count == waiting.count + taken.count, "seed \(seed)")
      }
      // And nobody is forgotten: in the end all are done.
      for _ in 0..<2000 where !(waiting.isEmpty && taken.isEmpty) {
        now += 50
        while let next = queue.next(now: now) { taken[next] = waiting.removeValue(forKey: next) }
        for done in taken.keys { queue.finish(done, now: now) }
        taken = [:]
      }
      #expect(waiting.isEmpty, "seed \(seed)")
      #expect(queue.count == 0, "seed \(seed)")
    }
  }
}
