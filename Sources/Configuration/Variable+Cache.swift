internal import Base
internal import Cache
internal import Proxy

extension Variable {
  static let caching = [
    Variable(
      "SLUICE_CACHE", .caching, default: .text("on"), example: "off",
      "Whether answers that allow it are kept in memory and served from there (RFC 9111).",
      .onOff { $0.proxy.cache.isEnabled = $1 }),
    Variable(
      "SLUICE_CACHE_SIZE", .caching, default: .text("64MiB"), example: "1GiB",
      "The memory the cache may use, shared by all workers, overheads counted.",
      .size(from: 4 << 20, to: 1 << 40) { $0.proxy.cache.bytesMax = $1 }),
    Variable(
      "SLUICE_CACHE_MAX_OBJECT", .caching, default: .text("1MiB"), example: "8MiB",
      "The largest body that is stored, and never more than a quarter of the cache; larger ones stream through.",
      .size(from: 1024, to: 1 << 32) { $0.proxy.cache.objectBytesMax = $1 }),
    Variable(
      "SLUICE_CACHE_TTL", .caching, default: .text("0s"), example: "5s",
      "How long a 200 to GET is fresh that says nothing of it itself; 0s leaves such answers unstored.",
      .duration(from: Interval(milliseconds: 0), to: Interval.seconds(365 * 24 * 3600)) {
        $0.proxy.cache.defaultTTL = $1
      }),
  ]
}
