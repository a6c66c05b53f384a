internal import Base

/// Which job is next. Pure: told the time, it hands out rows.
///
/// Fair between origins: those that have something due take turns, each with so many jobs at a time, so one that never
/// answers holds up its own. Those that are in doubt, because they have not answered yet, or only fail, or take very
/// long, have a quarter of that each, and share three quarters of all places, however many they are: what holds every
/// place it gets until the time is over gets few, and never the last.
struct JobQueue {
  private struct Waiting: Comparable {
    var due: Int64
    var row: Int64
    static func < (one: Waiting, two: Waiting) -> Bool {
      one.due != two.due ? one.due < two.due : one.row < two.row
    }
  }

  private struct Origin {
    var name: String
    var waiting = Heap<Waiting>()
    var inFlight = 0
    /// Attempts in a row that had no answer.
    var failures = 0
    var hasAnswered = false
    /// One of its attempts has gone on for long.
    var isSlow = false
    var isInDoubt: Bool { !hasAnswered || isSlow || failures >= JobQueue.failuresMax }
    var isReady = false
    /// In which of the two lists of turns it is, where it is ready.
    var isListedInDoubt = false
    /// The earliest alarm that is set for it.
    var alarm = Int64.max
    /// Jobs that wait for those before them in their lanes.
    var behind = 0
  }

  /// Jobs that are done one after the other, in the order of their rows.
  private struct Lane {
    struct Member: Comparable {
      var row: Int64
      var due: Int64
      var origin: Int32
      static func < (one: Member, two: Member) -> Bool { one.row < two.row }
    }
    /// The one whose turn it is.
    var head: Int64
    var waiting = Heap<Member>()
  }

  private struct Taken {
    var origin: Int32
    var lane: Int64
  }

  private struct Alarm: Comparable {
    var due: Int64
    var origin: Int32
    static func < (one: Alarm, two: Alarm) -> Bool { one.due < two.due }
  }

  private var origins: [Origin] = []
  private var free: [Int32] = []
  private var byName: [String: Int32] = [:]
  /// Origins without jobs that answered when they had some.
  private var known: Set<String> = []
  private static let knownMax = 10_000
  private var lanes: [Int64: Lane] = [:]
  /// The lanes of rows that have one.
  private var laneOf: [Int64: Int64] = [:]
  /// Origins with something due and a place for it, in their turn.
  private var ready = Turns()
  private var readyInDoubt = Turns()
  private var isDoubtNext = false
  private var alarms = Heap<Alarm>()
  private var taken: [Int64: Taken] = [:]
  /// Of those under way, the ones that are for origins in doubt.
  private(set) var inDoubt = 0

  let placesMax: Int
  let placesPerOrigin: Int
  private var placesInDoubt: Int { placesMax - placesMax / 4 }
  private var placesPerOriginInDoubt: Int { (placesPerOrigin + 3) / 4 }
  /// Jobs that are not finished, those under way included.
  private(set) var count = 0

  static let failuresMax = 3

  init(placesMax: Int, placesPerOrigin: Int) {
    self.placesMax = placesMax
    self.placesPerOrigin = placesPerOrigin
  }

  var inFlight: Int { taken.count }
  var alarmCount: Int { alarms.count }

  func isInFlight(_ row: Int64) -> Bool { taken[row] != nil }

  /// When something is due that is not yet, in milliseconds since 1970.
  var nextDue: Int64? { alarms.first?.due }

  /// The longest that a job has been due, in milliseconds.
  func oldestAge(now: Int64) -> Int64 {
    origins.reduce(0) { age, origin in max(age, origin.waiting.first.map { now - $0.due } ?? 0) }
  }

  // MARK: In

  mutating func add(row: Int64, due: Int64, origin name: String, lane: Int64, now: Int64) {
    count += 1
    add(row: row, due: due, origin: index(of: name), lane: lane, now: now)
  }

  private mutating func add(row: Int64, due: Int64, origin: Int32, lane: Int64, now: Int64) {
    if lane != 0 {
      laneOf[row] = lane
      if lanes[lane] != nil {
        lanes[lane]?.waiting.push(Lane.Member(row: row, due: due, origin: origin))
        origins[Int(origin)].behind += 1
        return
      }
      lanes[lane] = Lane(head: row)
    }
    wait(row: row, due: due, origin: origin, now: now)
  }

  /// All at once, at a start.
  mutating func recover(_ recovery: Recovery, now: Int64) {
    let indices = recovery.origins.map { index(of: $0) }
    count += recovery.entries.count
    for entry in recovery.entries {
      add(row: entry.row, due: entry.due, origin: indices[Int(entry.origin)], lane: entry.lane, now: now)
    }
  }

  private mutating func index(of name: String) -> Int32 {
    if let index = byName[name] { return index }
    let index: Int32
    if let spare = free.popLast() {
      index = spare
      origins[Int(index)] = Origin(name: name)
    } else {
      index = Int32(origins.count)
      origins.append(Origin(name: name))
    }
    byName[name] = index
    origins[Int(index)].hasAnswered = known.remove(name) != nil
    return index
  }

  private mutating func wait(row: Int64, due: Int64, origin: Int32, now: Int64) {
    let at = Int(origin)
    let before = origins[at].waiting.first?.due
    origins[at].waiting.push(Waiting(due: due, row: row))
    if due <= now {
      makeReady(origin, now: now)
    } else if before.map({ due < $0 }) ?? true {
      setAlarm(due, origin)
    }
  }

  /// One at a time is enough, the earliest: a later one is set when it has rung.
  private mutating func setAlarm(_ due: Int64, _ origin: Int32) {
    guard due < origins[Int(origin)].alarm else { return }
    origins[Int(origin)].alarm = due
    alarms.push(Alarm(due: due, origin: origin))
  }

  private func hasPlace(_ origin: Int32) -> Bool {
    let origin = origins[Int(origin)]
    return origin.inFlight < (origin.isInDoubt ? placesPerOriginInDoubt : placesPerOrigin)
  }

  private mutating func makeReady(_ origin: Int32, now: Int64) {
    let at = Int(origin)
    guard !origins[at].isReady, hasPlace(origin), let first = origins[at].waiting.first else { return }
    guard first.due <= now else { return setAlarm(first.due, origin) }
    origins[at].isReady = true
    list(origin)
  }

  private mutating func list(_ origin: Int32) {
    origins[Int(origin)].isListedInDoubt = origins[Int(origin)].isInDoubt
    if origins[Int(origin)].isInDoubt { readyInDoubt.append(origin) } else { ready.append(origin) }
  }

  // MARK: Out

  /// A row whose turn it is. It is under way then, until `finish` or `postpone`.
  mutating func next(now: Int64) -> Int64? {
    while let alarm = alarms.first, alarm.due <= now {
      _ = alarms.pop()
      // One that was set before an earlier one, or for an origin that is gone, changes nothing.
      if origins[Int(alarm.origin)].alarm == alarm.due { origins[Int(alarm.origin)].alarm = .max }
      makeReady(alarm.origin, now: now)
    }
    guard taken.count < placesMax else { return nil }
    while let origin = nextOrigin() {
      let at = Int(origin)
      origins[at].isReady = false
      guard hasPlace(origin), let first = origins[at].waiting.first, first.due <= now else {
        makeReady(origin, now: now)
        continue
      }
      _ = origins[at].waiting.pop()
      origins[at].inFlight += 1
      if origins[at].isInDoubt { inDoubt += 1 }
      taken[first.row] = Taken(origin: origin, lane: laneOf[first.row] ?? 0)
      makeReady(origin, now: now)
      return first.row
    }
    return nil
  }

  /// From the two lists in turn, as long as there are places for them.
  private mutating func nextOrigin() -> Int32? {
    while true {
      let mayDoubt = inDoubt < placesInDoubt && !readyInDoubt.isEmpty
      guard mayDoubt || !ready.isEmpty else { return nil }
      let takesDoubt = mayDoubt && (isDoubtNext || ready.isEmpty)
      guard let origin = takesDoubt ? readyInDoubt.pop() : ready.pop() else { return nil }
      let at = Int(origin)
      // It was listed anew since.
      guard origins[at].isReady, origins[at].isListedInDoubt == takesDoubt else { continue }
      guard origins[at].isInDoubt == takesDoubt else {
        list(origin)
        continue
      }
      isDoubtNext = !takesDoubt
      return origin
    }
  }

  /// Whether the attempt had an answer.
  mutating func noted(_ row: Int64, isAnswered: Bool) {
    change(row) { origin in
      origin.failures = isAnswered ? 0 : origin.failures + 1
      origin.hasAnswered = origin.hasAnswered || isAnswered
      if isAnswered { origin.isSlow = false }
    }
  }

  /// The attempt has gone on for long: who answered once and then only holds on is in doubt again, until an answer.
  mutating func notedSlow(_ row: Int64) { change(row) { $0.isSlow = true } }

  private mutating func change(_ row: Int64, _ edit: (inout Origin) -> Void) {
    guard let taken = taken[row] else { return }
    let at = Int(taken.origin)
    let wasInDoubt = origins[at].isInDoubt
    edit(&origins[at])
    guard wasInDoubt != origins[at].isInDoubt else { return }
    inDoubt += wasInDoubt ? -origins[at].inFlight : origins[at].inFlight
    // At once, or it would wait there among those that hold all places for them.
    if wasInDoubt, origins[at].isReady { list(taken.origin) }
  }

  /// A row under way is done with.
  mutating func finish(_ row: Int64, now: Int64) {
    guard let taken = release(row, now: now) else { return }
    count -= 1
    leaveLane(row, taken.lane, now: now)
    collect(taken.origin)
  }

  /// A row under way is for later. It stays the head of its lane.
  mutating func postpone(_ row: Int64, due: Int64, now: Int64) {
    guard let taken = release(row, now: now) else { return }
    wait(row: row, due: due, origin: taken.origin, now: now)
  }

  /// Takes a row out that has not begun. Looks through all that wait: for what happens seldom.
  mutating func remove(_ row: Int64, now: Int64) {
    for at in origins.indices where origins[at].waiting.remove(where: { $0.row == row }) {
      count -= 1
      if let lane = laneOf[row] { leaveLane(row, lane, now: now) }
      return collect(Int32(at))
    }
    guard let lane = laneOf[row] else { return }
    var origin: Int32?
    let isGone = lanes[lane]?.waiting.remove { member in
      guard member.row == row else { return false }
      origin = member.origin
      return true
    }
    guard isGone == true, let origin else { return }
    laneOf[row] = nil
    count -= 1
    origins[Int(origin)].behind -= 1
    collect(origin)
  }

  private mutating func release(_ row: Int64, now: Int64) -> Taken? {
    guard let taken = taken.removeValue(forKey: row) else { return nil }
    let at = Int(taken.origin)
    origins[at].inFlight -= 1
    if origins[at].isInDoubt { inDoubt -= 1 }
    makeReady(taken.origin, now: now)
    return taken
  }

  private mutating func leaveLane(_ row: Int64, _ lane: Int64, now: Int64) {
    guard lane != 0 else { return }
    laneOf[row] = nil
    guard lanes[lane]?.head == row else { return }
    guard let next = lanes[lane]?.waiting.pop() else {
      lanes[lane] = nil
      return
    }
    lanes[lane]?.head = next.row
    origins[Int(next.origin)].behind -= 1
    wait(row: next.row, due: next.due, origin: next.origin, now: now)
  }

  /// Forgets an origin that has nothing to do.
  private mutating func collect(_ origin: Int32) {
    let at = Int(origin)
    guard origins[at].waiting.isEmpty, origins[at].inFlight == 0, origins[at].behind == 0,
      !origins[at].isReady,
      !origins[at].name.isEmpty
    else { return }
    byName[origins[at].name] = nil
    if !origins[at].isInDoubt {
      if known.count >= JobQueue.knownMax { known = [] }
      known.insert(origins[at].name)
    }
    origins[at] = Origin(name: "")
    free.append(origin)
  }
}

/// Who came first goes first.
private struct Turns {
  private var origins: [Int32] = []
  private var first = 0

  var isEmpty: Bool { first == origins.count }

  mutating func append(_ origin: Int32) { origins.append(origin) }

  mutating func pop() -> Int32? {
    guard first < origins.count else { return nil }
    defer {
      first += 1
      if first > 1024, first * 2 > origins.count {
        origins.removeFirst(first)
        first = 0
      }
    }
    return origins[first]
  }
}

/// A binary heap: the least comes first.
struct Heap<Element: Comparable> {
  private var elements: [Element] = []

  init() {}

  var first: Element? { elements.first }
  var isEmpty: Bool { elements.isEmpty }
  var count: Int { elements.count }

  mutating func push(_ element: Element) {
    elements.append(element)
    rise(elements.count - 1)
  }

  private mutating func rise(_ start: Int) {
    var at = start
    while at > 0 {
      let parent = (at - 1) / 2
      guard elements[at] < elements[parent] else { break }
      elements.swapAt(at, parent)
      at = parent
    }
  }

  mutating func pop() -> Element? {
    guard let first = elements.first, let last = elements.popLast() else { return nil }
    guard !elements.isEmpty else { return first }
    elements[0] = last
    sink(0)
    return first
  }

  /// Removes one that is meant, and tells whether there was one.
  mutating func remove(where isMeant: (Element) -> Bool) -> Bool {
    guard let at = elements.firstIndex(where: isMeant), let last = elements.popLast() else { return false }
    guard at < elements.count else { return true }
    elements[at] = last
    sink(at)
    rise(at)
    return true
  }

  private mutating func sink(_ start: Int) {
    var at = start
    while true {
      var least = at
      for child in [2 * at + 1, 2 * at + 2] where child < elements.count && elements[child] < elements[least]
      {
        least = child
      }
      if least == at { break }
      elements.swapAt(at, least)
      at = least
    }
  }
}
