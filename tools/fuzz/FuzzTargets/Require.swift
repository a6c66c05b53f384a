/// A `precondition` that also says in an optimised build what failed and where.
@inline(__always) func require(
  _ holds: Bool, _ what: StaticString = "an invariant", file: StaticString = #fileID, line: UInt = #line
) {
  if !holds { unreachable(what, file: file, line: line) }
}

/// Ends the process: the fuzzer keeps the input.
func unreachable(_ what: StaticString, file: StaticString = #fileID, line: UInt = #line) -> Never {
  fatalError("\(what)", file: file, line: line)
}
