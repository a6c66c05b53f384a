internal import ArgumentParser
internal import Base
internal import Reactor

/// The demo backends: what answers behind Sluice in demonstrations, tests and benchmarks.
@main struct OriginCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "origin",
    abstract: "Demo backends: HTTP/1.1 servers that do what the query asks for.",
    discussion: """
      Any request is answered with a JSON report of itself. Parameters on any
      path, combinable:

        small=100         so many plain bytes with a minimal head: for benchmarks
        bytes=10MB        a body of that size; byte i is i mod 251
                          (B KB MB GB KiB MiB GiB)
        events=10         server-sent events, one each interval=100ms
        echo=1            the request body back, as it arrives
        delay=200ms       waits before the head of the answer (ms s m)
        status=503        200 to 599
        chunked=1         chunked coding; chunk=N also sets the size of each chunk
        trailers=1        chunked, with the CRC-32 of the body in X-Checksum
        until_close=1     a body without a length, ended by closing
        hints=2           so many 103 Early Hints first
        early=1           answers without reading the request body, then closes
        expect=refuse     417 instead of 100 (Continue)
        close=1           Connection: close
        abort=WHERE       head: closes without an answer; reset: so, by RST;
                          body, body-reset: the same amid the body
        header=Name:Text  adds a field, percent-decoded, repeatable

      Upgrade: websocket is echoed frame for frame, Upgrade: echo byte for
      byte. SIGTERM or SIGINT finishes what is under way; a second one ends at
      once.
      """)

  @Option(help: "Ports to serve, 0 for any that is free. Default: 3001,3002,3003, or none with --unix.")
  var ports: PortList?

  @Option(help: "The address to bind: 127.0.0.1, 0.0.0.0, ::1, :: or any other of this machine.")
  var host = "127.0.0.1"

  @Option(name: .customLong("unix"), help: "A unix-domain socket to serve as well. Repeatable.")
  var unixPaths: [String] = []

  @Option(help: "Loops, each on a thread of its own.")
  var threads = 1

  @Option(help: "The name to answer with, instead of the host's.")
  var name: String?

  @Flag(help: "Print nothing but errors.")
  var quiet = false

  @Option(help: "Closes idle connections after that long and says so in Keep-Alive. Default: 75s, unsaid.")
  var keepAliveTimeout: TimeArgument?

  @Option(help: "Requests answered on a connection before it is closed. Default: unlimited.")
  var closeAfter: Int?

  @Option(help: "How long exchanges under way may take to finish after SIGTERM or SIGINT.")
  var drainTimeout = TimeArgument(.seconds(10))

  @Option(help: "Waits before every answer that asks for no delay itself: a slow backend.")
  var delay = TimeArgument(.seconds(0))

  func validate() throws {
    guard IPAddress(host) != nil else { throw ValidationError("--host: '\(host)' is no IP address") }
    guard (1...256).contains(threads) else { throw ValidationError("--threads: 1 to 256") }
    if let closeAfter, closeAfter < 1 { throw ValidationError("--close-after: at least 1") }
    if let name, !OriginCommand.isPlain(name) {
      throw ValidationError("--name: visible ASCII without quotes and backslashes")
    }
  }

  /// The name goes into a field and into JSON: nothing in it may need quoting.
  private static func isPlain(_ name: String) -> Bool {
    !name.isEmpty && name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x22 && $0 != 0x5C }
  }

  func run() throws {
    var addresses: [SocketAddress] = []
    let served = ports?.ports ?? (unixPaths.isEmpty ? [3001, 3002, 3003] : [])
    if let address = IPAddress(host) { addresses = served.map { .ip(address, port: $0) } }
    addresses += unixPaths.map { .unix($0) }
    let settings = OriginSettings(
      addresses: addresses, threads: threads, hostName: name ?? OriginSettings.systemHostName(),
      isQuiet: quiet, keepAliveTimeout: keepAliveTimeout?.interval ?? .seconds(75),
      announcesKeepAlive: keepAliveTimeout != nil, requestsMax: closeAfter ?? .max,
      drainTimeout: drainTimeout.interval, delay: delay.interval)
    throw ExitCode(OriginServer.run(settings))
  }
}

/// `3001,3002`
struct PortList: ExpressibleByArgument {
  let ports: [UInt16]

  init?(argument: String) {
    let parts = argument.split(separator: ",", omittingEmptySubsequences: false)
    let ports = parts.compactMap { UInt16($0) }
    guard ports.count == parts.count else { return nil }
    self.ports = ports
  }
}

/// `200ms`, `5s`, `1m`
struct TimeArgument: ExpressibleByArgument {
  let interval: Interval

  init(_ interval: Interval) { self.interval = interval }

  init?(argument: String) {
    let bytes = Array(argument.utf8)
    guard let interval = Units.interval(bytes.span, 0..<bytes.count) else { return nil }
    self.interval = interval
  }

  var defaultValueDescription: String { "\(interval.milliseconds / 1000)s" }
}
