internal import ArgumentParser
internal import Base
internal import FoundationEssentials
internal import Glibc
internal import LoadEngine
internal import Reactor

/// The load generator.
@main struct LoadTestCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "loadtest",
    abstract: "Load-tests an HTTP/1.1 server or proxy, and checks what it answers.",
    discussion: """
      Without --rate every connection sends its next request when it has its
      answer (a closed loop): that finds the most a server can do. With --rate
      requests start on schedule whatever the answers do, and latency counts
      from when each was due, so that a stall is not hidden: that finds what
      clients will see. A request that timed out counts with its time.

      An answer whose framing or length is wrong is an error. So is a status of
      500 and above, or any other than those of --expect-status.

        loadtest http://127.0.0.1:8080/
        loadtest --rate 2000 --duration 1m --chart latency.svg http://app/
        loadtest --requests 1000 --max-error-rate 0 --max-p99 50ms http://app/
        loadtest --weights 9,1 http://app/list http://app/slow
      """)

  @Argument(help: ArgumentHelp("What to request; several are requested in turn.", valueName: "url"))
  var urls: [String]

  @Option(help: "How often each URL is requested in a cycle, in their order: 3,1.")
  var weights: NumberList?

  @Option(name: .shortAndLong, help: "Connections, that is: requests under way at most.")
  var connections = 64

  @Option(name: .shortAndLong, help: "Threads. Default: half of the cores towards this machine, else all.")
  var threads: Int?

  @Option(name: .shortAndLong, help: "How long requests are started: 10s, 500ms, 2m. Default: 10s.")
  var duration: TimeArgument?

  @Option(name: [.customShort("n"), .long], help: "How many requests are started.")
  var requests: Int?

  @Option(name: .shortAndLong, help: "Requests a second, started on schedule.")
  var rate: Double?

  @Option(help: "Load before that, which does not count.")
  var warmup = TimeArgument(.milliseconds(0))

  @Option(help: "For one request, connecting included.")
  var timeout = TimeArgument(.seconds(10))

  @Option(name: [.customShort("X"), .long], help: "Default: GET, or POST with a body.")
  var method: String?

  @Option(name: [.customShort("H"), .long], help: ArgumentHelp("Repeatable.", valueName: "Name: value"))
  var header: [String] = []

  @Option(help: "For the Host field.")
  var host: String?

  @Option(help: "The body of each request.")
  var body: String?

  @Option(help: "A file with it.")
  var bodyFile: String?

  @Flag(name: .customLong("no-keepalive"), help: "A new connection for each request.")
  var noKeepalive = false

  @Flag(help: "Takes any certificate.")
  var insecure = false

  @Option(help: ArgumentHelp("A PEM file of those who vouch for servers.", valueName: "file"))
  var cacert: String?

  @Flag(name: .customLong("no-resume"), help: "A whole TLS handshake for each connection.")
  var noResume = false

  @Option(help: "Statuses that are right: 200,204. Default: all below 500.")
  var expectStatus: NumberList?

  @Option(help: ArgumentHelp("The SHA-256 that every body must have.", valueName: "hex"))
  var expectSha256: String?

  @Option(help: ArgumentHelp("The field that names who answered.", valueName: "name"))
  var spreadHeader = "X-Served-By"

  @Option(help: ArgumentHelp("Writes the report there, - for standard output.", valueName: "file"))
  var json: String?

  @Option(help: ArgumentHelp("Draws latency over time and by percentile.", valueName: "file.svg"))
  var chart: String?

  @Option(help: "Exits with 1 if more requests fail: 0.01 or 1%.")
  var maxErrorRate: ShareArgument?

  @Option(help: "Exits with 1 if the 99th percentile is above: 50ms.")
  var maxP99: TimeArgument?

  @Flag(name: .shortAndLong, help: "No progress, and no summary.")
  var quiet = false

  // Set by `validate`.
  private var plan: LoadPlan?

  mutating func validate() throws { plan = try makePlan() }

  private enum CodingKeys: CodingKey {
    case urls, weights, connections, threads, duration, requests, rate, warmup, timeout, method, header, host
    case body, bodyFile, noKeepalive, insecure, cacert, noResume, expectStatus, expectSha256, spreadHeader,
      json, chart, maxErrorRate,
      maxP99
    case quiet
  }

  func run() throws {
    guard let plan else { return }
    _ = EventLoop.prepareProcess()
    let output = Output(isQuiet: quiet)
    let report: LoadReport
    do throws(LoadTestError) {
      report = try LoadTest.run(plan, progressEvery: output.interval) { output.show($0) }
    } catch {
      output.clear()
      throw Complaint("\(error)")
    }
    output.clear()
    if !quiet { output.write(ReportText.make(report, isPlain: output.isPlain)) }
    if let json { try write(try encoded(report), to: json) }
    if let chart { try write(ReportChart.make(report), to: chart) }
    let verdicts = judge(report)
    for verdict in verdicts { output.complain(verdict) }
    if !verdicts.isEmpty { throw ExitCode(1) }
  }

  private func judge(_ report: LoadReport) -> [String] {
    var verdicts: [String] = []
    if report.requests == 0, maxErrorRate != nil || maxP99 != nil {
      verdicts.append("no request was answered: nothing to judge by")
    }
    if let maxErrorRate, report.errorRate > maxErrorRate.share {
      verdicts.append("error rate \(report.errorRate) is above --max-error-rate \(maxErrorRate.share)")
    }
    if let maxP99, report.latency.p99 > Double(maxP99.interval.milliseconds) {
      verdicts.append("p99 \(report.latency.p99) ms is above --max-p99 \(maxP99.interval.milliseconds) ms")
    }
    return verdicts
  }

  private func encoded(_ report: LoadReport) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(report), as: UTF8.self) + "\n"
  }

  private func write(_ text: String, to path: String) throws {
    if path == "-" { return Output.write(text, to: .standardOutput) }
    do throws(UVError) {
      let file = try BlockingFile(replacing: path)
      if let error = file.write(Array(text.utf8).span) { throw error }
    } catch {
      throw Complaint("cannot write \(path): \(error)")
    }
  }
}

/// Something that went wrong, said without a usage text.
struct Complaint: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}
