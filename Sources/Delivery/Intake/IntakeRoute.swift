internal import Base
internal import Digest

/// What is served where.
enum IntakeRoute {
  private static let pageDefault = 100
  private static let pageMax = 1000

  private enum Place: Equatable {
    case create, createMany, list
    case job(JobID)
    case replay(JobID)
  }

  private static func place(_ path: String, _ settings: DeliverySettings) -> Place? {
    if path == settings.path { return .create }
    if path == settings.path + "s" { return .createMany }
    if path == "/requests" { return .list }
    let parts = path.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count >= 3, parts[0].isEmpty, parts[1] == "requests", let id = JobID(parts[2]) else {
      return nil
    }
    if parts.count == 3 { return .job(id) }
    return parts.count == 4 && parts[3] == "replay" ? .replay(id) : nil
  }

  private static func methods(_ place: Place) -> [String] {
    switch place {
    case .create, .createMany, .replay: ["POST"]
    case .list: ["GET", "HEAD"]
    case .job: ["GET", "HEAD", "DELETE"]
    }
  }

  static func tooLarge(_ server: IntakeServer) -> Problem {
    let most = server.settings.bodyBytesMax
    return Problem(413, "The body is larger than \(most) bytes (SLUICE_ASYNC_MAX_BODY).")
  }

  /// What is wrong with a request before its body is there.
  static func check(_ request: IntakeRequest, bodyBytes: Int, of server: IntakeServer) -> Problem? {
    guard let place = place(request.path, server.settings) else {
      return Problem(404, "There is nothing at this path; POST \(server.settings.path) takes a request.")
    }
    let methods = methods(place)
    guard methods.contains(request.method) else {
      var problem = Problem(405, "Only \(methods.joined(separator: ", ")) is served at this path.")
      problem.allow = methods.joined(separator: ", ")
      return problem
    }
    guard server.admits(request.token) else {
      return Problem(401, "A bearer token is needed that is valid here (SLUICE_ASYNC_TOKEN).")
    }
    guard bodyBytes <= server.settings.bodyBytesMax else { return tooLarge(server) }
    guard place == .create || place == .createMany else { return nil }
    // Also what keeps a page in a browser from posting here: it cannot send JSON to another origin unasked.
    guard isJSON(request.contentType, allowsLines: place == .createMany) else {
      let expected = place == .create ? "application/json" : "application/json or application/x-ndjson"
      return Problem(415, "Content-Type is not \(expected).", expected: expected)
    }
    if request.hasContentCoding { return Problem(415, "Content-Encoding is not taken here.") }
    if let key = request.idempotencyKey, !(1...256).contains(key.utf8.count) {
      return Problem(400, "Idempotency-Key is empty or longer than 256 bytes.", member: "Idempotency-Key")
    }
    return nil
  }

  private static func isJSON(_ type: String?, allowsLines: Bool) -> Bool {
    guard let type else { return false }
    // As nearly all write it.
    if type == "application/json" { return true }
    let essence = type.prefix { $0 != ";" }.lowercased().filter { $0 != " " && $0 != "\t" }
    if essence == "application/json" || essence.hasPrefix("application/") && essence.hasSuffix("+json") {
      return true
    }
    let lines = [
      "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines",
    ]
    return allowsLines && lines.contains(essence)
  }

  static func answer(
    _ request: IntakeRequest, _ body: [UInt8], of server: IntakeServer,
    _ reply: @escaping (consuming IntakeAnswer) -> Void
  ) {
    guard let place = place(request.path, server.settings) else {
      return reply(IntakeAnswer(Problem(404, "Gone.")))
    }
    do throws(Problem) {
      switch place {
      case .create:
        let job = try server.decoder.request(body)
        create([job], isBatch: false, request, body, of: server, reply)
      case .createMany:
        let jobs = try server.decoder.batch(body)
        create(jobs, isBatch: true, request, body, of: server, reply)
      case .list: try list(request, of: server, reply)
      case .job(let id):
        if request.method == "DELETE" { cancel(id, of: server, reply) } else { show(id, of: server, reply) }
      case .replay(let id):
        server.deliverer.replay(id) { answer in
          guard case .replayed(_, let record, let isChanged) = answer else { return reply(refusal(answer)) }
          changed(id, record, isChanged, "is not finished, and not to be replayed", of: server, reply)
        }
      }
    } catch {
      server.deliverer.countRefusal()
      reply(IntakeAnswer(error))
    }
  }

  // MARK: Creating

  private static func create(
    _ jobs: [JobRequest], isBatch: Bool, _ request: IntakeRequest, _ body: [UInt8], of server: IntakeServer,
    _ reply: @escaping (consuming IntakeAnswer) -> Void
  ) {
    let claim = request.idempotencyKey.map {
      let digest = SHA256()
      digest.begin()
      digest.add(Array(request.path.utf8).span)
      digest.add(body.span)
      return IdempotencyClaim(key: $0, digest: digest.finish())
    }
    server.deliverer.accept(jobs, claim) { answer in
      switch answer {
      case .accepted(_, let jobs): reply(accepted(jobs.map(\.id), isBatch: isBatch))
      case .repeated(_, let ids): reply(accepted(ids, isBatch: isBatch))
      default:
        server.deliverer.countRefusal()
        reply(refusal(answer))
      }
    }
  }

  private static func accepted(_ ids: [JobID], isBatch: Bool) -> IntakeAnswer {
    var json = JSONWriter()
    json.beginObject()
    if isBatch {
      json.name("ids")
      json.beginArray()
      for id in ids { json.element(text: id.description) }
      json.endArray()
    } else if let id = ids.first {
      json.member("id", text: id.description)
    }
    json.member("status", text: "accepted")
    json.endObject()
    return IntakeAnswer(202, json.take(), location: isBatch ? nil : ids.first.map { "/requests/\($0)" })
  }

  private static func refusal(_ answer: StoreAnswer) -> IntakeAnswer {
    guard case .refused(_, let refusal) = answer else {
      return IntakeAnswer(Problem(500, "The store is confused."))
    }
    switch refusal {
    case .claimedOtherwise:
      return IntakeAnswer(
        Problem(422, "The Idempotency-Key was used for another request.", member: "Idempotency-Key"))
    case .full:
      return IntakeAnswer(
        Problem(503, "There is no room for more requests; nothing was accepted.", retryAfter: 5))
    case .damaged:
      return IntakeAnswer(Problem(500, "The request is stored, but damaged: it cannot be read any more."))
    case .broken(let reason):
      return IntakeAnswer(
        Problem(503, "The request cannot be stored; nothing was accepted: \(reason).", retryAfter: 5))
    }
  }

  // MARK: Looking

  private static func show(
    _ id: JobID, of server: IntakeServer, _ reply: @escaping (consuming IntakeAnswer) -> Void
  ) {
    server.deliverer.look(for: id) { answer in
      guard case .job(_, let record) = answer else { return reply(refusal(answer)) }
      guard let record else { return reply(unknown(id)) }
      reply(IntakeAnswer(200, page(record, of: server)))
    }
  }

  private static func page(_ record: JobRecord, of server: IntakeServer) -> ByteBuffer {
    var json = JSONWriter()
    JobPage.write(record, isInFlight: server.deliverer.isInFlight(record.job.id), to: &json)
    return json.take()
  }

  private static func unknown(_ id: JobID) -> IntakeAnswer {
    IntakeAnswer(Problem(404, "There is no request \(id); finished ones are kept for a while."))
  }

  private static func list(
    _ request: IntakeRequest, of server: IntakeServer, _ reply: @escaping (consuming IntakeAnswer) -> Void
  ) throws(Problem) {
    var (state, below, count): (JobState?, Int64, Int) = (nil, .max, pageDefault)
    for pair in request.query.split(separator: "&") {
      let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let value = parts.count == 2 ? String(parts[1]) : ""
      switch parts[0] {
      case "state":
        guard let known = JobState(name: value) else {
          throw Problem(
            400, "state is none.", member: "state", expected: "pending, delivered, dead or cancelled")
        }
        state = known
      case "before":
        guard let id = JobID(value) else {
          throw Problem(
            400, "before is no id.", member: "before", expected: "the id that the last page ended with")
        }
        below = id.row
      case "limit":
        guard let number = Int(value), (1...pageMax).contains(number) else {
          throw Problem(400, "limit is out of range.", member: "limit", expected: "1 to \(pageMax)")
        }
        count = number
      default:
        throw Problem(400, "The query has an unknown parameter.", expected: "state, before and limit")
      }
    }
    let wanted = count
    server.deliverer.list(state, below: below, count: wanted) { answer in
      guard case .page(_, let records, let next) = answer else { return reply(refusal(answer)) }
      var json = JSONWriter()
      json.beginObject()
      json.name("requests")
      json.beginArray()
      for record in records {
        JobPage.write(record, isInFlight: server.deliverer.isInFlight(record.job.id), to: &json)
      }
      json.endArray()
      if let next {
        json.member(
          "next",
          text: "/requests?before=\(next)&limit=\(wanted)" + (state.map { "&state=\($0.name)" } ?? ""))
      }
      json.endObject()
      reply(IntakeAnswer(200, json.take()))
    }
  }

  // MARK: Changing

  private static func cancel(
    _ id: JobID, of server: IntakeServer, _ reply: @escaping (consuming IntakeAnswer) -> Void
  ) {
    let begun = "has begun, and cannot be cancelled"
    let isAsked = server.deliverer.cancel(id) { answer in
      guard case .cancelled(_, let record, let isChanged) = answer else { return reply(refusal(answer)) }
      changed(id, record, isChanged, "is finished, and cannot be cancelled", of: server, reply)
    }
    if !isAsked { reply(IntakeAnswer(Problem(409, "The request \(id) \(begun)."))) }
  }

  private static func changed(
    _ id: JobID, _ record: JobRecord?, _ isChanged: Bool, _ otherwise: String, of server: IntakeServer,
    _ reply: (consuming IntakeAnswer) -> Void
  ) {
    guard let record else { return reply(unknown(id)) }
    guard isChanged else { return reply(IntakeAnswer(Problem(409, "The request \(id) \(otherwise)."))) }
    reply(IntakeAnswer(200, page(record, of: server)))
  }
}
