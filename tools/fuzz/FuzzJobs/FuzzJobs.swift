internal import FuzzTargets

@c(LLVMFuzzerTestOneInput)
func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  unsafe FuzzInput.checkJobs(start, count)
}
