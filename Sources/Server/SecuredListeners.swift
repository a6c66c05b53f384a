internal import Base
internal import Reactor
internal import TLS

/// Keeps what secured listeners show true: certificates are read anew when their files change, keys of session
/// tickets are changed, and whoever runs this hears of certificates that are about to expire. On loop 0.
final class SecuredListeners {
  enum Event {
    case info(String)
    case warning(String)
  }

  /// How often files are looked at.
  private static let lookInterval = Interval.seconds(2)
  /// A ticket is taken for up to three times as long.
  private static let ticketInterval = Interval.seconds(12 * 3600)
  private static let expiryInterval = Interval.seconds(24 * 3600)
  private static let warnsDaysAhead = 14

  let server: TLSServer
  private let settings: TLSServerSettings
  private let report: (Event) -> Void
  private var timers: [RepeatingTimer] = []
  private var stamps: [FileStamp?]

  init(
    _ settings: TLSServerSettings, on loop: EventLoop, _ report: @escaping (Event) -> Void
  ) throws(TLSError) {
    self.settings = settings
    self.report = report
    stamps = SecuredListeners.stamps(settings)
    server = try TLSServer(settings)
    let server = server
    timers = [
      RepeatingTimer(every: SecuredListeners.lookInterval, on: loop) { [unowned self] in look() },
      RepeatingTimer(every: SecuredListeners.ticketInterval, on: loop) { server.rotateTickets() },
      RepeatingTimer(every: SecuredListeners.expiryInterval, on: loop) { [unowned self] in warnOfExpiry() },
    ]
    for timer in timers { timer.unreference() }
    warnOfExpiry()
  }

  func close() {
    for timer in timers { timer.close() }
    timers = []
  }

  /// Reads everything anew. Where that fails, what was there stays.
  func reload() {
    stamps = SecuredListeners.stamps(settings)
    do throws(TLSError) {
      try server.replace(settings)
      report(.info("TLS: certificates read anew"))
      warnOfExpiry()
    } catch {
      report(.warning("TLS: certificates stay as they were: \(error)"))
    }
  }

  private func look() {
    guard SecuredListeners.stamps(settings) != stamps else { return }
    reload()
  }

  private func warnOfExpiry() {
    for (file, seconds) in server.certificates where seconds < SecuredListeners.warnsDaysAhead * 86_400 {
      report(.warning("TLS: the certificate in \(file) expires in \(seconds / 86_400) days"))
    }
  }

  private static func stamps(_ settings: TLSServerSettings) -> [FileStamp?] {
    let files =
      settings.pairs.flatMap { [$0.certificate, $0.key, $0.certificate + ".ocsp"] } + [
        settings.clientAuthorities ?? ""
      ]
    return files.map { $0.isEmpty ? nil : FileStamp(of: $0) }
  }
}
