public import Base

/// What a load test is to do. Every number has been checked by whoever made it.
public struct LoadPlan: Sendable {
  /// In turn, as often as their weights say.
  public var targets: [LoadTarget]
  /// Requests under way at once at most, over all threads.
  public var connections = 64
  public var threads = 1
  /// Requests a second over all threads, started on schedule whatever the answers do. `nil`: each
  /// connection sends its next request when it has its answer.
  public var rate: Double?
  /// How long requests are started. `nil` where their number alone ends the test.
  public var duration: Interval? = .seconds(10)
  /// How many requests are started, the warm-up's not counted.
  public var requests: Int?
  /// Time before that, in which requests are made and not counted.
  public var warmup = Interval(milliseconds: 0)
  /// For one request, connecting included.
  public var timeout = Interval.seconds(10)
  public var keepsAlive = true
  /// Whether certificates are checked, and by whose word: a PEM file, or the system's where that is `nil`.
  public var verifies = true
  public var authorities: String?
  /// Whether TLS sessions are taken up again by new connections.
  public var resumes = true
  /// Statuses that are right. Empty: all below 500.
  public var expectedStatuses: Set<Int> = []
  /// SHA-256 of the body that every answer must have.
  public var expectedDigest: [UInt8]?
  /// The field that names the backend that answered, in lower case.
  public var spreadField = Array("x-served-by".utf8)

  public init(targets: [LoadTarget]) {
    precondition(!targets.isEmpty)
    self.targets = targets
  }

  /// The order of the targets: a cycle in which each stands as often as its weight, spread evenly.
  var cycle: [Int] {
    var credit = targets.map { _ in 0 }
    let total = targets.reduce(0) { $0 + $1.weight }
    return (0..<total).map { _ in
      var best = 0
      for index in targets.indices {
        credit[index] += targets[index].weight
        if credit[index] > credit[best] { best = index }
      }
      credit[best] -= total
      return best
    }
  }
}

/// One URL and the request that is made of it, as it goes over the wire.
public struct LoadTarget: Sendable {
  public var url: LoadURL
  public var weight: Int
  public var method: String
  /// Whole: start line, fields, empty line.
  public var head: [UInt8]
  public var body: [UInt8]

  /// - Parameters:
  ///   - host: for the Host field, instead of the URL's.
  ///   - fields: further field lines without CRLF; one of a name that is made here takes its place.
  public init(
    _ url: LoadURL, weight: Int = 1, method: String = "GET", host: String? = nil, fields: [String] = [],
    body: [UInt8] = [], keepsAlive: Bool = true
  ) {
    self.url = url
    self.weight = weight
    self.method = method
    self.body = body
    let names = Set(fields.map { $0.prefix { $0 != ":" }.lowercased() })
    var text = "\(method) \(url.target) HTTP/1.1\r\n"
    if !names.contains("host") { text += "Host: \(host ?? url.authority)\r\n" }
    if !names.contains("user-agent") { text += "User-Agent: sluice-loadtest\r\n" }
    if !names.contains("accept") { text += "Accept: */*\r\n" }
    if !keepsAlive, !names.contains("connection") { text += "Connection: close\r\n" }
    // RFC 9110 §8.6: a method that usually has a body says so when it has none.
    let announcesLength = !body.isEmpty || method == "POST" || method == "PUT" || method == "PATCH"
    if announcesLength, !names.contains("content-length") { text += "Content-Length: \(body.count)\r\n" }
    for field in fields { text += field + "\r\n" }
    head = Array((text + "\r\n").utf8)
  }
}
