/// Why a message was refused. The raw value is the reason code of the log.
public enum HTTP1Error: String, Error, Sendable {
  // Start lines.
  case malformedRequestLine = "request_line"
  case malformedTarget = "request_target"
  case targetTooLong = "target_too_long"
  case malformedVersion = "version"
  case unsupportedVersion = "version_unsupported"
  case connectRefused = "connect_method"
  case misdirectedScheme = "scheme"
  case malformedStatusLine = "status_line"
  // Fields.
  case headTooLarge = "head_too_large"
  case tooManyFields = "too_many_fields"
  case malformedFieldName = "field_name"
  case malformedFieldValue = "field_value"
  case lineFolding = "line_folding"
  case bareLineFeed = "bare_lf"
  case bareCarriageReturn = "bare_cr"
  case missingHost = "host_missing"
  case duplicateHost = "host_duplicate"
  case malformedHost = "host"
  case unmetExpectation = "expectation"
  // Framing.
  case duplicateContentLength = "content_length_duplicate"
  case malformedContentLength = "content_length"
  case lengthAndTransferEncoding = "length_and_transfer_encoding"
  case unsupportedTransferEncoding = "transfer_encoding"
  case transferEncodingInHTTP10 = "transfer_encoding_http10"
  case malformedChunk = "chunk"
  case chunkExtensionTooLong = "chunk_extension"
  case trailersTooLarge = "trailers_too_large"

  /// The status with which a request is refused. RFC 9110 §15.5 and §15.6.
  public var status: Int {
    switch self {
    case .targetTooLong: 414
    case .headTooLarge, .tooManyFields, .trailersTooLarge: 431
    case .unsupportedVersion: 505
    case .connectRefused: 405
    case .misdirectedScheme: 421
    case .unmetExpectation: 417
    default: 400
    }
  }
}
