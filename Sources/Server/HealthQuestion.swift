internal import Base
public import Configuration
internal import HTTP1
internal import Reactor

/// `sluice healthcheck`: asks the Sluice of this environment whether it is ready. For containers, whose
/// images need no shell and no curl for it.
public enum HealthQuestion {
  private static let patience = Interval.seconds(3)

  /// Returns the exit code: 0 where it is ready, 1 where not. Says why on standard output.
  public static func ask(_ settings: Settings) -> Int32 {
    guard let listener = settings.adminListen else { return answer("SLUICE_ADMIN_LISTEN is off", 1) }
    do throws(UVError) {
      let loop = try EventLoop()
      let question = Question(address(listener), on: loop)
      question.begin()
      loop.run()
      loop.close()
      return answer(question.text, question.isReady ? 0 : 1)
    } catch {
      return answer("\(error)", 1)
    }
  }

  private static func answer(_ text: String, _ code: Int32) -> Int32 {
    BlockingFile.standardOutput.write(Array("\(text)\n".utf8).span)
    return code
  }

  /// Where a listener on every address of this machine is reached.
  private static func address(_ listener: SocketAddress) -> SocketAddress {
    guard case .ip(let address, let port) = listener, address.high == 0,
      address.isV4 ? address.low & 0xFFFF_FFFF == 0 : address.low == 0
    else { return listener }
    return .ip(IPAddress(address.isV4 ? "127.0.0.1" : "::1") ?? address, port: port)
  }

  private final class Question: StreamHandler, TimeoutHandler {
    private let address: SocketAddress
    private let loop: EventLoop
    private let stream: SocketStream
    private let timer = WheelTimer()
    private var inbox = ByteBuffer()
    private(set) var text = "no answer"
    private(set) var isReady = false

    init(_ address: SocketAddress, on loop: EventLoop) {
      self.address = address
      self.loop = loop
      stream = SocketStream(towards: address, on: loop)
      timer.setHandler(self)
    }

    func begin() {
      loop.arm(timer, deadline: loop.now.advanced(by: patience))
      if let error = stream.connect(to: address, handler: self) {
        end("cannot connect to \(address): \(error)")
      }
    }

    private func end(_ text: String) {
      self.text = text
      loop.cancel(timer)
      stream.close()
      loop.stop()
    }

    func streamDidConnect() {
      stream.startReading()
      _ = stream.write(Array("GET /readyz HTTP/1.1\r\nHost: sluice\r\nConnection: close\r\n\r\n".utf8).span)
    }
    func streamDidReceive(_ bytes: Span<UInt8>) { inbox.append(bytes) }
    func streamIsReadable() {}
    func streamDidDrain() {}
    func timeoutPassed(_ timer: WheelTimer) { end("no answer in time") }

    func streamDidEnd(_ error: UVError?) {
      if let error, inbox.isEmpty { return end("cannot ask \(address): \(error)") }
      var table = FieldTable()
      guard
        case .complete(let head) = ResponseHead.parse(
          inbox.span, answering: .get, into: &table, limits: Limits())
      else { return end("the answer is not understood") }
      isReady = head.status == 200
      inbox.consume(head.end)
      let line = inbox.text().prefix { $0 != "\n" }
      end(String(line))
    }
  }
}
