internal import Base
internal import HTTP1
internal import Observe

/// One line for what became of a job, beside those of the access log.
///
/// Neither queries of URLs nor fields that carry secrets get there.
final class DeliveryLog {
  private static let blockBytes = 32 * 1024
  private static let fieldBytesMax = 2048
  private static let secretFields: Set<String> = [
    "set-cookie", "cookie", "authorization", "proxy-authorization", "www-authenticate", "proxy-authenticate",
    "authentication-info", "x-api-key", "webhook-signature",
  ]

  /// Those that hold URLs.
  private static let urlFields: Set<String> = ["location", "content-location", "link", "refresh"]

  private let sink: (any LineSink)?
  private let isJSON: Bool
  private let bodyBytesMax: Int
  private var buffer = ByteBuffer()

  /// - Parameter sink: `nil` for no lines.
  init(_ sink: (any LineSink)?, isJSON: Bool, bodyBytesMax: Int) {
    self.sink = sink
    self.isJSON = isJSON
    self.bodyBytesMax = bodyBytesMax
  }

  func record(_ job: StoredJob, _ what: String, attempt: Int, _ result: AttemptResult, took: Interval) {
    guard sink != nil else { return }
    var words: [(name: String, value: String)] = [
      ("job", job.id.description), ("state", what), ("method", job.spec.method),
      ("url", job.spec.destination.textWithoutQuery), ("attempt", "\(attempt)"),
      ("total_ms", "\(took.milliseconds)"),
    ]
    switch result {
    case .failed(let failure): words.append(("error", failure.reason))
    case .answered(let response, _):
      words.append(("status", "\(response.status)"))
      words.append(("fields", DeliveryLog.fields(response)))
      words.append(("body", String(decoding: response.body.prefix(bodyBytesMax), as: UTF8.self)))
    }
    let time = Moment.text(Moment.now())
    if isJSON {
      var json = JSONWriter()
      json.beginObject()
      json.member("time", text: time)
      for (name, value) in words { json.member(dynamic: name, text: value) }
      json.endObject()
      let line = json.take()
      buffer.append(line)
    } else {
      buffer.append(text: time)
      buffer.append(" delivery:")
      for (name, value) in words {
        buffer.append(" ")
        buffer.append(text: name)
        buffer.append("=")
        appendWord(value)
      }
    }
    buffer.append("\n")
    if buffer.count >= DeliveryLog.blockBytes { flush() }
  }

  private static func fields(_ response: JobResponse) -> String {
    var text = ""
    for field in response.fields {
      text += "\(text.isEmpty ? "" : "; ")\(field.name): \(shown(field))"
      if text.utf8.count > fieldBytesMax { break }
    }
    return text
  }

  private static func shown(_ field: JobField) -> Substring {
    let name = field.name.lowercased()
    if secretFields.contains(name) { return "…" }
    guard urlFields.contains(name), let mark = field.value.utf8.firstIndex(of: UInt8(ascii: "?")) else {
      return field.value[...]
    }
    return field.value[..<mark] + "?..."
  }

  /// Quoted where it is more than one word; nothing in it ends the line or the word.
  private func appendWord(_ value: String) {
    let isPlain =
      !value.isEmpty && value.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x22 && $0 != 0x5C }
    if isPlain { return buffer.append(text: value) }
    buffer.append("\"")
    for byte in value.utf8 {
      switch byte {
      case 0x22: buffer.append("\\\"")
      case 0x5C: buffer.append("\\\\")
      case 0x20..<0x7F: buffer.append(byte)
      default:
        buffer.append("\\x")
        if byte < 16 { buffer.append("0") }
        buffer.append(hex: Int(byte))
      }
    }
    buffer.append("\"")
  }

  func flush() {
    guard let sink, !buffer.isEmpty else { return }
    sink.submit(ByteBuffer.taking(&buffer))
  }
}
