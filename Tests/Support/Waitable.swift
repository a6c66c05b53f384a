internal import Foundation

/// State that test threads share: changed under a lock, waited for with a deadline.
///
/// Unchecked: `state` is touched under `condition`'s lock only.
public final class Waitable<State: Sendable>: @unchecked Sendable {
  private let condition = NSCondition()
  private var state: State

  public init(_ state: State) { self.state = state }

  public var value: State { withLock { $0 } }

  /// Changes the state and wakes who waits for it.
  @discardableResult public func withLock<Result>(_ body: (inout State) throws -> Result) rethrows -> Result {
    condition.lock()
    defer {
      condition.broadcast()
      condition.unlock()
    }
    return try body(&state)
  }

  /// Waits until `isReached` is true of the state.
  /// - Throws: `WireError.timedOut` with `what` when that takes longer than `seconds`.
  public func wait(
    _ what: String, seconds: Double = Patience.seconds, until isReached: (State) -> Bool
  ) throws {
    let deadline = Date(timeIntervalSinceNow: seconds)
    condition.lock()
    defer { condition.unlock() }
    while !isReached(state) {
      guard condition.wait(until: deadline) || isReached(state) else { throw WireError.timedOut(what) }
    }
  }
}

/// A door that one thread opens and others wait at.
public final class Gate: Sendable {
  private let isOpen = Waitable(false)

  public init() {}

  public func open() { isOpen.withLock { $0 = true } }

  public func wait(_ what: String = "a gate to open") throws { try isOpen.wait(what) { $0 } }
}

/// How long a test waits for what must come.
public enum Patience {
  /// Generous: a sanitizer on a busy machine is twenty times slower. Nothing waits that long for what works.
  public static let seconds = 60.0
}

/// What a wire did not do.
public enum WireError: Error, Equatable, CustomStringConvertible {
  /// Waited in vain for this.
  case timedOut(String)
  /// The peer ended its side before this had come.
  case ended(String)
  /// The connection was reset before this had come.
  case reset(String)
  /// A system call failed.
  case system(String, code: Int32)
  /// The bytes are no well-formed message.
  case malformed(String)

  public var description: String {
    switch self {
    case .timedOut(let what): "timed out waiting for \(what)"
    case .ended(let what): "the connection ended before \(what)"
    case .reset(let what): "the connection was reset before \(what)"
    case .system(let call, let code): "\(call): \(unsafe String(cString: strerror(code)))"
    case .malformed(let what): "malformed: \(what)"
    }
  }
}
