internal import Base
internal import FoundationEssentials

/// A job as JSON, for whoever asks after it and for callbacks. What was sent is not shown, nor
/// the query of the URL: they may hold secrets.
enum JobPage {
  static func write(_ record: JobRecord, isInFlight: Bool, to json: inout JSONWriter) {
    let job = record.job
    json.beginObject()
    json.member("id", text: job.id.description)
    json.member("state", text: record.state == .pending && isInFlight ? "delivering" : record.state.name)
    json.member("method", text: job.spec.method)
    json.member("url", text: job.spec.destination.textWithoutQuery)
    json.member("accepted_at", at: job.id.milliseconds)
    if record.state == .pending { json.member("due_at", at: record.due) }
    if let finished = record.finished { json.member("finished_at", at: finished) }
    if let key = job.spec.orderingKey { json.member("ordering_key", text: key) }
    if let parent = job.spec.parent { json.member("result_of", text: parent.description) }
    json.name("attempts")
    json.beginArray()
    for attempt in job.outcome.records {
      json.beginObject()
      json.member("at", at: attempt.startedAt)
      json.member("duration_ms", number: Int(clamping: attempt.duration.milliseconds))
      if attempt.status > 0 { json.member("status", number: attempt.status) }
      if !attempt.problem.isEmpty { json.member("error", text: attempt.problem) }
      json.endObject()
    }
    json.endArray()
    if let response = job.outcome.response {
      json.name("response")
      json.beginObject()
      json.member("status", number: response.status)
      json.name("headers")
      json.beginArray()
      for field in response.fields {
        json.beginArray()
        json.element(text: field.name)
        json.element(text: field.value)
        json.endArray()
      }
      json.endArray()
      if let text = String(validating: response.body, as: UTF8.self) {
        json.member("body", text: text)
      } else {
        json.member("body_base64", text: Data(response.body).base64EncodedString())
      }
      if response.isTruncated { json.member("truncated", truth: true) }
      json.endObject()
    }
    json.endObject()
  }

  /// What a callback is told.
  static func result(of record: JobRecord) -> [UInt8] {
    var json = JSONWriter()
    write(record, isInFlight: false, to: &json)
    let body = json.take()
    return body.array()
  }
}
