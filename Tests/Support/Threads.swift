internal import Foundation

/// Runs `body` on `count` threads at once and waits for all. Throws what the first that failed threw.
public func inThreads(
  _ count: Int, seconds: Double = 3 * Patience.seconds, _ body: @escaping @Sendable (Int) throws -> Void
) throws {
  let failures = Waitable<[(any Error)?]>([])
  for index in 0..<count {
    Thread.detachNewThread {
      do {
        try body(index)
        failures.withLock { $0.append(nil) }
      } catch {
        failures.withLock { $0.append(error) }
      }
    }
  }
  try failures.wait("\(count) threads to end", seconds: seconds) { $0.count == count }
  if let failure = failures.value.compactMap({ $0 }).first { throw failure }
}

/// Asks again and again until `condition` holds. `false` when that takes longer than `seconds`.
public func eventually(seconds: Double = Patience.seconds, _ condition: () throws -> Bool) rethrows -> Bool {
  let deadline = Deadline(seconds: seconds)
  repeat {
    if try condition() { return true }
    Thread.sleep(forTimeInterval: 0.002)
  } while !deadline.isPast
  return false
}

/// Seconds that pass from here on.
public struct Stopwatch: Sendable {
  private let start = ContinuousClock.now
  public init() {}
  public var seconds: Double {
    let (seconds, attoseconds) = start.duration(to: .now).components
    return Double(seconds) + Double(attoseconds) / 1e18
  }
}
