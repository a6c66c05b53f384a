#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

/// The clock on the wall, for dates that people read.
public enum WallClock {
  /// Whole seconds since 1970-01-01 00:00:00 UTC.
  public static func seconds() -> Int { time(nil) }
}
