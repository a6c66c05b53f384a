internal import Base
internal import Delivery
internal import HTTP1

/// What the fuzzer hands over: two bytes that steer the check, then the bytes to parse.
///
/// Each check traps where an invariant does not hold, which the fuzzer reports as a crash.
public enum FuzzInput {
  /// Longer inputs add time, not paths: the limits are small where the steering byte says so.
  private static let bytesMax = 128 * 1024

  /// For `LLVMFuzzerTestOneInput`.
  public static func checkRequestHead(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    unsafe run(start, count) { steering, bytes in
      RequestHeadCheck(limits: limits(steering[0])).run(bytes, seed: steering[1])
    }
  }

  /// For `LLVMFuzzerTestOneInput`.
  public static func checkResponseHead(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    unsafe run(start, count) { steering, bytes in
      let methods: [Method] = [.get, .head, .post, .options, .other]
      let method = methods[Int(steering[1]) % methods.count]
      ResponseHeadCheck(limits: limits(steering[0]), method: method).run(bytes, seed: steering[1])
    }
  }

  /// For `LLVMFuzzerTestOneInput`.
  public static func checkChunked(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    unsafe run(start, count) { steering, bytes in
      ChunkedCheck(limits: limits(steering[0])).run(bytes, seed: steering[1])
    }
  }

  /// For `LLVMFuzzerTestOneInput`.
  public static func checkRoutes(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    unsafe run(start, count) { _, bytes in RoutesCheck().run(bytes) }
  }

  /// For `LLVMFuzzerTestOneInput`.
  public static func checkCache(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    unsafe run(start, count) { _, bytes in CacheCheck().run(bytes) }
  }

  /// For `LLVMFuzzerTestOneInput`.
  public static func checkJobs(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    unsafe run(start, count) { _, bytes in _ = JobCheck.run(Array(copying: bytes)) }
  }

  private static func run(
    _ start: UnsafePointer<UInt8>?, _ count: Int, _ check: (InlineArray<2, UInt8>, Span<UInt8>) -> Void
  ) -> CInt {
    let bytes = unsafe UnsafeBufferPointer(start: start, count: count).span
    guard bytes.count >= 2, bytes.count <= bytesMax else { return -1 }
    check([bytes[0], bytes[1]], bytes.extracting(2..<bytes.count))
    return 0
  }

  /// Zero, as in the seeds, for the limits of production.
  private static func limits(_ steering: UInt8) -> Limits {
    guard steering > 0 else { return Limits() }
    return Limits(headBytesMax: Int(steering) * 2, fieldCountMax: Int(steering & 7) + 1)
  }
}
