import Base
import TestSupport
import Testing

@testable import Cache

@Suite("The cache store") struct CacheStoreTests {
  private let start = Instant(milliseconds: 1_000_000)

  private func store(_ bytes: Int) -> CacheStore {
    var settings = CacheSettings()
    settings.bytesMax = bytes
    return CacheStore(settings)
  }

  private func put(_ store: CacheStore, _ key: [UInt8], _ response: StoredResponse) -> Bool {
    store.insert(response, key, ByteHash.of(key.span))
  }

  @Test func `what was put in comes out until it is invalidated`() {
    let store = store(16 << 20)
    let key = Array("a\0/x".utf8)
    #expect(put(store, key, answer(seconds: 60, bytes: 10, at: start)))
    #expect(store.get(key, at: start)?.body.count == 10)
    store.invalidate(ByteHash.of(key.span), now: start.advanced(by: .seconds(1)))
    #expect(store.get(key, at: start) == nil)
    #expect(store.statistics.bytes == CacheStore.fixedBytes)
    #expect(store.statistics.entries == 0)
  }

  @Test func `what was asked for before an invalidation is not stored after it`() {
    let store = store(16 << 20)
    let key = Array("a\0/x".utf8)
    let old = answer(seconds: 60, bytes: 10, at: start)
    store.invalidate(ByteHash.of(key.span), now: start.advanced(by: .seconds(1)))
    #expect(!put(store, key, old))
    #expect(put(store, key, answer(seconds: 60, bytes: 10, at: start.advanced(by: .seconds(2)))))
  }

  @Test func `what is removed is gone from memory at once`() {
    let store = store(16 << 20)
    let key = Array("a\0/x".utf8)
    weak var replaced: StoredResponse?
    weak var invalidated: StoredResponse?
    do {
      let first = answer(seconds: 60, bytes: 1000, at: start)
      let second = answer(seconds: 60, bytes: 1000, at: start)
      (replaced, invalidated) = (first, second)
      #expect(put(store, key, first))
      #expect(put(store, key, second))
    }
    #expect(replaced == nil && invalidated != nil)
    store.invalidate(ByteHash.of(key.span), now: start)
    #expect(invalidated == nil)
  }

  @Test func `groups go together`() {
    let store = store(16 << 20)
    let keys = (0..<3).map { Array("a\0/\($0)".utf8) }
    #expect(put(store, keys[0], answer(seconds: 60, bytes: 1, at: start, fields: ["Cache-Groups: \"g\""])))
    #expect(
      put(store, keys[1], answer(seconds: 60, bytes: 1, at: start, fields: ["Cache-Groups: \"h\", \"g\""])))
    #expect(put(store, keys[2], answer(seconds: 60, bytes: 1, at: start, fields: ["Cache-Groups: \"h\""])))
    var group = ByteBuffer()
    group.append("a\0g")
    store.invalidate(groups: [ByteHash.of(group)], now: start.advanced(by: .seconds(1)))
    #expect(keys.map { store.get($0, at: start) == nil } == [true, true, false])
  }

  @Test func `a purge takes all that fits and nothing else`() {
    let store = store(16 << 20)
    for path in ["/a/1", "/a/2", "/b"] {
      #expect(put(store, Array("h\0\(path)".utf8), answer(seconds: 60, bytes: 1, at: start)))
    }
    let prefix = Array("h\0/a/".utf8)
    #expect(store.purge(now: start) { $0.starts(with: prefix) } == 2)
    #expect(store.get(Array("h\0/b".utf8), at: start) != nil)
  }

  @Test func `variants stand beside each other, and one takes the place of its like`() {
    let store = store(16 << 20)
    let key = Array("a\0/x".utf8)
    for (value, mark) in [("1", 1), ("2", 2), ("1", 3)] {
      let variant = answer(
        seconds: 60, bytes: 5, at: start, fields: ["Vary: Foo"], request: ["Foo: \(value)"], mark: UInt8(mark)
      )
      #expect(put(store, key, variant))
    }
    var buffer = ByteBuffer()
    buffer.append(contentsOf: key)
    let found = store.find(buffer, ByteHash.of(key.span), now: start)
    #expect(found.variants.map { $0.body[0] }.sorted() == [2, 3])
    #expect(store.statistics.entries == 2)
  }

  @Test func `a sweep removes what nobody can use`() {
    let store = store(16 << 20)
    let key = Array("a\0/x".utf8)
    #expect(
      put(store, key, answer(seconds: 1, bytes: 5, at: start, fields: ["Cache-Control: must-revalidate"])))
    store.sweep(4096, now: start)
    #expect(store.statistics.entries == 1)
    store.sweep(4096, now: start.advanced(by: .seconds(2)))
    #expect(store.statistics.entries == 0)
    #expect(store.statistics.expired == 1)
  }

  @Test func `one leads and others follow until the end`() throws {
    let store = store(16 << 20)
    let key = Array("a\0/x".utf8)
    let hash = ByteHash.of(key.span)
    let first = try #require(store.lead(key, hash))
    let second = try #require(store.lead(key, hash))
    #expect(first.isLeader && !second.isLeader && first.filling === second.filling)
    store.end(first.filling, hash)
    #expect(try #require(store.lead(key, hash)).isLeader)
  }

  /// Some thousand keys with sizes, lifetimes, variants, invalidations, purges and sweeps in any order: the
  /// limit holds after each, and what comes out is what was put in last and what the rules still allow. Each of
  /// the seeds lives some eight hours.
  @Test(arguments: 1...8) func `a long life keeps to its limit and its rules`(_ seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let limit = 4 << 20
    let store = store(limit)
    var now = start
    var truth: [Int: (mark: UInt8, storedAt: Instant, seconds: Int, groups: Bool)] = [:]
    var groupsGoneAt = Instant(milliseconds: 0)
    let operations = 20_000
    for step in 0..<operations {
      now = now.advanced(by: Interval(milliseconds: UInt64.random(in: 1...3000, using: &random)))
      let number = Int.random(in: 0..<3000, using: &random)
      let key = Array("host\0/\(number)".utf8)
      let hash = ByteHash.of(key.span)
      switch Int.random(in: 0..<100, using: &random) {
      case 0..<45:
        if let found = store.get(key, at: now) {
          let known = truth[number]
          #expect(known?.mark == found.body.first, "seed \(seed), step \(step)")
          let age = Int(now.since(known!.storedAt).milliseconds / 1000)
          let reuse = found.head.reuse(by: RequestDirectives(), at: now)
          let expected = age < known!.seconds ? Reuse.fresh(known!.seconds - age) : .validate
          #expect(reuse == expected, "seed \(seed), step \(step)")
          if known?.groups == true { #expect(known!.storedAt > groupsGoneAt, "seed \(seed), step \(step)") }
        }
      case 45..<90:
        let mark = UInt8.random(in: .min ... .max, using: &random)
        let size = Int.random(in: 1...(1 << Int.random(in: 4...16, using: &random)), using: &random)
        let isGrouped = Bool.random(using: &random)
        let seconds = Int.random(in: 1...600, using: &random)
        let response = answer(
          seconds: seconds, bytes: size, at: now,
          fields: isGrouped ? ["Cache-Groups: \"g\""] : [], mark: mark)
        if put(store, key, response) { truth[number] = (mark, now, seconds, isGrouped) }
      case 90..<96:
        store.invalidate(hash, now: now)
        #expect(store.get(key, at: now) == nil, "seed \(seed), step \(step)")
        truth[number] = nil
      case 96..<98: store.sweep(256, now: now)
      case 98:
        var group = ByteBuffer()
        group.append("a\0g")
        store.invalidate(groups: [ByteHash.of(group)], now: now)
        groupsGoneAt = now
      default:
        let prefix = Array("host\0/\(number / 10)".utf8)
        _ = store.purge(now: now) { $0.starts(with: prefix) }
        for other in truth.keys where Array("host\0/\(other)".utf8).starts(with: prefix) {
          truth[other] = nil
        }
      }
      #expect(store.statistics.bytes <= limit, "seed \(seed), step \(step)")
    }
  }
}
