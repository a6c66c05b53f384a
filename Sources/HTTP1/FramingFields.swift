internal import Base

/// Reads the fields that frame a message, for both directions. RFC 9112 §6.
enum FramingFields {
  enum Result {
    case absent
    case length(Int)
    case chunked
    case failed(HTTP1Error)
  }

  static func read(_ bytes: Span<UInt8>, _ table: borrowing FieldTable, isHTTP10: Bool) -> Result {
    let hasLength = table.contains(.contentLength)
    if table.contains(.transferEncoding) {
      // Both lengths present: a smuggling attempt or a broken peer. RFC 9112 §6.1 allows either refusal
      // or dropping Content-Length; we refuse, so that nobody on the way can disagree about the end.
      if hasLength { return .failed(.lengthAndTransferEncoding) }
      if isHTTP10 { return .failed(.transferEncodingInHTTP10) }
      guard !table.isRepeated(.transferEncoding), let field = table.first(.transferEncoding),
        ASCII.equals(bytes, Int(field.valueStart), Int(field.valueEnd), ignoringCase: "chunked")
      else { return .failed(.unsupportedTransferEncoding) }
      return .chunked
    }
    guard hasLength else { return .absent }
    // Even equal ones: RFC 9110 §8.6 allows to take one, but then a list must be read as well.
    guard !table.isRepeated(.contentLength), let field = table.first(.contentLength) else {
      return .failed(.duplicateContentLength)
    }
    guard let length = parse(bytes, field.valueRange) else { return .failed(.malformedContentLength) }
    return .length(length)
  }

  /// Digits only, at most 19, at most `Int.max`.
  private static func parse(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Int? {
    guard (1...19).contains(range.count) else { return nil }
    var value = 0
    for index in range {
      guard ASCII.isDigit(bytes[index]) else { return nil }
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = product.addingReportingOverflow(Int(bytes[index] - 0x30))
      guard !overflow, !carry else { return nil }
      value = sum
    }
    return value
  }
}
