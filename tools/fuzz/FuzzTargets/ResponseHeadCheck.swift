internal import HTTP1

/// What holds for every response head.
struct ResponseHeadCheck: HeadCheck {
  let limits: Limits
  let method: Method
  let textsBeforeFields = 1

  func verdict(_ bytes: Span<UInt8>, _ table: inout FieldTable, _ limits: Limits) -> Verdict {
    switch ResponseHead.parse(bytes, answering: method, into: &table, limits: limits) {
    case .incomplete: return .incomplete
    // Whatever the fault, the client gets 502.
    case .failed: return .refused(status: 502)
    case .complete(let head):
      checkPlaces(bytes, head, table)
      checkMeaning(head, table)
      return .accepted(facts(bytes, head, table))
    }
  }

  private func checkPlaces(_ bytes: Span<UInt8>, _ head: ResponseHead, _ table: borrowing FieldTable) {
    require(table.count <= limits.fieldCountMax)
    require(head.end <= bytes.count)
    Places.check(head.reasonRange, after: 12, before: head.fieldsStart - 2)
    for place in head.reasonRange {
      require(bytes[place] == 0x09 || (bytes[place] >= 0x20 && bytes[place] != 0x7F))
    }
    Places.check(table, in: bytes, from: head.fieldsStart, to: head.end)
  }

  private func checkMeaning(_ head: ResponseHead, _ table: borrowing FieldTable) {
    require((100...999).contains(head.status))
    require(!table.isRepeated(.contentLength))
    require(!(table.contains(.contentLength) && table.contains(.transferEncoding)))
    if method == .head || head.status < 200 || head.status == 204 || head.status == 304 {
      require(head.framing == .none)
    }
    switch head.framing {
    case .none: break
    case .length(let count): require(count > 0 && table.contains(.contentLength))
    case .chunked: require(table.contains(.transferEncoding) && !head.isHTTP10)
    case .untilClose:
      require(!table.contains(.contentLength) && !table.contains(.transferEncoding))
      require(!head.isPersistent)
    }
  }

  private func facts(_ bytes: Span<UInt8>, _ head: ResponseHead, _ table: borrowing FieldTable) -> Facts {
    var facts = Facts()
    facts.place(head.reasonRange, in: bytes)
    facts.place(table, in: bytes)
    facts.places.append(head.fieldsStart)
    facts.meaning += [
      head.status, head.isHTTP10 ? 0 : 1, head.framing.number, Int(head.options.rawValue),
      head.isPersistent ? 1 : 0, head.isInterim ? 1 : 0,
    ]
    facts.end = head.end
    return facts
  }

  func startLine(_ bytes: Span<UInt8>, _ facts: Facts) -> [UInt8] {
    bytes.array(0..<12) + [0x20] + facts.texts[0] + [0x0D, 0x0A]
  }
}
