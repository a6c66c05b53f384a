internal import Base
internal import Delivery
internal import Observe

extension MetricsPage {
  /// Asynchronous requests.
  static func delivery(_ counts: DeliverySnapshot, _ text: inout PrometheusText) {
    func counter(_ name: StaticString, _ help: StaticString, _ value: UInt64, _ text: inout PrometheusText) {
      text.begin(name, .counter, help)
      text.sample([], value)
    }
    counter("sluice_async_accepted_total", "Asynchronous requests acknowledged.", counts.accepted, &text)
    counter("sluice_async_refused_total", "Asynchronous requests not taken.", counts.refused, &text)
    counter("sluice_async_delivered_total", "Those that were answered with success.", counts.delivered, &text)
    counter("sluice_async_dead_total", "Those that became dead letters.", counts.dead, &text)
    counter("sluice_async_failed_attempts_total", "Attempts that failed.", counts.failed, &text)
    counter("sluice_async_retried_total", "Attempts that were followed by another.", counts.retried, &text)
    counter("sluice_async_commits_total", "Transactions written, each with one fsync.", counts.commits, &text)
    counter("sluice_async_commit_operations_total", "Operations in them.", counts.commitOperations, &text)
    text.begin("sluice_async_pending", .gauge, "Asynchronous requests that are not finished.")
    text.sample([], UInt64(max(0, counts.pending)))
    text.begin("sluice_async_in_flight", .gauge, "Those that are under way.")
    text.sample([], UInt64(counts.inFlight))
    text.begin("sluice_async_connections", .gauge, "Connections to the asynchronous listener.")
    text.sample([], UInt64(counts.connections))
    text.begin("sluice_async_oldest_age_seconds", .gauge, "How long the one that waits longest has been due.")
    text.sample([], exactly: counts.oldestAge)
    text.begin("sluice_async_store_bytes", .gauge, "What the store holds.")
    text.sample([], UInt64(max(0, counts.storeBytes)))
    text.begin("sluice_async_commit_seconds", .histogram, "From the first of a batch to its being durable.")
    text.sample(
      bounds: DeliverySnapshot.commitBounds.map { Double($0) / 1_000_000 }, counts.commitMicroseconds,
      sum: Double(counts.commitMicrosecondsSum) / 1_000_000)
    text.begin(
      "sluice_async_delivery_seconds", .histogram, "From acceptance, or the latest attempt, to the answer.")
    text.sample(
      bounds: DeliverySnapshot.deliveryBounds.map { Double($0) / 1000 }, counts.deliveryMilliseconds,
      sum: Double(counts.deliveryMillisecondsSum) / 1000)
  }
}
