internal import ArgumentParser
internal import Base
internal import FoundationEssentials
internal import LoadEngine
internal import Reactor

extension LoadTestCommand {
  /// Everything is checked here, so that a test that begins is the one that was meant.
  func makePlan() throws -> LoadPlan {
    let body = try readBody()
    let method = self.method ?? (body.isEmpty ? "GET" : "POST")
    guard !method.isEmpty, method.utf8.allSatisfy(LoadTestCommand.isTokenByte), method != "CONNECT" else {
      throw ValidationError("--method: '\(method)' is no method that can be load-tested")
    }
    for field in header { try check(field) }
    if let host, !host.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) || host.isEmpty {
      throw ValidationError("--host: visible ASCII only")
    }
    if let weights,
      weights.numbers.count != urls.count || weights.numbers.contains(where: { !(1...100).contains($0) })
    {
      throw ValidationError("--weights: one number from 1 to 100 for each URL")
    }
    var targets: [LoadTarget] = []
    for (index, text) in urls.enumerated() {
      do throws(LoadURL.Problem) {
        targets.append(
          LoadTarget(
            try LoadURL(text), weight: weights?.numbers[index] ?? 1, method: method, host: host,
            fields: header,
            body: body, keepsAlive: !noKeepalive))
      } catch {
        throw ValidationError("'\(text)': \(error)")
      }
    }
    var plan = LoadPlan(targets: targets)
    plan.keepsAlive = !noKeepalive
    plan.verifies = !insecure
    plan.authorities = cacert
    plan.resumes = !noResume
    try fillLoad(&plan)
    try fillExpectations(&plan)
    return plan
  }

  private func fillLoad(_ plan: inout LoadPlan) throws {
    guard (1...60_000).contains(connections) else { throw ValidationError("--connections: 1 to 60000") }
    plan.connections = connections
    if let rate {
      guard rate.isFinite, rate >= 0.01, rate <= 10_000_000 else {
        throw ValidationError("--rate: 0.01 to 10000000")
      }
      plan.rate = rate
    }
    if let requests, requests < 1 { throw ValidationError("--requests: at least 1") }
    plan.requests = requests
    if let duration {
      guard duration.interval.milliseconds > 0 else {
        throw ValidationError("--duration: a test ends: give a time above zero, or --requests alone")
      }
      plan.duration = duration.interval
    } else if requests != nil {
      plan.duration = nil
    }
    guard timeout.interval.milliseconds > 0 else { throw ValidationError("--timeout: above zero") }
    plan.timeout = timeout.interval
    plan.warmup = warmup.interval
    if let threads {
      guard (1...256).contains(threads) else { throw ValidationError("--threads: 1 to 256") }
      guard threads <= connections else { throw ValidationError("--threads: at most as many as connections") }
      plan.threads = threads
    } else {
      // The server needs the other cores where it is on this machine.
      let isLocal = plan.targets.contains { $0.url.isLoopback }
      let cores = EventLoop.coreCount
      plan.threads = max(1, min(connections, isLocal ? cores / 2 : cores))
    }
  }

  private func fillExpectations(_ plan: inout LoadPlan) throws {
    if let expectStatus {
      guard expectStatus.numbers.allSatisfy({ (200...999).contains($0) }) else {
        throw ValidationError("--expect-status: 200 to 999")
      }
      plan.expectedStatuses = Set(expectStatus.numbers)
    }
    if let expectSha256 {
      guard let digest = Hexadecimal.bytes(expectSha256), digest.count == 32 else {
        throw ValidationError("--expect-sha256: 64 hexadecimal digits")
      }
      plan.expectedDigest = digest
    }
    guard !spreadHeader.isEmpty, spreadHeader.utf8.allSatisfy(LoadTestCommand.isTokenByte) else {
      throw ValidationError("--spread-header: '\(spreadHeader)' is no field name")
    }
    plan.spreadField = Array(spreadHeader.lowercased().utf8)
    if let maxErrorRate, !(0...1).contains(maxErrorRate.share) {
      throw ValidationError("--max-error-rate: 0 to 1, or 0% to 100%")
    }
  }

  private func readBody() throws -> [UInt8] {
    if body != nil, bodyFile != nil { throw ValidationError("--body and --body-file: one of them") }
    guard let bodyFile else { return Array((body ?? "").utf8) }
    do {
      return Array(try Data(contentsOf: URL(filePath: bodyFile)))
    } catch {
      throw ValidationError("--body-file: cannot read \(bodyFile)")
    }
  }

  private func check(_ field: String) throws {
    guard let colon = field.firstIndex(of: ":"), colon != field.startIndex,
      field[..<colon].utf8.allSatisfy(LoadTestCommand.isTokenByte)
    else { throw ValidationError("--header: '\(field)' is not 'Name: value'") }
    guard field.utf8.allSatisfy({ $0 == 0x09 || ($0 >= 0x20 && $0 != 0x7F) }) else {
      throw ValidationError("--header: control characters in '\(field[..<colon])'")
    }
    let name = field[..<colon].lowercased()
    guard name != "content-length", name != "transfer-encoding" else {
      throw ValidationError("--header: \(field[..<colon]) is made from the body")
    }
  }

  /// `tchar`, RFC 9110 §5.6.2.
  private static func isTokenByte(_ byte: UInt8) -> Bool {
    byte &- 0x30 < 10 || (byte | 0x20) &- 0x61 < 26 || "!#$%&'*+-.^_`|~".utf8.contains(byte)
  }
}
