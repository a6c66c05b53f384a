internal import Base
internal import Reactor

/// Which names are looked up next.
///
/// The system's resolver has few threads, and cannot be told to stop: names that nobody answers for hold theirs for as
/// long as it has patience. So they leave some to the proxy's own names, and some to those that were found before.
final class LookUps {
  typealias Completion = (Outbound.LookUpResult) -> Void

  private struct Name: Hashable {
    var host: String
    var port: UInt16
  }

  /// Of the eight that the process may have at once (`EventLoop.widenResolver`).
  static let most = 6
  /// Of these, those for names that were not found before.
  static let mostUnknown = 4
  private static let knownMax = 10_000

  private let loop: EventLoop
  private let resolver: Outbound.Resolve
  private var asking: [Name: [Completion]] = [:]
  private var waiting: [Name] = []
  private var waitingUnknown: [Name] = []
  private var underWay = 0
  private var unknownUnderWay = 0
  /// Hosts that were found before.
  private var known: Set<String> = []

  init(on loop: EventLoop, resolver: @escaping Outbound.Resolve) {
    self.loop = loop
    self.resolver = resolver
  }

  /// One look-up for all that ask for the same name at a time.
  func resolve(_ host: String, _ port: UInt16, _ completion: @escaping Completion) {
    let name = Name(host: host, port: port)
    if asking[name] != nil {
      asking[name]?.append(completion)
      return
    }
    asking[name] = [completion]
    if known.contains(host) { waiting.append(name) } else { waitingUnknown.append(name) }
    beginSome()
  }

  private func beginSome() {
    while underWay < LookUps.most {
      if !waiting.isEmpty {
        begin(waiting.removeFirst(), isKnown: true)
      } else if unknownUnderWay < LookUps.mostUnknown, !waitingUnknown.isEmpty {
        begin(waitingUnknown.removeFirst(), isKnown: false)
      } else {
        return
      }
    }
  }

  private func begin(_ name: Name, isKnown: Bool) {
    underWay += 1
    if !isKnown { unknownUnderWay += 1 }
    resolver(name.host, name.port, loop) { [weak self] result in
      guard let self else { return }
      underWay -= 1
      if !isKnown { unknownUnderWay -= 1 }
      note(name.host, result)
      for completion in asking.removeValue(forKey: name) ?? [] { completion(result) }
      beginSome()
    }
  }

  private func note(_ host: String, _ result: Outbound.LookUpResult) {
    guard case .success(let addresses) = result, !addresses.isEmpty else {
      known.remove(host)
      return
    }
    if known.count >= LookUps.knownMax { known = [] }
    known.insert(host)
  }
}
