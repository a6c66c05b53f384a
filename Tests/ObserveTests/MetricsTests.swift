import Base
import Observe
import Testing

@Suite("Metrics") struct MetricsTests {
  @Test func `latencies fall into the bucket whose bound they do not exceed`() {
    var histogram = LatencyHistogram()
    for microseconds in [0, 500, 501, 1000, 30_000_000, 30_000_001] as [UInt64] {
      histogram.add(microseconds: microseconds)
    }
    let cumulative = histogram.cumulative
    #expect(cumulative.count == LatencyHistogram.bounds.count + 1)
    #expect(cumulative[0] == 2)
    #expect(cumulative[1] == 4)
    #expect(cumulative[cumulative.count - 2] == 5)
    #expect(cumulative[cumulative.count - 1] == 6)
    #expect(histogram.sumMicroseconds == 60_002_002)
    var twice = histogram
    twice.add(histogram)
    #expect(twice.cumulative == cumulative.map { $0 * 2 })
    #expect(twice.count == 12)
  }

  @Test func `the text is that of the Prometheus format`() {
    var text = PrometheusText()
    text.begin("requests_total", .counter, "Requests.")
    text.sample([("name", "a \"b\" \\ c\nd"), ("code", "2xx")], 7)
    text.sample([], exactly: 0.25)
    #expect(
      text.bytes.text() == """
        # HELP requests_total Requests.
        # TYPE requests_total counter
        requests_total{name="a \\"b\\" \\\\ c\\nd",code="2xx"} 7
        requests_total 0.25

        """)
  }

  @Test func `a histogram ends with its sum and count`() {
    var histogram = LatencyHistogram()
    histogram.add(microseconds: 1500)
    var text = PrometheusText()
    text.begin("latency_seconds", .histogram, "Latency.")
    text.sample([("a", "b")], histogram)
    let lines = text.bytes.text().split(separator: "\n")
    #expect(lines.count == 2 + 16 + 2)
    #expect(lines[2] == "latency_seconds_bucket{a=\"b\",le=\"0.0005\"} 0")
    #expect(lines[4] == "latency_seconds_bucket{a=\"b\",le=\"0.0025\"} 1")
    #expect(lines[17] == "latency_seconds_bucket{a=\"b\",le=\"+Inf\"} 1")
    #expect(lines[18] == "latency_seconds_sum{a=\"b\"} 0.0015")
    #expect(lines[19] == "latency_seconds_count{a=\"b\"} 1")
  }
}
