internal import Base
internal import CAllocationCount

/// Throws unless allocations are counted: where `malloc` is not ours, every count would be a proud zero.
func requireCounting() throws(CheckFailure) {
  let size = callocationcount_opaque(1000)
  let none = allocations { _ = callocationcount_opaque(size) }
  let arrays = allocations {
    for _ in 0..<10 {
      let array = [Int](repeating: size, count: size)
      _ = callocationcount_opaque(array[size / 2])
    }
  }
  let buffers = allocations {
    for _ in 0..<10 { _ = callocationcount_opaque(ByteBuffer(capacity: size).capacityBytes) }
  }
  let aligned = allocations {
    for _ in 0..<10 {
      let memory = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 256)
      _ = callocationcount_opaque(Int(bitPattern: memory))
      unsafe memory.deallocate()
    }
  }
  let counts = [none, arrays, buffers, aligned]
  try CheckFailure.require(
    counts == [0, 10, 10, 10], "allocations cannot be counted here: \(counts) instead of [0, 10, 10, 10]")
}

private func allocations(_ work: () -> Void) -> UInt64 {
  let before = callocationcount_total()
  work()
  return callocationcount_total() - before
}
