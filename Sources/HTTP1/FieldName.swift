internal import Base

/// The field names that some room treats specially; `other` is every other name.
///
/// Known names are compared by their letters alone, folded to lower case (RFC 9110 §5.1).
public enum FieldName: UInt8, Sendable {
  case other = 0
  case host
  case connection
  case contentLength
  case transferEncoding
  case te
  case trailer
  case upgrade
  case expect
  case keepAlive
  case proxyConnection
  case via
  case date
  case server
  case xForwardedFor
  case xForwardedProto
  case xForwardedHost
  case forwarded
  case userAgent
  case referer
  case contentType
  case maxForwards
  case http2Settings
  case authorization
  case cookie
  case setCookie
  case cacheControl
  case age
  case contentEncoding
  case contentRange
  case proxyAuthenticate
  case proxyAuthorization
  case authenticationInfo
  case xRealIP
  case location
  case range
  case ifRange
  case ifMatch
  case ifNoneMatch
  case ifModifiedSince
  case ifUnmodifiedSince
  case etag
  case lastModified
  case expires
  case vary
  case pragma
  case cdnCacheControl
  case proxyAuthenticationInfo
  case cacheStatus
  case contentLocation
  case cacheGroups
  case cacheGroupInvalidation
  case cdnLoop
  case traceParent
  case xRequestID
  case xPoweredBy
  case xFrameOptions
  case referrerPolicy
  case xContentTypeOptions
  case strictTransportSecurity

  /// A bit of its own for each known name, for sets of names in one word.
  @inlinable public var bit: UInt64 { 1 << UInt64(rawValue) }

  /// Finds the name at `bytes[start..<end]`, which must be a token (RFC 9110 §5.6.2).
  ///
  /// The constants are the lower-case name in little-endian words of eight letters, the last padded
  /// with 0x20: one load and one comparison a word. Only letters, digits and `-` occur in known names,
  /// and no other token character folds onto those.
  public static func find(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> FieldName {
    let count = end - start
    let first = ByteScan.foldedWord(bytes, at: start, count: min(8, count))
    return count <= 8 ? findShort(first, count) : findLong(bytes, start, first, count)
  }

  private static func findShort(_ first: UInt64, _ count: Int) -> FieldName {
    switch count {
    case 2:
      if first == 0x2020_2020_2020_6574 { return .te }
    case 3:
      if first == 0x2020_2020_2061_6976 { return .via }
      if first == 0x2020_2020_2065_6761 { return .age }
    case 4:
      if first == 0x2020_2020_6761_7465 { return .etag }
      if first == 0x2020_2020_7972_6176 { return .vary }
      if first == 0x2020_2020_7473_6f68 { return .host }
      if first == 0x2020_2020_6574_6164 { return .date }
    case 5:
      if first == 0x2020_2065_676e_6172 { return .range }
    case 6:
      if first == 0x2020_616d_6761_7270 { return .pragma }
      if first == 0x2020_7463_6570_7865 { return .expect }
      if first == 0x2020_7265_7672_6573 { return .server }
      if first == 0x2020_6569_6b6f_6f63 { return .cookie }
    case 7:
      if first == 0x2073_6572_6970_7865 { return .expires }
      if first == 0x2072_656c_6961_7274 { return .trailer }
      if first == 0x2065_6461_7267_7075 { return .upgrade }
      if first == 0x2072_6572_6566_6572 { return .referer }
    case 8:
      if first == 0x6567_6e61_722d_6669 { return .ifRange }
      if first == 0x6863_7461_6d2d_6669 { return .ifMatch }
      if first == 0x6e6f_6974_6163_6f6c { return .location }
      if first == 0x706f_6f6c_2d6e_6463 { return .cdnLoop }
    default: break
    }
    return .other
  }

  private static func findLong(_ bytes: Span<UInt8>, _ start: Int, _ first: UInt64, _ count: Int) -> FieldName
  {
    switch count {
    case 9:
      let second = ByteScan.foldedWord(bytes, at: start + 8, count: 1)
      if first == 0x6564_7261_7772_6f66, second == 0x2020_2020_2020_2064 { return .forwarded }
      if first == 0x692d_6c61_6572_2d78, second == 0x2020_2020_2020_2070 { return .xRealIP }
    case 10:
      let second = ByteScan.foldedWord(bytes, at: start + 8, count: 2)
      if first == 0x6974_6365_6e6e_6f63, second == 0x2020_2020_2020_6e6f { return .connection }
      if first == 0x696c_612d_7065_656b, second == 0x2020_2020_2020_6576 { return .keepAlive }
      if first == 0x6567_612d_7265_7375, second == 0x2020_2020_2020_746e { return .userAgent }
      if first == 0x6b6f_6f63_2d74_6573, second == 0x2020_2020_2020_6569 { return .setCookie }
    case 11:
      let second = ByteScan.foldedWord(bytes, at: start + 8, count: 3)
      if first == 0x7261_7065_6361_7274, second == 0x2020_2020_2074_6e65 { return .traceParent }
    case 12:
      let second = ByteScan.foldedWord(bytes, at: start + 8, count: 4)
      if first == 0x7365_7571_6572_2d78, second == 0x2020_2020_6469_2d74 { return .xRequestID }
      if first == 0x6572_6577_6f70_2d78, second == 0x2020_2020_7962_2d64 { return .xPoweredBy }
      if first == 0x7473_2d65_6863_6163, second == 0x2020_2020_7375_7461 { return .cacheStatus }
      if first == 0x7267_2d65_6863_6163, second == 0x2020_2020_7370_756f { return .cacheGroups }
      if first == 0x2d74_6e65_746e_6f63, second == 0x2020_2020_6570_7974 { return .contentType }
      if first == 0x7772_6f66_2d78_616d, second == 0x2020_2020_7364_7261 { return .maxForwards }
    case 13:
      let second = ByteScan.foldedWord(bytes, at: start + 8, count: 5)
      if first == 0x2d65_6e6f_6e2d_6669, second == 0x2020_2068_6374_616d { return .ifNoneMatch }
      if first == 0x646f_6d2d_7473_616c, second == 0x2020_2064_6569_6669 { return .lastModified }
      if first == 0x7a69_726f_6874_7561, second == 0x2020_206e_6f69_7461 { return .authorization }
      if first == 0x6f63_2d65_6863_6163, second == 0x2020_206c_6f72_746e { return .cacheControl }
      if first == 0x2d74_6e65_746e_6f63, second == 0x2020_2065_676e_6172 { return .contentRange }
    case 14:
      let second = ByteScan.foldedWord(bytes, at: start + 8, count: 6)
      if first == 0x2d74_6e65_746e_6f63, second == 0x2020_6874_676e_656c { return .contentLength }
      if first == 0x6573_2d32_7074_7468, second == 0x2020_7367_6e69_7474 { return .http2Settings }
    case 15:
      let second = ByteScan.foldedWord(bytes, at: start + 8, count: 7)
      if first == 0x2d65_6d61_7266_2d78, second == 0x2073_6e6f_6974_706f { return .xFrameOptions }
      if first == 0x7265_7272_6566_6572, second == 0x2079_6369_6c6f_702d { return .referrerPolicy }
      if first == 0x7261_7772_6f66_2d78, second == 0x2072_6f66_2d64_6564 { return .xForwardedFor }
    case 16:
      let second = ByteScan.foldedWord(bytes, at: start + 8, count: 8)
      if first == 0x2d74_6e65_746e_6f63, second == 0x6e6f_6974_6163_6f6c { return .contentLocation }
      if first == 0x6f63_2d79_786f_7270, second == 0x6e6f_6974_6365_6e6e { return .proxyConnection }
      if first == 0x7261_7772_6f66_2d78, second == 0x7473_6f68_2d64_6564 { return .xForwardedHost }
      if first == 0x2d74_6e65_746e_6f63, second == 0x676e_6964_6f63_6e65 { return .contentEncoding }
    default: return findLongest(bytes, start, first, count)
    }
    return .other
  }

  private static func findLongest(
    _ bytes: Span<UInt8>, _ start: Int, _ first: UInt64, _ count: Int
  ) -> FieldName {
    switch count {
    case 17:
      let second = ByteScan.foldedWord(bytes, at: start + 8, count: 8)
      let third = ByteScan.foldedWord(bytes, at: start + 16, count: 1)
      if first == 0x6669_646f_6d2d_6669,
        second == 0x636e_6973_2d64_6569,
        third == 0x2020_2020_2020_2065
      {
        return .ifModifiedSince
      }
      if first == 0x6863_6163_2d6e_6463,
        second == 0x6f72_746e_6f63_2d65,
        third == 0x2020_2020_2020_206c
      {
        return .cdnCacheControl
      }
      if first == 0x7265_6673_6e61_7274, second == 0x6e69_646f_636e_652d, third == 0x2020_2020_2020_2067 {
        return .transferEncoding
      }
      if first == 0x7261_7772_6f66_2d78, second == 0x746f_7270_2d64_6564, third == 0x2020_2020_2020_206f {
        return .xForwardedProto
      }
    case 18:
      let second = ByteScan.foldedWord(bytes, at: start + 8, count: 8)
      let third = ByteScan.foldedWord(bytes, at: start + 16, count: 2)
      if first == 0x7561_2d79_786f_7270, second == 0x6163_6974_6e65_6874, third == 0x2020_2020_2020_6574 {
        return .proxyAuthenticate
      }
    case 19:
      let second = ByteScan.foldedWord(bytes, at: start + 8, count: 8)
      let third = ByteScan.foldedWord(bytes, at: start + 16, count: 3)
      if first == 0x646f_6d6e_752d_6669,
        second == 0x6973_2d64_6569_6669,
        third == 0x2020_2020_2065_636e
      {
        return .ifUnmodifiedSince
      }
      if first == 0x7561_2d79_786f_7270, second == 0x7461_7a69_726f_6874, third == 0x2020_2020_206e_6f69 {
        return .proxyAuthorization
      }
      if first == 0x6974_6e65_6874_7561, second == 0x692d_6e6f_6974_6163, third == 0x2020_2020_206f_666e {
        return .authenticationInfo
      }
    default: return findWidest(bytes, start, first, count)
    }
    return .other
  }

  private static func findWidest(
    _ bytes: Span<UInt8>, _ start: Int, _ first: UInt64, _ count: Int
  ) -> FieldName {
    switch count {
    case 22:
      let second = ByteScan.foldedWord(bytes, at: start + 8, count: 8)
      let third = ByteScan.foldedWord(bytes, at: start + 16, count: 6)
      if first == 0x6e65_746e_6f63_2d78, second == 0x6f2d_6570_7974_2d74, third == 0x2020_736e_6f69_7470 {
        return .xContentTypeOptions
      }
    case 24:
      let second = ByteScan.foldedWord(bytes, at: start + 8, count: 8)
      let third = ByteScan.foldedWord(bytes, at: start + 16, count: 8)
      if first == 0x7267_2d65_6863_6163,
        second == 0x6176_6e69_2d70_756f,
        third == 0x6e6f_6974_6164_696c
      {
        return .cacheGroupInvalidation
      }
    case 25:
      let second = ByteScan.foldedWord(bytes, at: start + 8, count: 8)
      let third = ByteScan.foldedWord(bytes, at: start + 16, count: 8)
      let fourth = ByteScan.foldedWord(bytes, at: start + 24, count: 1)
      if first == 0x7561_2d79_786f_7270,
        second == 0x6163_6974_6e65_6874,
        third == 0x666e_692d_6e6f_6974,
        fourth == 0x2020_2020_2020_206f
      {
        return .proxyAuthenticationInfo
      }
      if first == 0x742d_7463_6972_7473, second == 0x7472_6f70_736e_6172, third == 0x7469_7275_6365_732d,
        fourth == 0x2020_2020_2020_2079
      {
        return .strictTransportSecurity
      }
    default: break
    }
    return .other
  }
}
