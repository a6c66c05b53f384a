internal import FoundationEssentials

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

/// A pass in a process of its own.
///
/// Where the system puts code, stack and heap differs from process to process and decides what shares a
/// cache set or a predictor's entry. That slows some operation by a tenth in one process out of ten, and
/// for as long as that process runs: no patience within it helps, but the next process does.
enum ChildProcess {
  static func measure() throws(CheckFailure) -> Pass {
    // By way of /proc, so that the shell has no path to misread.
    guard let output = unsafe popen("exec /proc/\(getpid())/exe --pass", "r") else {
      throw CheckFailure(description: "no process could be started")
    }
    var text = Data()
    var chunk = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = unsafe fread(&chunk, 1, chunk.count, output)
      if count == 0 { break }
      text.append(contentsOf: chunk[..<count])
    }
    let status = unsafe pclose(output)
    // What was wrong stands in its standard error, which is ours.
    try CheckFailure.require(status == 0, "a process that measures failed")
    do { return try JSONDecoder().decode(Pass.self, from: text) } catch {
      throw CheckFailure(description: "a process that measures wrote no result")
    }
  }
}
