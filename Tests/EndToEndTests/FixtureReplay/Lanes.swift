import Foundation
import TestSupport

/// Runs the cases of a table on a few threads, each with a proxy of its own.
enum Lanes {
  /// Sends of each case beside the whole one: cut in two at places drawn with this seed.
  static let seed: UInt64 = 9112
  static let splitCount = 4

  /// Replays every case whole and split. Returns what went wrong, a line for each.
  /// - Parameters:
  ///   - make: what a thread works with: its proxy and origin.
  ///   - replay: one case; `split` is `nil` for the whole. Throws what went wrong.
  static func run<Case: Sendable & CustomStringConvertible, Lane>(
    _ cases: [Case], bytes: @escaping @Sendable (Case) -> [UInt8],
    make: @escaping @Sendable () throws -> Lane,
    replay: @escaping @Sendable (Case, _ split: Int?, Lane) throws -> Void
  ) throws -> [String] {
    let laneCount = 4
    let failures = Waitable<(lines: [String], endedCount: Int)>(([], 0))
    for number in 0..<laneCount {
      Thread.detachNewThread {
        do {
          var lane = try make()
          for index in stride(from: number, to: cases.count, by: laneCount) {
            for split in [nil] + splits(bytes(cases[index]), index) {
              do {
                try replay(cases[index], split, lane)
              } catch {
                let place = split.map { "cut at \($0) (seed \(seed + UInt64(index)))" } ?? "whole"
                failures.withLock { $0.lines.append("\(cases[index]), \(place): \(error)") }
                // What a failed case left behind is not the next one's fault.
                lane = try make()
              }
            }
          }
        } catch {
          failures.withLock { $0.lines.append("lane \(number): \(error)") }
        }
        failures.withLock { $0.endedCount += 1 }
      }
    }
    try failures.wait("the table to be replayed", seconds: 300) { $0.endedCount == laneCount }
    return failures.value.lines
  }

  private static func splits(_ bytes: [UInt8], _ index: Int) -> [Int?] {
    guard bytes.count > 1 else { return [] }
    var generator = SeededGenerator(seed: seed + UInt64(index))
    return (0..<splitCount).map { _ in Int.random(in: 1..<bytes.count, using: &generator) }
  }

  /// Sends `bytes`, in two packets where they are cut.
  static func send(_ bytes: [UInt8], split: Int?, on wire: WireSocket) throws {
    guard let split else { return try wire.send(bytes) }
    try wire.send(Array(bytes[..<split]))
    // Not for order: it lets the other side read the first part alone, most of the time.
    let end = ContinuousClock.now + .microseconds(300)
    while ContinuousClock.now < end {}
    try wire.send(Array(bytes[split...]))
  }
}

/// Why a case failed.
struct ReplayFailure: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// Fails with `what` where `holds` is false.
func require(_ holds: Bool, _ what: @autoclosure () -> String) throws {
  if !holds { throw ReplayFailure(what()) }
}

/// Bytes as text, one character for each.
func latin1(_ bytes: [UInt8]) -> String { String(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) })) }
