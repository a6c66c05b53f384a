internal import Base

/// How the text of a variable becomes a part of the settings, and what is said of its form.
///
/// The bounds of a value are given once, here: the help text, the check and the error quote the same.
struct Reading: Sendable {
  /// The form in a few words: `duration, 1ms to 1h`.
  let form: String
  /// What a refused value should have been: `a duration from 1ms to 1h`.
  let expected: String
  /// Whether a variable that is set to nothing has a meaning: only where that is an empty list.
  let acceptsEmpty: Bool
  /// Returns every refusal there is to make; empty where the settings were changed.
  let apply: @Sendable (_ text: String, _ settings: inout Settings) -> [Refusal]
}

/// Puts a value that was read where it belongs.
typealias Store<Value> = @Sendable (_ settings: inout Settings, _ value: Value) -> Void

extension Reading {
  /// One value, read by `parse`.
  static func value<Value>(
    _ form: String, expected: String, _ parse: @escaping @Sendable (String) throws(Refusal) -> Value,
    store: @escaping Store<Value>
  ) -> Reading {
    Reading(form: form, expected: expected, acceptsEmpty: false) { text, settings in
      do throws(Refusal) {
        store(&settings, try parse(text))
        return []
      } catch {
        return [error]
      }
    }
  }

  /// `250ms`, `1.5s`. Where `bounds` leave out zero, zero is refused as a timeout that nothing survives.
  static func duration(
    from lower: Interval, to upper: Interval, store: @escaping Store<Interval>
  ) -> Reading {
    let range = "\(lower.text) to \(upper.text)"
    return value(
      "duration, \(range)", expected: "a duration (ms, s, m, h or d) from \(range)",
      { text throws(Refusal) in
        let value = try Interval(text: text)
        if value.milliseconds == 0, lower > value {
          throw Refusal(text, "would run out at once; a timeout cannot be switched off")
        }
        if value < lower { throw Refusal(text, "is too short") }
        if value > upper { throw Refusal(text, "is too long") }
        return value
      }, store: store)
  }

  /// `64KiB`, `10MB`. `zero` says what zero means, where it means something.
  static func size(
    from lower: Int, to upper: Int, zero: String? = nil, store: @escaping Store<Int>
  ) -> Reading {
    let range = "\(ByteSize.text(lower)) to \(ByteSize.text(upper))" + (zero.map { ", or 0 for \($0)" } ?? "")
    return value(
      "size, \(range)", expected: "a size (B, kB, KiB, MB, MiB, GB, GiB, TB or TiB) from \(range)",
      { text throws(Refusal) in
        let value = try ByteSize.parse(text)
        if value == 0, zero != nil { return 0 }
        if value < lower { throw Refusal(text, "is too small") }
        if value > upper { throw Refusal(text, "is too large") }
        return value
      }, store: store)
  }

  /// Decimal digits and nothing else.
  static func count(from lower: Int, to upper: Int, store: @escaping Store<Int>) -> Reading {
    let range = "\(lower) to \(upper)"
    return value(
      "number, \(range)", expected: "a whole number from \(range)",
      { text throws(Refusal) in
        guard text.utf8.allSatisfy(ASCII.isDigit) else { throw Refusal(text, "is not a whole number") }
        guard let value = Int(text), value <= upper else { throw Refusal(text, "is too large") }
        if value < lower { throw Refusal(text, "is too small") }
        return value
      }, store: store)
  }

  /// A number, or `off` for 0.
  static func countOrOff(to upper: Int, store: @escaping Store<Int>) -> Reading {
    value(
      "off or a number, 1 to \(upper)", expected: "off, or a whole number from 1 to \(upper)",
      { text throws(Refusal) in
        if text == "off" { return 0 }
        guard text.utf8.allSatisfy(ASCII.isDigit) else { throw Refusal(text, "is neither off nor a number") }
        guard let value = Int(text), value <= upper else { throw Refusal(text, "is too large") }
        if value < 1 { throw Refusal(text, "is too small") }
        return value
      }, store: store)
  }

  /// A path, or several: nothing is looked for there.
  static func path(store: @escaping Store<String>) -> Reading {
    value("path", expected: "a path", { text throws(Refusal) in try readPath(text[...]) }, store: store)
  }

  static func readPath(_ text: Substring) throws(Refusal) -> String {
    guard text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
      throw Refusal(text, "has a control character, which no path should")
    }
    return String(text)
  }

  /// A text that nobody should guess.
  static func secret(from lower: Int, store: @escaping Store<String>) -> Reading {
    value(
      "secret, at least \(lower) characters", expected: "at least \(lower) characters",
      { text throws(Refusal) in
        guard text.isEmpty || text.utf8.count >= lower else {
          throw Refusal(text, "is too short to be a secret")
        }
        guard text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
          throw Refusal(text, "has a control character")
        }
        return text
      }, store: store)
  }

  static func onOff(store: @escaping Store<Bool>) -> Reading {
    value(
      "on or off", expected: "on or off",
      { text throws(Refusal) in
        guard text == "on" || text == "off" else { throw Refusal(text, "is neither on nor off") }
        return text == "on"
      }, store: store)
  }

  /// The raw values of an enumeration.
  static func choice<Value: RawRepresentable<String> & CaseIterable & Sendable>(
    store: @escaping Store<Value>
  ) -> Reading {
    let words = Reading.alternatives(Value.allCases.map(\.rawValue))
    return value(
      words, expected: words,
      { text throws(Refusal) in
        guard let value = Value(rawValue: text) else { throw Refusal(text, "is none of the words") }
        return value
      }, store: store)
  }

  /// Entries apart by `separator`, blanks around them not counted. Every entry that is wrong is told.
  ///
  /// - Parameters:
  ///   - identity: equal for two entries of which only one may be given; `nil` for no such rule.
  ///   - twice: what is wrong with the second of them.
  static func list<Element>(
    _ form: String, expected: String, separator: Character = ",", acceptsEmpty: Bool = false,
    identity: (@Sendable (Element) -> String)? = nil, twice: String = "is given twice",
    _ parse: @escaping @Sendable (Substring) throws(Refusal) -> Element, store: @escaping Store<[Element]>
  ) -> Reading {
    Reading(form: form, expected: expected, acceptsEmpty: acceptsEmpty) { text, settings in
      if text.isEmpty, acceptsEmpty {
        store(&settings, [])
        return []
      }
      let (elements, refusals) = elements(
        of: text, separator: separator, identity: identity, twice: twice, parse)
      if refusals.isEmpty { store(&settings, elements) }
      return refusals
    }
  }

  /// What `list` reads, and why it is refused.
  static func elements<Element>(
    of text: String, separator: Character = ",", identity: ((Element) -> String)?, twice: String,
    _ parse: (Substring) throws(Refusal) -> Element
  ) -> (elements: [Element], refusals: [Refusal]) {
    var elements: [Element] = []
    var identities: Set<String> = []
    var refusals: [Refusal] = []
    var told: Set<Refusal> = []
    for part in text.split(separator: separator, omittingEmptySubsequences: false) {
      let entry = part.withoutBlanks
      do throws(Refusal) {
        guard !entry.isEmpty else { throw Refusal(text, "has an empty entry") }
        let element = try parse(entry)
        if let identity, !identities.insert(identity(element)).inserted { throw Refusal(entry, twice) }
        elements.append(element)
      } catch {
        // Several empty entries are one mistake.
        if told.insert(error).inserted { refusals.append(error) }
      }
    }
    return (elements, refusals)
  }

  private static func alternatives(_ words: [String]) -> String {
    guard words.count > 1, let last = words.last else { return words.joined() }
    return words.dropLast().joined(separator: ", ") + " or " + last
  }
}

extension Substring {
  /// Without the spaces, tabs and line ends at both sides. Line ends, because long lists are written over
  /// several lines in the files that containers are described in.
  var withoutBlanks: Substring {
    let blanks: Set<Character> = [" ", "\t", "\n", "\r", "\r\n"]
    guard let first = firstIndex(where: { !blanks.contains($0) }),
      let last = lastIndex(where: { !blanks.contains($0) })
    else { return "" }
    return self[first...last]
  }
}
