internal import Base
internal import Foundation
public import Reactor
public import TLS

/// Where the certificates of the tests are: all signed by `ca.pem`, good for a hundred years but for `expired.pem`.
public enum TestCertificates {
  public static func path(_ name: String) -> String {
    URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "TLSTests/Certificates/\(name)").path()
  }

  public static func pair(_ name: String) -> TLSServerSettings.Pair {
    TLSServerSettings.Pair(certificate: path("\(name).pem"), key: path("\(name).key"))
  }

  /// What a server is told that shows those.
  public static func server(_ names: String...) -> TLSServerSettings {
    var settings = TLSServerSettings()
    settings.pairs = names.map(pair)
    return settings
  }

  /// A client that believes `ca.pem`.
  public static func client(_ name: String, showing pair: String? = nil) throws(TLSError) -> TLSClient {
    try TLSClient(
      name: name, isAddress: IPAddress(name) != nil, verifies: true, authorities: path("ca.pem"),
      pair: pair.map(TestCertificates.pair))
  }
}

/// A client that speaks TLS.
public final class SecureClient: WireSocket, @unchecked Sendable {
  private let pipe = TLSPipe()
  public let session: TLSSession
  /// Bytes that were decrypted from what the end of the connection came with.
  public private(set) var bytesWithEnd = 0

  /// Connects and shakes hands.
  public init(_ address: SocketAddress, _ client: TLSClient, resuming resumption: TLSResumption? = nil) throws
  {
    let wire = try WireClient(address)
    session = TLSSession(client, resuming: resumption, pipe)
    super.init(descriptor: wire.letGo())
    session.start()
    try flush()
    let deadline = Deadline(seconds: Patience.seconds)
    while !session.isEstablished {
      if let failure = session.failure { throw failure }
      guard !deadline.isPast else { throw WireError.timedOut("a handshake") }
      try receiveSome()
    }
  }

  private func flush() throws {
    guard pipe.hasOutput else { return }
    var rest = pipe.takeOutput { bytes in bytes.indices.map { bytes[$0] } }[...]
    while !rest.isEmpty { rest = rest.dropFirst(try sendNow(rest)) }
  }

  public override func encoded(_ bytes: [UInt8]) throws -> [UInt8] {
    guard session.write(bytes.span) else { throw session.failure ?? TLSError("closed") }
    return pipe.takeOutput { bytes in bytes.indices.map { bytes[$0] } }
  }

  public override func decoded(_ bytes: ArraySlice<UInt8>) throws -> [UInt8] {
    var plain: [UInt8] = []
    let copy = Array(bytes)
    session.receive(
      copy.span, established: { true },
      received: { part in
        for index in part.indices { plain.append(part[index]) }
        return true
      })
    try flush()
    if session.hasEnded { bytesWithEnd = max(bytesWithEnd, plain.count) }
    if let failure = session.failure { throw failure }
    return plain
  }

  public func exchange(_ text: String, method: String = "GET") throws -> WireResponse {
    try send(text)
    while true {
      let response = try read("a response") { bytes, isEnd in
        try WireResponse.parse(bytes, answering: method, isEnd: isEnd)
      }
      if response.status >= 200 { return response }
    }
  }

  /// Says that nothing more comes.
  public func finish() throws {
    session.close()
    try flush()
  }
}
