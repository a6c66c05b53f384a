internal import Synchronization

/// An answer on its way into the cache: one writes it, any number on any loop read it as it comes.
///
/// A reader that was told something looks until it is told to wait; it is then told again, once.
public final class Filling: Sendable {
  /// Why there is nothing to be read.
  public enum Release: Sendable {
    /// What came may not be shared: each asks for itself.
    case notCacheable
    /// The origin failed.
    case failed
    /// Who asked has gone before an answer came: another may ask.
    case abandoned
  }

  public enum Look: Sendable {
    /// Nothing new; the listener is called when there is.
    case waiting
    /// First of all: the head, and how long the body will be where that is known.
    case head(StoredHead, length: Int?)
    case chunk([UInt8])
    case complete
    /// The rest of the body will not come.
    case cut
    /// Instead of a body: a stored answer turned out to be good still, or good enough.
    case stored(StoredResponse)
    case released(Release)
  }

  /// What the writer is to do.
  public enum Pressure: Sendable { case go, pause, stop }

  private enum Phase {
    case waiting
    case body(StoredHead, length: Int?)
    case complete(StoredHead, length: Int?)
    case cut(StoredHead, length: Int?)
    case stored(StoredResponse)
    case released(Release)
  }

  private struct Reader {
    var next = 0
    var hasHead = false
    var isTold = false
    let listener: @Sendable () -> Void
  }

  private struct State {
    var phase = Phase.waiting
    var chunks: [[UInt8]] = []
    /// Chunks that all have read and that will not be stored.
    var dropped = 0
    var bytes = 0
    /// Too large to be stored: only passed on, at the pace of the slowest reader.
    var isPassing = false
    var isPaused = false
    var readers: [Int: Reader] = [:]
    var nextReader = 0
    var onRoom: (@Sendable () -> Void)?
  }

  /// How many chunks the slowest reader may be behind where nothing is stored.
  private static let chunksBehindMax = 8

  private let state = Mutex(State())

  public init() {}

  // MARK: Reading

  /// Adds a reader. `listener` is called on any thread, and may only leave a note somewhere.
  public func join(_ listener: @escaping @Sendable () -> Void) -> Int? {
    state.withLock { state in
      // What was dropped cannot be read any more.
      guard !state.isPassing else { return nil }
      state.nextReader += 1
      state.readers[state.nextReader] = Reader(listener: listener)
      return state.nextReader
    }
  }

  public func leave(_ reader: Int) {
    let told = state.withLock { state -> (@Sendable () -> Void)? in
      state.readers[reader] = nil
      // It may have been the one that all waited for.
      if state.isPassing { drop(&state) }
      return room(&state)
    }
    told?()
  }

  public func look(_ reader: Int) -> Look {
    let (look, told) = state.withLock { state -> (Look, (@Sendable () -> Void)?) in
      let seen = take(&state, reader)
      return (seen, room(&state))
    }
    told?()
    return look
  }

  private func take(_ state: inout State, _ reader: Int) -> Look {
    state.readers[reader]?.isTold = false
    guard let known = state.readers[reader] else { return .cut }
    let head: StoredHead
    let length: Int?
    let end: Look
    switch state.phase {
    case .waiting: return .waiting
    case .stored(let response): return .stored(response)
    case .released(let release): return .released(release)
    case .body(let stored, let known): (head, length, end) = (stored, known, .waiting)
    case .complete(let stored, let known): (head, length, end) = (stored, known, .complete)
    case .cut(let stored, let known): (head, length, end) = (stored, known, .cut)
    }
    if !known.hasHead {
      state.readers[reader]?.hasHead = true
      return .head(head, length: length)
    }
    guard known.next < state.dropped + state.chunks.count else { return end }
    let chunk = state.chunks[known.next - state.dropped]
    state.readers[reader]?.next += 1
    if state.isPassing { drop(&state) }
    return .chunk(chunk)
  }

  private func drop(_ state: inout State) {
    let slowest = state.readers.values.reduce(state.dropped + state.chunks.count) { min($0, $1.next) }
    let count = slowest - state.dropped
    guard count > 0 else { return }
    for chunk in state.chunks.prefix(count) { state.bytes -= chunk.count }
    state.chunks.removeFirst(count)
    state.dropped = slowest
  }

  /// Who is to be told that there is room again.
  private func room(_ state: inout State) -> (@Sendable () -> Void)? {
    guard state.isPaused, state.chunks.count < Filling.chunksBehindMax || state.readers.isEmpty else {
      return nil
    }
    state.isPaused = false
    return state.onRoom
  }

  // MARK: Writing

  /// The head is here. `onRoom` is called, on any thread, when a pause is over.
  public func begin(_ head: StoredHead, length: Int?, onRoom: @escaping @Sendable () -> Void) {
    change { state in
      state.phase = .body(head, length: length)
      state.onRoom = onRoom
    }
  }

  /// Appends to the body.
  /// - Parameter isPassing: from now on nothing is stored.
  public func append(_ chunk: [UInt8], isPassing: Bool) -> Pressure {
    change { state in
      state.chunks.append(chunk)
      state.bytes += chunk.count
      if isPassing, !state.isPassing {
        state.isPassing = true
        drop(&state)
      }
    }
    return state.withLock { state in
      guard state.isPassing else { return .go }
      if state.readers.isEmpty { return .stop }
      guard state.chunks.count >= Filling.chunksBehindMax else { return .go }
      state.isPaused = true
      return .pause
    }
  }

  /// The body is whole. Returns it in one piece; `nil` where it was only passed on.
  public func finish() -> [UInt8]? {
    change { state in
      if case .body(let head, let length) = state.phase { state.phase = .complete(head, length: length) }
    }
    return state.withLock { state in
      guard !state.isPassing else { return nil }
      var body: [UInt8] = []
      body.reserveCapacity(state.bytes)
      for chunk in state.chunks { body += chunk }
      return body
    }
  }

  /// The rest of the body will not come.
  public func cut() {
    change { state in
      if case .body(let head, let length) = state.phase { state.phase = .cut(head, length: length) }
    }
  }

  /// There will be no body here. Nothing happens once it began, or once that was said.
  public func release(_ why: Release) {
    change { state in if case .waiting = state.phase { state.phase = .released(why) } }
  }

  /// All may have `response` instead.
  public func release(to response: StoredResponse) {
    change { state in if case .waiting = state.phase { state.phase = .stored(response) } }
  }

  private func change(_ body: (inout State) -> Void) {
    let listeners = state.withLock { state -> [@Sendable () -> Void] in
      body(&state)
      var listeners: [@Sendable () -> Void] = []
      for (id, reader) in state.readers where !reader.isTold {
        state.readers[id]?.isTold = true
        listeners.append(reader.listener)
      }
      return listeners
    }
    for listener in listeners { listener() }
  }
}
