public import Base
internal import TLS

// What a secured stream does otherwise.
extension SocketStream {
  /// Takes bytes that were read before the connection was secured.
  public func take(_ bytes: borrowing ByteBuffer) {
    guard let session, isOpen else { return }
    receiveSecured(session, bytes.span)
  }

  /// Whether what comes could go through the kernel unseen.
  public var canSplice: Bool { session == nil }

  /// So much of what is shared is encrypted at a time: what the kernel refuses of it is kept.
  private static let securedBytesMax = 64 * 1024

  func writeSecured(
    _ session: TLSSession, _ first: Span<UInt8>, _ second: Span<UInt8>, _ third: Span<UInt8>,
    ends: Bool = false
  ) -> WriteOutcome {
    guard session.write(first), session.write(second), session.write(third) else {
      _ = sendSecured()
      return .failed(.notSecured)
    }
    if ends { session.close() }
    return sendSecured()
  }

  func writeSecured(_ head: Span<UInt8>, sharing shared: Span<UInt8>) -> (WriteOutcome, Int) {
    guard let session else { return (.failed(.canceled), 0) }
    var at = 0
    var outcome = WriteOutcome.sent
    repeat {
      let part = min(SocketStream.securedBytesMax, shared.count - at)
      outcome = writeSecured(session, at == 0 ? head : Span(), shared.extracting(at..<(at + part)), Span())
      at += part
      guard case .sent = outcome else { break }
    } while at < shared.count
    return (outcome, at)
  }

  /// Gives the socket what sessions have for it. Only this stream's can be there: whoever uses a session sends.
  func sendSecured() -> WriteOutcome {
    let pipe = loop.securePipe
    guard pipe.hasOutput else { return hasQueuedBytes ? .queued : .sent }
    return pipe.takeOutput { writeOut($0) }
  }

  /// A handshake waits for its turn with what came of it.
  func handshakeMayGoOn() {
    guard let bytes = takeDeferred() else { return }
    take(bytes.value)
  }

  func receiveSecured(_ session: TLSSession, _ bytes: Span<UInt8>) {
    guard session.isServer, !session.isEstablished else { return decrypt(session, bytes) }
    let begin = EventLoop.nanoseconds
    decrypt(session, bytes)
    loop.handshakes.took(EventLoop.nanoseconds &- begin)
  }

  private func decrypt(_ session: TLSSession, _ bytes: Span<UInt8>) {
    session.receive(
      bytes,
      established: {
        // What ends the handshake goes out before anything else.
        if case .failed = sendSecured() { return false }
        tellEstablished(session)
        return isOpen
      },
      received: { plaintext in
        // What this session has for its socket must be gone before its owner uses another one: they share the pipe.
        if loop.securePipe.hasOutput { _ = sendSecured() }
        tell(plaintext)
        return isOpen
      })
    guard isOpen else { return }
    // Alerts, tickets, and what else is between the two ends alone.
    if case .failed(let error) = sendSecured() { return ended(error) }
    if session.failure != nil { return ended(.notSecured) }
    if session.hasEnded { ended(nil) }
  }
}
