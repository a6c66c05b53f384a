internal import Base

/// The head of a final answer.
struct AnswerHead {
  enum Length {
    /// The head does not tell: there is no body, or it ends by closing.
    case untold
    case bytes(Int)
    case chunked
  }
  enum Persistence { case keepAlive, keepAliveHTTP10, close }

  let status: Int
  let contentType: StaticString
  let length: Length
  let hasTrailer: Bool
  let persistence: Persistence
  /// Whole lines.
  let fieldLines: [UInt8]

  /// - Parameter keepAlive: the whole line of the Keep-Alive field, empty for none.
  func write(date: borrowing ByteBuffer, _ identity: Identity, keepAlive: [UInt8], to out: inout ByteBuffer) {
    out.append("HTTP/1.1 ")
    out.append(decimal: status)
    out.append(" ")
    out.append(AnswerHead.phrase(status))
    out.append("\r\nDate: ")
    out.append(date)
    out.append("\r\nX-Served-By: ")
    out.append(contentsOf: identity.servedBy)
    if status != 204, status != 304 {
      out.append("\r\nContent-Type: ")
      out.append(contentType)
    }
    switch length {
    case .untold: break
    case .bytes(let count):
      out.append("\r\nContent-Length: ")
      out.append(decimal: count)
    case .chunked:
      out.append("\r\nTransfer-Encoding: chunked")
      if hasTrailer { out.append("\r\nTrailer: X-Checksum") }
    }
    out.append("\r\n")
    switch persistence {
    case .keepAlive: out.append(contentsOf: keepAlive)
    case .keepAliveHTTP10:
      out.append("Connection: keep-alive\r\n")
      out.append(contentsOf: keepAlive)
    case .close: out.append("Connection: close\r\n")
    }
    out.append(contentsOf: fieldLines)
    out.append("\r\n")
  }

  /// Appends a whole benchmark answer: a constant, with no more fields than it needs.
  static func writeSmall(_ size: Int, keepAlive: [UInt8], to out: inout ByteBuffer) {
    out.append("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ")
    out.append(decimal: size)
    out.append("\r\n")
    out.append(contentsOf: keepAlive)
    out.append("\r\n")
    let letters = Pattern.letters.block
    out.append(letters.span, from: 0, to: size)
  }

  /// Appends an answer to what could not be understood; the connection ends with it.
  static func writeRefusal(_ status: Int, reason: String, to out: inout ByteBuffer) {
    out.append("HTTP/1.1 ")
    out.append(decimal: status)
    out.append(" ")
    out.append(phrase(status))
    out.append("\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: ")
    out.append(decimal: reason.utf8.count + 1)
    out.append("\r\n\r\n")
    out.append(text: reason)
    out.append("\n")
  }

  static func phrase(_ status: Int) -> StaticString {
    switch status {
    case 200: "OK"
    case 201: "Created"
    case 202: "Accepted"
    case 204: "No Content"
    case 205: "Reset Content"
    case 206: "Partial Content"
    case 301: "Moved Permanently"
    case 302: "Found"
    case 303: "See Other"
    case 304: "Not Modified"
    case 307: "Temporary Redirect"
    case 308: "Permanent Redirect"
    case 400: "Bad Request"
    case 401: "Unauthorized"
    case 403: "Forbidden"
    case 404: "Not Found"
    case 405: "Method Not Allowed"
    case 408: "Request Timeout"
    case 409: "Conflict"
    case 410: "Gone"
    case 413: "Content Too Large"
    case 414: "URI Too Long"
    case 417: "Expectation Failed"
    case 421: "Misdirected Request"
    case 422: "Unprocessable Content"
    case 426: "Upgrade Required"
    case 429: "Too Many Requests"
    case 431: "Request Header Fields Too Large"
    case 500: "Internal Server Error"
    case 501: "Not Implemented"
    case 502: "Bad Gateway"
    case 503: "Service Unavailable"
    case 504: "Gateway Timeout"
    case 505: "HTTP Version Not Supported"
    default: "Status"
    }
  }
}
