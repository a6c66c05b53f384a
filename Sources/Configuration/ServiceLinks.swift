/// The variables that Kubernetes (and Docker's legacy links) put into every container for a service.
///
/// A service that is named `sluice` brings `SLUICE_SERVICE_HOST`, `SLUICE_PORT=tcp://…` and their like
/// into each pod beside it, Sluice's own pods first of all. Nobody typed these, none is a typing error
/// of ours, and refusing them would keep Sluice from starting behind the most natural service name.
/// Their shapes are exact, so no name of our own can hide among them.
enum ServiceLinks {
  static func contains(_ name: String, value: String) -> Bool {
    let words = name.split(separator: "_", omittingEmptySubsequences: false).map(String.init)
    if words.suffix(2) == ["SERVICE", "HOST"] || words.suffix(2) == ["SERVICE", "PORT"] { return true }
    // SLUICE_SERVICE_PORT_HTTP: one for each named port.
    if words.count >= 4, words.dropFirst().firstRange(of: ["SERVICE", "PORT"]) != nil { return true }
    // SLUICE_PORT=tcp://10.0.0.11:80. With any other value it is a mistake for PORT.
    if words.last == "PORT", ["tcp://", "udp://", "sctp://"].contains(where: value.hasPrefix) { return true }
    // SLUICE_PORT_80_TCP, and behind that _PROTO, _PORT and _ADDR.
    let isDetail = ["PROTO", "PORT", "ADDR"].contains(words.last)
    let shape = (isDetail ? words.dropLast() : words[...]).suffix(3)
    guard shape.count == 3, let transport = shape.last, let word = shape.first else { return false }
    guard word == "PORT", ["TCP", "UDP", "SCTP"].contains(transport) else { return false }
    return UInt16(shape[shape.startIndex + 1]) != nil
  }
}
