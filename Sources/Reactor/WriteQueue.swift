internal import Base
internal import CLibUV

/// Bytes that the kernel did not take yet. Exists only while there are such bytes.
@safe final class WriteQueue {
  /// With libuv, untouchable until its callback.
  private var inFlight = ByteBuffer()
  /// Behind it.
  var gathering: ByteBuffer
  /// What the loop's account holds for this queue.
  private(set) var chargedBytes = 0
  private let request: UnsafeMutablePointer<uv_write_t>

  init(capacity: Int) {
    gathering = ByteBuffer(capacity: capacity)
    unsafe request = .allocate(capacity: 1)
  }

  deinit { unsafe request.deallocate() }

  /// The bytes that wait: those with libuv, those behind them, and `other` that its stream holds.
  func charge(other: Int, to held: HeldBytes) {
    let count = inFlight.count + gathering.count + other
    guard count != chargedBytes else { return }
    held.add(count - chargedBytes)
    chargedBytes = count
  }

  func takeGathered() -> ByteBuffer { exchange(&gathering, with: ByteBuffer()) }

  /// Hands bytes to libuv. The queue lives until the callback: libuv's retain on it.
  func submit(
    _ bytes: consuming ByteBuffer, to handle: UnsafeMutablePointer<uv_stream_t>,
    _ didWrite: @escaping uv_write_cb
  ) -> Int32 {
    inFlight = bytes
    unsafe request.pointee.data = Unmanaged.passRetained(self).toOpaque()
    let status = unsafe inFlight.withUnsafeBytes { bytes in
      unsafe clibuv_write(request, handle, bytes.baseAddress!, bytes.count, didWrite)
    }
    if status < 0 { unsafe Unmanaged.passUnretained(self).release() }
    return status
  }
}
