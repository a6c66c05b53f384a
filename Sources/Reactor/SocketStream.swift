public import Base
internal import CLibUV
internal import Glibc
public import TLS

/// What a stream tells its owner. One witness call per event; class-bound, so no boxing.
public protocol StreamHandler: AnyObject {
  /// An outgoing connection is established.
  func streamDidConnect()
  /// `bytes` is valid only for this call. Copy what must outlive it.
  func streamDidReceive(_ bytes: Span<UInt8>)
  /// There is something to read, in `.readiness` mode: nothing was read.
  func streamIsReadable()
  /// Everything that had been queued is with the kernel.
  func streamDidDrain()
  /// The peer will send nothing more (`nil`), or the connection failed. Nothing more is received.
  func streamDidEnd(_ error: UVError?)
}

/// What became of bytes given to `SocketStream.write`.
public enum WriteOutcome {
  /// The kernel has them all.
  case sent
  /// Some are kept in the stream's queue; `streamDidDrain` follows. Pause the source meanwhile.
  case queued
  /// The connection is broken; the owner closes it.
  case failed(UVError)
}

/// One connected TCP or unix-domain socket on one loop.
///
/// Ownership: libuv holds one retain from `init` until its close callback, so the object outlives
/// every callback that libuv can still make.
@safe public final class SocketStream {
  private enum Phase { case connecting, open, closing, closed }
  /// How arriving data is told.
  public enum ReadMode {
    /// Read, up to `EventLoop.headReadBytes` at a time.
    case head
    /// Read, up to `EventLoop.readBufferBytes` at a time.
    case body
    /// Only announced, by `streamIsReadable`.
    case readiness
  }

  let handle: UnsafeMutablePointer<uv_stream_t>
  let loop: EventLoop
  private var handler: (any StreamHandler)?
  /// Non-nil exactly while bytes wait for the kernel.
  private var queue: WriteQueue? {
    didSet { if queue == nil, let oldValue { loop.held.remove(oldValue.chargedBytes) } }
  }
  private var phase: Phase
  let isPipe: Bool
  // What each event asks for is not public itself: accesses to what other modules see are checked while the program
  // runs, a hundred instructions each time.
  var reads = false
  public var isReading: Bool { reads }
  var readMode = ReadMode.head
  private var shutsDownWhenDrained = false
  private var isSecured = false
  /// Non-nil where the connection is secured: what is received comes from it, what is written goes to it.
  public private(set) var session: TLSSession?
  /// What came of a handshake that waits for its turn. Apart, as few connections ever have any.
  private var deferred: Confined<ByteBuffer>?
  /// A pipe with bytes for this stream, between those in flight and those gathering in `queue`.
  private var heldPipe: SplicePipe?

  private init(isPipe: Bool, phase: Phase, on loop: EventLoop) {
    self.loop = loop
    self.isPipe = isPipe
    self.phase = phase
    DescriptorBudget.take()
    if isPipe {
      let pipe = UnsafeMutablePointer<uv_pipe_t>.allocate(capacity: 1)
      unsafe uv_pipe_init(loop.raw, pipe, 0)
      unsafe handle = clibuv_pipe_stream(pipe)
    } else {
      let tcp = UnsafeMutablePointer<uv_tcp_t>.allocate(capacity: 1)
      unsafe uv_tcp_init(loop.raw, tcp)
      unsafe handle = clibuv_tcp_stream(tcp)
    }
    unsafe handle.pointee.data = Unmanaged.passRetained(self).toOpaque()
  }

  /// Takes the connection that waits at `listener`. `nil` when it has gone meanwhile.
  convenience init?(accepting listener: UnsafeMutablePointer<uv_stream_t>, isPipe: Bool, on loop: EventLoop) {
    self.init(isPipe: isPipe, phase: .open, on: loop)
    guard unsafe uv_accept(listener, handle) == 0 else {
      close()
      return nil
    }
  }

  /// Takes a connected descriptor over. `nil` when libuv refuses it; it is closed then.
  convenience init?(taking descriptor: Int32, isPipe: Bool, on loop: EventLoop) {
    self.init(isPipe: isPipe, phase: .open, on: loop)
    let status =
      isPipe
      ? unsafe uv_pipe_open(clibuv_stream_pipe(handle), descriptor)
      : unsafe uv_tcp_open(clibuv_stream_tcp(handle), descriptor)
    guard status == 0 else {
      clibuv_close_descriptor(descriptor)
      close()
      return nil
    }
  }

  /// A stream towards `address`. `connect` begins; `streamDidConnect` or `streamDidEnd` follows.
  public convenience init(towards address: SocketAddress, on loop: EventLoop) {
    let isPipe = if case .unix = address { true } else { false }
    self.init(isPipe: isPipe, phase: .connecting, on: loop)
  }

  /// Begins to connect. Returns what failed at once, such as no descriptor left; the owner then closes.
  public func connect(to address: SocketAddress, handler: any StreamHandler) -> UVError? {
    precondition(phase == .connecting)
    self.handler = handler
    guard DescriptorBudget.hasRoom else { return .tooManyFiles }
    let request = UnsafeMutablePointer<uv_connect_t>.allocate(capacity: 1)
    var status: Int32 = 0
    switch address {
    case .unix(let path):
      // Reports every failure through the callback.
      unsafe uv_pipe_connect(request, clibuv_stream_pipe(handle), path, didConnect)
    case .ip:
      status = unsafe address.withSockaddr { raw, _ in
        unsafe uv_tcp_connect(request, clibuv_stream_tcp(handle), raw, didConnect)
      }
    }
    guard status < 0 else { return nil }
    unsafe request.deallocate()
    return UVError(code: status)
  }

  /// Secures the connection, from its first byte on. A server's side begins with what comes; a client's when it is
  /// connected, and is told that it is once the handshake is done.
  public func secure(_ session: TLSSession) {
    precondition(self.session == nil)
    self.session = session
    isSecured = true
  }

  /// What became of the connection, in more words than the error's where it was to be secured.
  public func failure(_ error: UVError) -> String {
    session?.failure.map { "TLS: \($0)" } ?? "\(error)"
  }

  /// Gives the stream its owner. Needed before the first event.
  public func setHandler(_ handler: any StreamHandler) { self.handler = handler }

  // MARK: Writing

  public var hasQueuedBytes: Bool { queue != nil }

  /// The bytes that wait for the kernel to take them, those in a pipe included.
  public var queuedBytes: Int { queue?.chargedBytes ?? 0 }

  /// Writes what the kernel takes now and queues the rest, in order after what is queued already.
  public func write(_ bytes: Span<UInt8>) -> WriteOutcome { write(bytes, Span(), Span()) }

  /// Writes a buffer, and `part` behind it with the same system call.
  /// - Parameter ends: nothing follows but `shutDown` or `close`: where the connection is secured its end is told along.
  public func write(
    _ buffer: borrowing ByteBuffer, _ part: Span<UInt8> = Span(), ends: Bool = false
  ) -> WriteOutcome {
    if ends, isSecured, phase == .open, let session {
      return writeSecured(session, buffer.span, part, Span(), ends: true)
    }
    guard part.isEmpty, queue == nil, !isSecured, phase == .open, !buffer.isEmpty else {
      return write(buffer.span, part, Span())
    }
    let status = unsafe buffer.withUnsafeBytes { bytes in
      unsafe clibuv_try_send(handle, bytes.baseAddress!, bytes.count)
    }
    if Int(status) == buffer.count { return .sent }
    return keep(buffer.span, part, Span(), after: status)
  }

  /// Writes a buffer, and of `shared` behind it what the kernel takes now: what it refuses stays with its owner
  /// but for a little, whose sending `streamDidDrain` tells of. Only while nothing is queued.
  ///
  /// For bytes that outlive the write anyway, such as those of a cache: a slow reader costs no copy of them.
  /// - Returns: the outcome, and how many bytes of `shared` need not be written again.
  public func write(_ buffer: borrowing ByteBuffer, sharing shared: Span<UInt8>) -> (WriteOutcome, Int) {
    precondition(queue == nil)
    guard phase == .open else { return (.failed(.canceled), 0) }
    if isSecured { return writeSecured(buffer.span, sharing: shared) }
    let total = buffer.count + shared.count
    if total == 0 { return (.sent, 0) }
    let status = unsafe buffer.span.withUnsafeBufferPointer { one in
      unsafe shared.withUnsafeBufferPointer { two in
        unsafe clibuv_try_write(handle, one.baseAddress, one.count, two.baseAddress, two.count, nil, 0)
      }
    }
    if Int(status) == total { return (.sent, shared.count) }
    let taken = max(0, Int(status) - buffer.count)
    let kept = min(shared.count, taken + SocketStream.sharedBytesMax)
    return (keep(buffer.span, shared.extracting(0..<kept), Span(), after: status), kept)
  }

  /// So much of shared bytes is copied to learn when the kernel takes more.
  private static let sharedBytesMax = 16 * 1024

  /// Writes up to three pieces with one system call.
  public func write(_ first: Span<UInt8>, _ second: Span<UInt8>, _ third: Span<UInt8> = Span())
    -> WriteOutcome
  {
    guard phase == .open else { return .failed(.canceled) }
    if isSecured, let session { return writeSecured(session, first, second, third) }
    return writePlain(first, second, third)
  }

  private func writePlain(_ first: Span<UInt8>, _ second: Span<UInt8>, _ third: Span<UInt8>) -> WriteOutcome {
    if let queue {
      queue.gathering.append(first)
      queue.gathering.append(second)
      queue.gathering.append(third)
      charge(queue)
      return .queued
    }
    let total = first.count + second.count + third.count
    if total == 0 { return .sent }
    let status = unsafe first.withUnsafeBufferPointer { one in
      unsafe second.withUnsafeBufferPointer { two in
        unsafe third.withUnsafeBufferPointer { three in
          unsafe clibuv_try_write(
            handle, one.baseAddress, one.count, two.baseAddress, two.count, three.baseAddress, three.count)
        }
      }
    }
    if Int(status) == total { return .sent }
    return keep(first, second, third, after: status)
  }

  /// Queues what a write left over, after it returned `status`.
  private func keep(
    _ first: Span<UInt8>, _ second: Span<UInt8>, _ third: Span<UInt8>, after status: Int32
  ) -> WriteOutcome {
    if status < 0, status != UV_EAGAIN.rawValue { return .failed(UVError(code: status)) }
    var taken = max(0, Int(status))
    let queue = WriteQueue(capacity: first.count + second.count + third.count - taken)
    enqueue(first, skipping: &taken, in: queue)
    enqueue(second, skipping: &taken, in: queue)
    enqueue(third, skipping: &taken, in: queue)
    self.queue = queue
    return submit(queue)
  }

  private func charge(_ queue: WriteQueue) {
    queue.charge(other: heldPipe == nil ? 0 : SplicePipe.capacityBytes, to: loop.held)
  }

  private func enqueue(_ piece: Span<UInt8>, skipping taken: inout Int, in queue: WriteQueue) {
    let skipped = min(taken, piece.count)
    taken -= skipped
    queue.gathering.append(piece, from: skipped, to: piece.count)
  }

  /// Keeps a pipe whose content found this stream full, and sends that content before anything else.
  func wait(for pipe: SplicePipe) -> SpliceState {
    precondition(queue == nil)
    let queue = WriteQueue(capacity: 0)
    queue.gathering = pipe.takeSentinel()
    self.queue = queue
    heldPipe = pipe
    if case .failed(let error) = submit(queue) { return .sinkFailed(error) }
    return .sinkFull
  }

  /// Goes on with a held pipe. `true` when it is empty and gone.
  private func drainHeldPipe(_ queue: WriteQueue) -> Bool {
    guard let pipe = heldPipe else { return true }
    switch pipe.drain(to: self) {
    case .emptied:
      heldPipe = nil
      loop.giveBack(pipe)
      return true
    case .full:
      if case .failed(let error) = submit(queue, ahead: pipe.takeSentinel()) { handler?.streamDidEnd(error) }
      return false
    case .failed(let error):
      handler?.streamDidEnd(error)
      return false
    }
  }

  private func submit(_ queue: WriteQueue) -> WriteOutcome { submit(queue, ahead: queue.takeGathered()) }

  private func submit(_ queue: WriteQueue, ahead bytes: consuming ByteBuffer) -> WriteOutcome {
    let status = unsafe queue.submit(bytes, to: handle, didWrite)
    if status < 0 {
      self.queue = nil
      return .failed(UVError(code: status))
    }
    charge(queue)
    return .queued
  }

  func wrote(_ status: Int32) {
    guard phase == .open, let queue else { return }
    if status < 0 {
      self.queue = nil
      handler?.streamDidEnd(UVError(code: status))
      return
    }
    guard drainHeldPipe(queue) else { return }
    if !queue.gathering.isEmpty {
      if case .failed(let error) = submit(queue) { handler?.streamDidEnd(error) }
      return
    }
    self.queue = nil
    if shutsDownWhenDrained { shutDownNow() }
    handler?.streamDidDrain()
  }

  /// Ends our direction once everything queued is sent (half close). Reading goes on.
  public func shutDown() {
    guard phase == .open, !shutsDownWhenDrained else { return }
    if let session {
      session.close()
      _ = sendSecured()
    }
    shutsDownWhenDrained = true
    if queue == nil { shutDownNow() }
  }

  private func shutDownNow() {
    let request = UnsafeMutablePointer<uv_shutdown_t>.allocate(capacity: 1)
    let status = unsafe uv_shutdown(request, handle) { request, _ in unsafe request!.deallocate() }
    // Already cut by the peer: its end is told by the read side.
    if status < 0 { unsafe request.deallocate() }
  }

  public var isOpen: Bool { phase == .open }

  // MARK: Closing

  /// Idempotent. The handler hears nothing after this returns.
  public func close() {
    guard phase != .closing, phase != .closed else { return }
    if let session {
      // Not where bytes are lost that wait: then the other side must see that this is not all.
      if phase == .open, queue == nil { session.close() }
      _ = sendSecured()
    }
    phase = .closing
    reads = false
    handler = nil
    heldPipe = nil
    // libuv holds what it was given until its callback; nobody waits for that any more.
    queue = nil
    unsafe clibuv_report_states(handle)
    unsafe uv_close(clibuv_stream_handle(handle), streamDidClose)
  }

  /// Closes so that the peer cannot take what it has for the whole: by a reset.
  public func reset() {
    if phase == .open { unsafe clibuv_reset_on_close(handle) }
    // Nor may it hear of an orderly end.
    session = nil
    isSecured = false
    close()
  }

  func connected(_ status: Int32) {
    guard phase == .connecting else { return }
    if status < 0 {
      handler?.streamDidEnd(UVError(code: status))
      return
    }
    phase = .open
    guard let session else {
      handler?.streamDidConnect()
      return
    }
    setNoDelay()
    startReading()
    session.start()
    if case .failed(let error) = sendSecured() { handler?.streamDidEnd(error) }
  }

  func received(_ bytes: Span<UInt8>) {
    guard isSecured, let session else {
      handler?.streamDidReceive(bytes)
      return
    }
    if deferred != nil {
      deferred?.value.append(bytes)
      return
    }
    if session.isServer, !session.isEstablished, !loop.handshakes.mayBegin(self) {
      deferred = Confined(ByteBuffer())
      deferred?.value.append(bytes)
      return
    }
    receiveSecured(session, bytes)
  }

  func takeDeferred() -> Confined<ByteBuffer>? { deferred.take() }

  /// Writes past the session, to a peer that does not speak TLS.
  public func writeUnsecured(_ buffer: borrowing ByteBuffer) { _ = writePlain(buffer.span, Span(), Span()) }

  func tell(_ plaintext: Span<UInt8>) { handler?.streamDidReceive(plaintext) }

  /// To a client's side; a server's hears of nothing but requests.
  func tellEstablished(_ session: TLSSession) { if !session.isServer { handler?.streamDidConnect() } }

  func writeOut(_ bytes: Span<UInt8>) -> WriteOutcome { writePlain(bytes, Span(), Span()) }

  func tellReadable() { handler?.streamIsReadable() }

  func ended(_ error: UVError?) {
    pauseReading()
    if let session, !session.isServer, !session.hasEnded, error == nil {
      // RFC 8446 §6.1: an end that the other side did not announce may be anybody's, and what came not all.
      handler?.streamDidEnd(.connectionReset)
      return
    }
    handler?.streamDidEnd(error)
  }

  func released() {
    precondition(phase == .closing)
    phase = .closed
    DescriptorBudget.release()
  }

  deinit {
    precondition(phase == .closed, "freed before the close callback")
    if isPipe {
      unsafe clibuv_stream_pipe(handle).deallocate()
    } else {
      unsafe clibuv_stream_tcp(handle).deallocate()
    }
  }
}
