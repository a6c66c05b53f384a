// swift-tools-version: 6.3
import PackageDescription

// One block for every Swift target: the language mode of the day, unsafe code marked where it
// stands, and no warning left for later.
let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
  .enableExperimentalFeature("Lifetimes"),
  .enableExperimentalFeature("SafeInteropWrappers"),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
]

let package = Package(
  name: "sluice",
  products: [
    .executable(name: "sluice", targets: ["sluice"]),
    .executable(name: "origin", targets: ["origin"]),
    .executable(name: "loadtest", targets: ["loadtest"]),
    .executable(name: "microbench", targets: ["microbench"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
  ],
  targets: [
    // Ground floor: knows nothing of HTTP.
    .target(name: "CLibUV", path: "CLibUV", linkerSettings: [.linkedLibrary("uv")]),
    .target(
      name: "COpenSSL", linkerSettings: [.linkedLibrary("ssl"), .linkedLibrary("crypto")]),
    .target(name: "CSQLite", linkerSettings: [.linkedLibrary("sqlite3")]),
    .target(name: "Base", swiftSettings: strict),
    .target(name: "SQLite", dependencies: ["CSQLite"], swiftSettings: strict),
    .target(name: "Digest", dependencies: ["COpenSSL"], swiftSettings: strict),
    .target(name: "TLS", dependencies: ["Base", "COpenSSL"], swiftSettings: strict),
    .target(name: "Reactor", dependencies: ["Base", "TLS", "CLibUV"], swiftSettings: strict),
    // First floor: pure protocol and policy.
    .target(name: "HTTP1", dependencies: ["Base"], swiftSettings: strict),
    .target(name: "Routing", dependencies: ["Base"], swiftSettings: strict),
    .target(name: "Cache", dependencies: ["Base", "HTTP1"], swiftSettings: strict),
    .target(name: "RateLimit", dependencies: ["Base"], swiftSettings: strict),
    .target(name: "Observe", dependencies: ["Base"], swiftSettings: strict),
    // Second floor: who receives the traffic.
    .target(
      name: "Upstream", dependencies: ["Base", "Digest", "TLS", "Reactor", "HTTP1", "Observe"],
      swiftSettings: strict),
    // Third floor: the work.
    .target(
      name: "Delivery",
      dependencies: ["Base", "Digest", "SQLite", "TLS", "Reactor", "HTTP1", "Observe"],
      swiftSettings: strict),
    .target(
      name: "Proxy",
      dependencies: [
        "Base", "TLS", "Reactor", "HTTP1", "Routing", "RateLimit", "Cache", "Observe", "Upstream",
      ],
      swiftSettings: strict),
    .target(
      name: "Admin",
      dependencies: [
        "Base", "TLS", "Reactor", "HTTP1", "Routing", "RateLimit", "Cache", "Observe", "Upstream",
        "Proxy", "Delivery",
      ],
      swiftSettings: strict),
    // Roof.
    .target(
      name: "Configuration",
      dependencies: [
        "Base", "TLS", "Reactor", "HTTP1", "Routing", "RateLimit", "Cache", "Observe", "Upstream",
        "Proxy", "Delivery",
      ],
      swiftSettings: strict),
    .target(
      name: "Server",
      dependencies: [
        "Base", "TLS", "Reactor", "HTTP1", "Routing", "RateLimit", "Cache", "Observe", "Upstream",
        "Proxy", "Delivery", "Admin", "Configuration",
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: strict),
    .executableTarget(
      name: "sluice",
      dependencies: [
        "Base", "Reactor", "Observe", "Upstream", "Configuration", "Server",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: strict),
    // Tools.
    .executableTarget(
      name: "origin",
      dependencies: [
        "Base", "Reactor", "HTTP1", .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      path: "tools/origin", swiftSettings: strict),
    .target(name: "CAllocationCount", path: "tools/benchmarks/micro/CAllocationCount"),
    .executableTarget(
      name: "microbench",
      dependencies: [
        "Base", "HTTP1", "RateLimit", "Observe", "Proxy", "CAllocationCount",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      path: "tools/benchmarks/micro/MicroBench", swiftSettings: strict),
    .target(
      name: "LoadEngine",
      dependencies: [
        "Base", "Digest", "TLS", "Reactor", "HTTP1",
        .product(name: "Histogram", package: "hdrhistogram-swift"),
      ],
      path: "tools/loadtest/LoadEngine", swiftSettings: strict),
    .executableTarget(
      name: "loadtest",
      dependencies: [
        "Base", "Reactor", "LoadEngine", .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      path: "tools/loadtest/loadtest", swiftSettings: strict),
    // Tests: one target a room, then the tables, then real sockets.
    .target(
      name: "TestSupport",
      dependencies: [
        "Base", "TLS", "Reactor", "Cache", "Observe", "Upstream", "Proxy", "Configuration", "Server",
      ],
      path: "Tests/Support", swiftSettings: strict),
    .testTarget(name: "BaseTests", dependencies: ["Base", "TestSupport"], swiftSettings: strict),
    .testTarget(name: "DigestTests", dependencies: ["Digest"], swiftSettings: strict),
    .testTarget(
      name: "ReactorTests", dependencies: ["Base", "Reactor", "TestSupport"], swiftSettings: strict),
    .testTarget(name: "HTTP1Tests", dependencies: ["Base", "HTTP1", "TestSupport"], swiftSettings: strict),
    .testTarget(
      name: "RoutingTests", dependencies: ["Base", "HTTP1", "Routing", "TestSupport"], swiftSettings: strict),
    .testTarget(
      name: "CacheTests", dependencies: ["Base", "HTTP1", "Cache", "TestSupport"], swiftSettings: strict),
    .testTarget(
      name: "TLSTests", dependencies: ["Base", "TLS", "TestSupport"], exclude: ["Certificates"],
      swiftSettings: strict),
    .testTarget(
      name: "RateLimitTests", dependencies: ["Base", "RateLimit", "TestSupport"], swiftSettings: strict),
    .testTarget(
      name: "ObserveTests", dependencies: ["Base", "Observe", "TestSupport"], swiftSettings: strict),
    .testTarget(
      name: "UpstreamTests", dependencies: ["Base", "Reactor", "Upstream", "TestSupport"],
      swiftSettings: strict),
    .testTarget(
      name: "ProxyTests", dependencies: ["Base", "HTTP1", "Proxy", "TestSupport"], swiftSettings: strict),
    .testTarget(
      name: "DeliveryTests", dependencies: ["Base", "SQLite", "Reactor", "Delivery", "TestSupport"],
      swiftSettings: strict),
    .testTarget(
      name: "ConfigurationTests",
      dependencies: [
        "Base", "HTTP1", "Routing", "RateLimit", "Cache", "Observe", "Proxy", "Delivery", "Reactor",
        "Upstream",
        "Configuration",
      ],
      swiftSettings: strict),
    .testTarget(
      name: "ConformanceTests", dependencies: ["Base", "HTTP1", "TestSupport"], exclude: ["Fixtures"],
      swiftSettings: strict),
    .testTarget(
      name: "LoadEngineTests", dependencies: ["Base", "HTTP1", "LoadEngine", "TestSupport"],
      swiftSettings: strict),
    .testTarget(
      name: "EndToEndTests",
      dependencies: [
        "Base", "TLS", "Reactor", "HTTP1", "RateLimit", "Cache", "Observe", "Upstream", "Proxy",
        "Delivery", "Configuration", "Server", "TestSupport",
      ],
      swiftSettings: strict),
  ]
)

// Fuzz targets have no `main` and need flags of their own, so they are in the package only when asked for:
// `tools/fuzz/run` and `tools/fuzz/differential` set SLUICE_FUZZ.
if Context.environment["SLUICE_FUZZ"] != nil {
  package.targets.append(
    .target(
      name: "FuzzTargets", dependencies: ["Base", "HTTP1", "Routing", "Cache", "Delivery"],
      path: "tools/fuzz/FuzzTargets",
      swiftSettings: strict))
  package.targets.append(
    .executableTarget(
      name: "parseprobe", dependencies: ["Base", "HTTP1"], path: "tools/fuzz/parseprobe",
      swiftSettings: strict))
  package.products.append(.executable(name: "parseprobe", targets: ["parseprobe"]))
  for name in ["FuzzRequestHead", "FuzzResponseHead", "FuzzChunked", "FuzzRoutes", "FuzzCache", "FuzzJobs"] {
    package.targets.append(
      .executableTarget(
        name: name, dependencies: ["FuzzTargets"], path: "tools/fuzz/\(name)",
        swiftSettings: strict + [.unsafeFlags(["-parse-as-library"])]))
    package.products.append(.executable(name: name, targets: [name]))
  }
}
