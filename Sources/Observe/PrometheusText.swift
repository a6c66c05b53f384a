public import Base

/// Writes metrics as Prometheus reads them: the text format, version 0.0.4.
public struct PrometheusText: ~Copyable {
  public enum Kind: String { case counter, gauge, histogram }
  public typealias Labels = [(name: StaticString, value: String)]

  public private(set) var bytes = ByteBuffer()
  private var family: StaticString = ""

  public init() {}

  public static let contentType: StaticString = "text/plain; version=0.0.4; charset=utf-8"

  /// Begins a family; its samples follow.
  public mutating func begin(_ name: StaticString, _ kind: Kind, _ help: StaticString) {
    family = name
    bytes.append("# HELP ")
    bytes.append(name)
    bytes.append(" ")
    bytes.append(help)
    bytes.append("\n# TYPE ")
    bytes.append(name)
    bytes.append(" ")
    bytes.append(text: kind.rawValue)
    bytes.append("\n")
  }

  public mutating func sample(_ labels: Labels = [], _ value: UInt64) { sample("", labels, text: "\(value)") }
  public mutating func sample(_ labels: Labels = [], exactly value: Double) {
    sample("", labels, text: "\(value)")
  }

  /// The buckets, the sum in seconds and the count.
  public mutating func sample(_ labels: Labels, _ histogram: LatencyHistogram) {
    let counts = histogram.cumulative
    for (index, count) in counts.enumerated() {
      let bound = index < LatencyHistogram.bounds.count ? "\(LatencyHistogram.bounds[index])" : "+Inf"
      sample("_bucket", labels + [("le", bound)], text: "\(count)")
    }
    sample("_sum", labels, text: "\(Double(histogram.sumMicroseconds) / 1_000_000)")
    sample("_count", labels, text: "\(histogram.count)")
  }

  /// A histogram that was counted elsewhere: how many fell at or under each bound and above the one before, and
  /// behind those how many were above all.
  public mutating func sample(bounds: [Double], _ counts: [UInt64], sum: Double) {
    var total: UInt64 = 0
    for (index, count) in counts.enumerated() {
      total += count
      sample("_bucket", [("le", index < bounds.count ? "\(bounds[index])" : "+Inf")], text: "\(total)")
    }
    sample("_sum", [], text: "\(sum)")
    sample("_count", [], text: "\(total)")
  }

  private mutating func sample(_ suffix: StaticString, _ labels: Labels, text value: String) {
    bytes.append(family)
    bytes.append(suffix)
    if !labels.isEmpty {
      bytes.append("{")
      for (index, label) in labels.enumerated() {
        if index > 0 { bytes.append(",") }
        bytes.append(label.name)
        bytes.append("=\"")
        for byte in label.value.utf8 {
          switch byte {
          case 0x5C: bytes.append("\\\\")
          case 0x22: bytes.append("\\\"")
          case 0x0A: bytes.append("\\n")
          default: bytes.append(byte)
          }
        }
        bytes.append("\"")
      }
      bytes.append("}")
    }
    bytes.append(" ")
    bytes.append(text: value)
    bytes.append("\n")
  }
}
