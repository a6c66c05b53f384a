internal import HTTP1

/// What holds for every request head.
struct RequestHeadCheck: HeadCheck {
  let limits: Limits
  let textsBeforeFields = 2

  func verdict(_ bytes: Span<UInt8>, _ table: inout FieldTable, _ limits: Limits) -> Verdict {
    switch RequestHead.parse(bytes, into: &table, limits: limits) {
    case .incomplete: return .incomplete
    case .failed(let error):
      require((400...599).contains(error.status))
      return .refused(status: error.status)
    case .complete(let head):
      checkPlaces(bytes, head, table)
      checkMeaning(head, table)
      return .accepted(facts(bytes, head, table))
    }
  }

  private func checkPlaces(_ bytes: Span<UInt8>, _ head: RequestHead, _ table: borrowing FieldTable) {
    require(table.count <= limits.fieldCountMax)
    require(head.end <= bytes.count)
    Places.check(head.methodRange, after: 0, before: head.targetRange.lowerBound - 1)
    Places.check(head.targetRange, after: head.methodRange.upperBound + 1, before: head.fieldsStart - 11)
    require(!head.methodRange.isEmpty && !head.targetRange.isEmpty)
    for place in head.targetRange {
      require(bytes[place] > 0x20 && bytes[place] < 0x7F && bytes[place] != 0x23)
    }
    require(head.pathRange.upperBound == head.targetRange.upperBound)
    Places.check(head.pathRange, after: head.targetRange.lowerBound, before: head.targetRange.upperBound)
    if let authority = head.authorityRange {
      require(!authority.isEmpty)
      if head.targetForm == .absolute {
        Places.check(authority, after: head.targetRange.lowerBound + 7, before: head.pathRange.lowerBound)
      } else {
        Places.check(authority, after: head.fieldsStart, before: head.end)
      }
    }
    Places.check(table, in: bytes, from: head.fieldsStart, to: head.end)
  }

  private func checkMeaning(_ head: RequestHead, _ table: borrowing FieldTable) {
    require(head.method != .connect)
    require(!table.isRepeated(.host) && !table.isRepeated(.contentLength))
    require(head.isHTTP10 || table.contains(.host))
    require(!(table.contains(.contentLength) && table.contains(.transferEncoding)))
    switch head.framing {
    case .none: require(!table.contains(.transferEncoding))
    case .length(let count): require(count > 0 && table.contains(.contentLength))
    case .chunked: require(table.contains(.transferEncoding) && !head.isHTTP10)
    case .untilClose: unreachable("no request ends with its connection")
    }
    require(!head.expectsContinue || head.framing != .none)
    require(!head.wantsUpgrade || (head.framing == .none && !head.isHTTP10))
    require(!(head.options.contains(.close) && head.isPersistent))
  }

  private func facts(_ bytes: Span<UInt8>, _ head: RequestHead, _ table: borrowing FieldTable) -> Facts {
    var facts = Facts()
    facts.place(head.methodRange, in: bytes)
    facts.place(head.targetRange, in: bytes)
    facts.place(table, in: bytes)
    facts.places += [
      head.pathRange.lowerBound, head.pathRange.upperBound, head.fieldsStart,
      head.authorityRange?.lowerBound ?? -1, head.authorityRange?.upperBound ?? -1,
    ]
    facts.meaning += [
      Int(head.method.rawValue), form(head), head.pathRange.count,
      head.authorityRange?.count ?? -1, head.isHTTP10 ? 0 : 1, head.framing.number,
      Int(head.options.rawValue), head.expectsContinue ? 1 : 0, head.wantsUpgrade ? 1 : 0,
      head.acceptsTrailers ? 1 : 0, head.isPersistent ? 1 : 0,
    ]
    facts.end = head.end
    return facts
  }

  private func form(_ head: RequestHead) -> Int {
    switch head.targetForm {
    case .origin: 0
    case .absolute: 1
    case .asterisk: 2
    }
  }

  func startLine(_ bytes: Span<UInt8>, _ facts: Facts) -> [UInt8] {
    // The version ends two bytes before the fields; what is copied is the version alone.
    let version = facts.places[3] + 1
    return facts.texts[0] + [0x20] + facts.texts[1] + [0x20] + bytes.array(version..<(version + 8))
      + [0x0D, 0x0A]
  }
}
