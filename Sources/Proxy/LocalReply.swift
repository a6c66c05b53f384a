internal import Base
internal import RateLimit

/// Answers of our own: short, plain, without a word about what is behind us.
enum LocalReply {
  /// Appends a whole response.
  /// - Parameters:
  ///   - detail: a sentence for people that says why.
  ///   - lines: whole field lines to add.
  ///   - isHead: answers HEAD, so the body is left out and only its length told.
  static func write(
    status: Int, detail: StaticString, date: borrowing ByteBuffer, closes: Bool, saysKeepAlive: Bool = false,
    isHead: Bool = false, retryAfterSeconds: Int? = nil, rate: RateDecision? = nil, rateNote: RateNote? = nil,
    id: RequestID? = nil,
    lines: [UInt8] = [],
    to out: inout ByteBuffer
  ) {
    let phrase = reasonPhrase(status)
    // "NNN Phrase: detail\n"
    let bodyCount = 3 + 1 + phrase.utf8CodeUnitCount + 2 + detail.utf8CodeUnitCount + 1
    out.append("HTTP/1.1 ")
    out.append(decimal: status)
    out.append(" ")
    out.append(phrase)
    out.append("\r\nDate: ")
    out.append(date)
    if status == 405 { out.append("\r\nAllow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS") }
    if let retryAfterSeconds {
      out.append("\r\nRetry-After: ")
      out.append(decimal: retryAfterSeconds)
    }
    out.append("\r\n")
    if let rate { rateNote?.append(rate, to: &out) }
    out.append(contentsOf: lines)
    if let id {
      // What whoever is asked why this went wrong looks for in the log.
      out.append("X-Request-Id: ")
      id.append(to: &out)
      out.append("\r\n")
    }
    out.append("Content-Type: text/plain; charset=utf-8\r\nCache-Control: no-store\r\nContent-Length: ")
    out.append(decimal: bodyCount)
    if closes {
      out.append("\r\nConnection: close")
    } else if saysKeepAlive {
      out.append("\r\nConnection: keep-alive")
    }
    out.append("\r\n\r\n")
    if isHead { return }
    out.append(decimal: status)
    out.append(" ")
    out.append(phrase)
    out.append(": ")
    out.append(detail)
    out.append("\n")
  }

  static func reasonPhrase(_ status: Int) -> StaticString {
    switch status {
    case 200: "OK"
    case 308: "Permanent Redirect"
    case 400: "Bad Request"
    case 403: "Forbidden"
    case 404: "Not Found"
    case 405: "Method Not Allowed"
    case 408: "Request Timeout"
    case 413: "Content Too Large"
    case 414: "URI Too Long"
    case 417: "Expectation Failed"
    case 421: "Misdirected Request"
    case 429: "Too Many Requests"
    case 431: "Request Header Fields Too Large"
    case 502: "Bad Gateway"
    case 503: "Service Unavailable"
    case 504: "Gateway Timeout"
    case 505: "HTTP Version Not Supported"
    case 508: "Loop Detected"
    default: "Error"
    }
  }
}
