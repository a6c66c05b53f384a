public import Base
internal import CLibUV
internal import Glibc
public import TLS

/// One libuv loop and what its handles share: the read buffer, the timer wheel, the splice pipe.
///
/// Confined to the thread that runs it. Only `Mailbox` reaches it from elsewhere.
@safe public final class EventLoop {
  /// What one read can bring at most. Lent to whichever stream is readable, so an idle connection
  /// owns no buffer.
  public static let readBufferBytes = 128 * 1024
  /// What a read brings at most where a head is awaited: the head and a small body. The rest of a large
  /// body is then still in the kernel and can be spliced: at 100 KiB a third of the CPU time.
  public static let headReadBytes = 16 * 1024

  let raw: UnsafeMutablePointer<uv_loop_t>
  private let readBuffer: UnsafeMutableRawPointer
  private let wheelHandle: UnsafeMutablePointer<uv_timer_t>
  private let wheel: Confined<TimerWheel>
  /// The tick for which `wheelHandle` is set; `.max` while it is stopped.
  private var wheelTick = UInt64.max
  private var isClosed = false
  private var sparePipes: [SplicePipe] = []
  private static let sparePipesMax = 4
  /// What buffers hold: what the kernel has not taken yet, and whatever owners add.
  public let held = HeldBytes()
  /// For what goes between secured sessions and their sockets.
  public private(set) lazy var securePipe = TLSPipe()
  /// Made when there is a first handshake.
  private var handshakeQueue: HandshakeQueue?
  var handshakes: HandshakeQueue {
    if let handshakeQueue { return handshakeQueue }
    let queue = HandshakeQueue(on: self)
    handshakeQueue = queue
    return queue
  }

  public init() throws(UVError) {
    unsafe raw = .allocate(capacity: 1)
    unsafe readBuffer = .allocate(byteCount: EventLoop.readBufferBytes, alignment: 64)
    unsafe wheelHandle = .allocate(capacity: 1)
    let status = unsafe uv_loop_init(raw)
    if status < 0 {
      unsafe raw.deallocate()
      unsafe readBuffer.deallocate()
      unsafe wheelHandle.deallocate()
      throw UVError(code: status)
    }
    unsafe raw.pointee.data = readBuffer
    wheel = Confined(TimerWheel(now: Instant(milliseconds: unsafe uv_now(raw))))
    unsafe uv_timer_init(raw, wheelHandle)
    // The wheel alone is no reason to go on: what it watches is.
    unsafe uv_unref(clibuv_timer_handle(wheelHandle))
    unsafe wheelHandle.pointee.data = Unmanaged.passUnretained(self).toOpaque()
  }

  deinit {
    precondition(isClosed, "an event loop is closed by its owner")
    unsafe raw.deallocate()
    unsafe readBuffer.deallocate()
    unsafe wheelHandle.deallocate()
  }

  /// The monotonic time as of this turn of the loop.
  public var now: Instant { Instant(milliseconds: unsafe uv_now(raw)) }

  /// The monotonic time of this very moment, in nanoseconds. Costs a call into the vDSO.
  public static var nanoseconds: UInt64 { uv_hrtime() }

  /// Runs until `stop` is called or no handle is left that could bring an event.
  public func run() { unsafe uv_run(raw, UV_RUN_DEFAULT) }

  /// Makes `run` return after this turn. Only on the loop's own thread.
  public func stop() { unsafe uv_stop(raw) }

  /// Ends the loop: runs what close callbacks are due and frees it. Every handle must have been closed.
  public func close() {
    precondition(!isClosed)
    handshakeQueue?.close()
    handshakeQueue = nil
    unsafe uv_close(clibuv_timer_handle(wheelHandle), nil)
    while unsafe uv_run(raw, UV_RUN_DEFAULT) != 0 {}
    let status = unsafe uv_loop_close(raw)
    precondition(status == 0, "a handle outlives its loop")
    isClosed = true
  }

  /// Ends the loop where something cannot be waited for, such as a look-up in the system's resolver: what it
  /// holds is left to the end of the process.
  public func abandon() {
    precondition(!isClosed)
    isClosed = true
    _ = unsafe Unmanaged.passRetained(self)
  }

  // MARK: Timers

  /// Sets `timer` to run out at `deadline`, whatever it was set to before. `.never` disarms it.
  public func arm(_ timer: WheelTimer, deadline: Instant) {
    if let tick = wheel.value.arm(timer, deadline: deadline), tick < wheelTick { startWheel(at: tick) }
  }

  /// Takes `timer` out. Needed before its owner goes.
  public func cancel(_ timer: WheelTimer) { wheel.value.cancel(timer) }

  private func startWheel(at tick: UInt64) {
    guard !isClosed else { return }
    wheelTick = tick
    let due = tick * TimerWheel.tickMilliseconds
    let now = unsafe uv_now(raw)
    unsafe uv_timer_start(wheelHandle, wheelDidFire, due > now ? due - now : 0, 0)
  }

  fileprivate func turnWheel() {
    wheelTick = .max
    let now = self.now
    while let due = wheel.value.nextSlot(now: now) {
      for timer in due {
        if timer.deadline <= now {
          timer.disarm()
          timer.handler?.timeoutPassed(timer)
        } else if timer.deadline != .never {
          arm(timer, deadline: timer.deadline)
        }
      }
    }
    if let tick = wheel.value.nextTick(), tick < wheelTick { startWheel(at: tick) }
  }

  // MARK: Pipes

  /// An empty pipe. `nil` when no descriptors are left.
  func takePipe() -> SplicePipe? { sparePipes.popLast() ?? SplicePipe() }

  func giveBack(_ pipe: SplicePipe) {
    precondition(pipe.count == 0)
    if sparePipes.count < EventLoop.sparePipesMax { sparePipes.append(pipe) }
  }

  // MARK: Process-wide set-up

  /// Once, before any socket is opened: raises the descriptor limit to the hard limit and turns
  /// SIGPIPE into an error code. Returns the descriptors this process may hold.
  public static func prepareProcess() -> Int {
    clibuv_ignore_broken_pipe()
    let descriptors = Int(clibuv_raise_descriptor_limit())
    DescriptorBudget.setLimit(descriptors)
    return descriptors
  }

  /// The cores this process may use.
  /// Lets eight names be looked up at once instead of two: libuv gives half of its threads to that. To be called
  /// before there is another thread. What the operator has set stays.
  public static func widenResolver() { clibuv_widen_pool() }

  public static var coreCount: Int { Int(uv_available_parallelism()) }
}

private func wheelDidFire(_ handle: UnsafeMutablePointer<uv_timer_t>?) {
  unsafe Unmanaged<EventLoop>.fromOpaque(handle!.pointee.data)._withUnsafeGuaranteedRef { $0.turnWheel() }
}
