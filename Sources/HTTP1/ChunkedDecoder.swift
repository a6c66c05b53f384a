public import Base

/// Takes the chunked coding off a body. RFC 9112 §7.1, to the letter.
///
/// Feed any split of the input; the data and the end are the same. Chunk extensions are checked,
/// bounded and dropped. The trailer section is kept, as bytes, for whoever forwards it.
public struct ChunkedDecoder: ~Copyable {
  public enum Event: Equatable {
    /// A run of body bytes in the span that was given.
    case data(Range<Int>)
    /// Every byte was consumed; more are needed.
    case needMore
    /// The body and its trailers ended; the next byte of the connection is at this offset.
    case finished(Int)
    case failed(HTTP1Error)
  }

  private enum State {
    case size, sizeBlank, sizeLineFeed
    case extensionStart, extensionName, extensionNameBlank
    case extensionValueStart, extensionValue, extensionQuoted, extensionEscape, extensionQuotedEnd
    case extensionValueBlank
    case data, dataReturn, dataLineFeed
    case trailers
    case finished
  }

  /// RFC 9112 §7.1.1 leaves the limit to the recipient; nobody uses extensions.
  private static let extensionBytesMax = 256
  private static let extensionBytesTotalMax = 16 * 1024
  private static let sizeDigitsMax = 16

  private var state = State.size
  private var digits = 0
  /// The size being read; then the bytes of data still to come in this chunk.
  private var remaining: UInt64 = 0
  private var extensionBytes = 0
  private var extensionBytesTotal = 0
  /// Where the last line of `trailerBytes` begins.
  private var trailerLineStart = 0
  private let trailerBytesMax: Int

  /// The trailer section with its final empty line, once finished. Two bytes where there are no trailers.
  public private(set) var trailerBytes = ByteBuffer()

  /// Whether the trailer section holds any field.
  public var hasTrailers: Bool { trailerBytes.count > 2 }

  public init(trailerBytesMax: Int) { self.trailerBytesMax = trailerBytesMax }

  /// Body bytes still to come in the current chunk, for whoever reads them by other means.
  public var isFinished: Bool { state == .finished }

  /// Continues at `bytes[position...]` and moves `position` past what was consumed.
  public mutating func next(_ bytes: Span<UInt8>, _ position: inout Int) -> Event {
    while position < bytes.count {
      if state == .data {
        let taken = Int(min(remaining, UInt64(bytes.count - position)))
        let range = position..<(position + taken)
        position += taken
        remaining -= UInt64(taken)
        if remaining == 0 { state = .dataReturn }
        return .data(range)
      }
      if state == .trailers {
        if let event = takeTrailers(bytes, &position) { return event }
        continue
      }
      if state == .finished { return .finished(position) }
      let byte = bytes[position]
      if let error = step(byte) { return .failed(error) }
      position += 1
    }
    return state == .finished ? .finished(position) : .needMore
  }

  private mutating func step(_ byte: UInt8) -> HTTP1Error? {
    switch state {
    case .size: return sizeByte(byte)
    case .sizeLineFeed:
      guard byte == 0x0A else { return .bareCarriageReturn }
      extensionBytesTotal += extensionBytes
      guard extensionBytesTotal <= ChunkedDecoder.extensionBytesTotalMax else {
        return .chunkExtensionTooLong
      }
      extensionBytes = 0
      digits = 0
      state = remaining == 0 ? .trailers : .data
      return nil
    case .dataReturn:
      guard byte == 0x0D else { return byte == 0x0A ? .bareLineFeed : .malformedChunk }
      state = .dataLineFeed
      return nil
    case .dataLineFeed:
      guard byte == 0x0A else { return .bareCarriageReturn }
      state = .size
      return nil
    case .data, .trailers, .finished:
      preconditionFailure("handled by next")
    default:
      extensionBytes += 1
      guard extensionBytes <= ChunkedDecoder.extensionBytesMax else { return .chunkExtensionTooLong }
      return extensionByte(byte)
    }
  }

  private mutating func sizeByte(_ byte: UInt8) -> HTTP1Error? {
    if let value = ASCII.hexValue(byte) {
      digits += 1
      guard digits <= ChunkedDecoder.sizeDigitsMax, remaining <= UInt64(Int.max) >> 4 else {
        return .malformedChunk
      }
      remaining = remaining << 4 | UInt64(value)
      return nil
    }
    guard digits > 0 else { return byte == 0x0A ? .bareLineFeed : .malformedChunk }
    switch byte {
    case 0x0D: state = .sizeLineFeed
    case 0x3B: state = .extensionStart
    case 0x20, 0x09: state = .sizeBlank
    case 0x0A: return .bareLineFeed
    default: return .malformedChunk
    }
    return nil
  }

  /// `*( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] )`. RFC 9112 §7.1.1.
  private mutating func extensionByte(_ byte: UInt8) -> HTTP1Error? {
    let isBlank = Token.isBlank(byte)
    switch state {
    case .sizeBlank, .extensionValueBlank:
      if byte == 0x3B { state = .extensionStart } else if !isBlank { return .malformedChunk }
    case .extensionStart:
      if Token.contains(byte) { state = .extensionName } else if !isBlank { return .malformedChunk }
    case .extensionName:
      if Token.contains(byte) { return nil }
      return afterName(byte, blank: .extensionNameBlank)
    case .extensionNameBlank:
      if byte == 0x3D {
        state = .extensionValueStart
      } else if byte == 0x3B {
        state = .extensionStart
      } else if !isBlank {
        return .malformedChunk
      }
    case .extensionValueStart:
      if byte == 0x22 {
        state = .extensionQuoted
      } else if Token.contains(byte) {
        state = .extensionValue
      } else if !isBlank {
        return .malformedChunk
      }
    case .extensionValue:
      if Token.contains(byte) { return nil }
      return afterValue(byte)
    case .extensionQuoted:
      if byte == 0x22 {
        state = .extensionQuotedEnd
      } else if byte == 0x5C {
        state = .extensionEscape
      } else if !isQuotable(byte) {
        return .malformedChunk
      }
    case .extensionEscape:
      guard isQuotable(byte) else { return .malformedChunk }
      state = .extensionQuoted
    case .extensionQuotedEnd: return afterValue(byte)
    default: preconditionFailure("not inside an extension")
    }
    return nil
  }

  private mutating func afterName(_ byte: UInt8, blank: State) -> HTTP1Error? {
    switch byte {
    case 0x3D: state = .extensionValueStart
    case 0x3B: state = .extensionStart
    case 0x0D: state = .sizeLineFeed
    case 0x20, 0x09: state = blank
    default: return .malformedChunk
    }
    return nil
  }

  private mutating func afterValue(_ byte: UInt8) -> HTTP1Error? {
    byte == 0x3D ? .malformedChunk : afterName(byte, blank: .extensionValueBlank)
  }

  private func isQuotable(_ byte: UInt8) -> Bool { byte == 0x09 || (byte >= 0x20 && byte != 0x7F) }

  /// Keeps trailer lines until the empty one. `nil` when the bytes ran out.
  private mutating func takeTrailers(_ bytes: Span<UInt8>, _ position: inout Int) -> Event? {
    let lineFeed = ByteScan.first(0x0A, in: bytes, from: position)
    let end = min(lineFeed + 1, bytes.count)
    trailerBytes.append(bytes, from: position, to: end)
    position = end
    guard trailerBytes.count <= trailerBytesMax else { return .failed(.trailersTooLarge) }
    guard lineFeed < bytes.count else { return nil }
    let length = trailerBytes.count
    guard length >= 2, trailerBytes.span[length - 2] == 0x0D else { return .failed(.bareLineFeed) }
    // At once, and not when the section is complete: behind "\r\r\n" nobody sends anything more.
    let hasBareReturn = ByteScan.first(0x0D, in: trailerBytes.span, from: trailerLineStart) < length - 2
    guard !hasBareReturn else { return .failed(.bareCarriageReturn) }
    let isEmptyLine = length - trailerLineStart == 2
    trailerLineStart = length
    if isEmptyLine {
      state = .finished
      return .finished(position)
    }
    return nil
  }
}

extension FieldTable {
  /// Reads a trailer section, its final empty line included. `nil` when it is well formed.
  public mutating func parseTrailers(_ bytes: Span<UInt8>, limits: Limits) -> HTTP1Error? {
    removeAll()
    switch FieldParser.parse(bytes, from: 0, into: &self, limits: limits) {
    case .complete(let end): return end == bytes.count ? nil : .malformedChunk
    case .incomplete: return .malformedChunk
    case .failed(let error): return error == .tooManyFields ? .trailersTooLarge : error
    }
  }
}
