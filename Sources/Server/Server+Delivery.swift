internal import Base
internal import Configuration
internal import Delivery
internal import Logging
internal import Reactor

// MARK: Asynchronous requests

extension Server {
  /// `false` when it failed, which has been told.
  func startDelivery() -> Bool {
    guard settings.delivery.listen != nil else { return true }
    deliveryMail.open(on: loop) { [unowned self] in received($0) }
    let mail = deliveryMail
    do throws(UVError) {
      let started = try DeliveryService.start(settings.delivery, sink: logWriter?.writer) { mail.post($0) }
      delivery = started.service
      threads.append(started.thread)
      (isDeliveryLive, awaitsDelivery) = (true, true)
      return true
    } catch {
      fail("a thread cannot be started: \(error)")
      return false
    }
  }

  private func received(_ event: DeliveryService.Event) {
    switch event {
    case .started(let address, let pending):
      awaitsDelivery = false
      boundAddresses.append(address)
      logger.info(
        "asynchronous requests on \(address), kept in \(settings.delivery.stateDirectory), \(pending) pending"
      )
      announceWhenStarted()
    case .failed(let reason):
      fail("asynchronous requests: \(reason)")
    case .warning(let text): logger.warning("\(text)")
    case .ended:
      isDeliveryLive = false
      if isIdle { end() }
    }
  }
}
