internal import Base

/// Why a request was not taken. RFC 9457.
struct Problem: Error, Equatable {
  var status: Int
  /// A whole sentence.
  var detail: String
  /// The member of the request that is wrong, as a path: `retry.max`.
  var member: String?
  /// What it should have been.
  var expected: String?
  /// Seconds after which it may be tried again.
  var retryAfter: Int?
  /// The methods that are served, of a 405.
  var allow: String?

  init(
    _ status: Int, _ detail: String, member: String? = nil, expected: String? = nil, retryAfter: Int? = nil
  ) {
    self.status = status
    self.detail = detail
    self.member = member
    self.expected = expected
    self.retryAfter = retryAfter
  }

  /// A member with the wrong value.
  static func member(_ name: String, _ problem: String, expected: String) -> Problem {
    Problem(422, "\(name) \(problem); expected \(expected)", member: name, expected: expected)
  }

  var body: ByteBuffer {
    var json = JSONWriter()
    json.beginObject()
    json.member("type", text: "about:blank")
    json.member("title", text: Problem.title(status))
    json.member("status", number: status)
    json.member("detail", text: detail)
    if let member { json.member("member", text: member) }
    if let expected { json.member("expected", text: expected) }
    json.endObject()
    return json.take()
  }

  /// RFC 9110 §15, RFC 6585.
  static func title(_ status: Int) -> String {
    switch status {
    case 200: "OK"
    case 202: "Accepted"
    case 400: "Bad Request"
    case 401: "Unauthorized"
    case 404: "Not Found"
    case 405: "Method Not Allowed"
    case 408: "Request Timeout"
    case 409: "Conflict"
    case 411: "Length Required"
    case 413: "Content Too Large"
    case 414: "URI Too Long"
    case 415: "Unsupported Media Type"
    case 417: "Expectation Failed"
    case 421: "Misdirected Request"
    case 422: "Unprocessable Content"
    case 431: "Request Header Fields Too Large"
    case 500: "Internal Server Error"
    case 501: "Not Implemented"
    case 503: "Service Unavailable"
    case 505: "HTTP Version Not Supported"
    default: "Error"
    }
  }
}
