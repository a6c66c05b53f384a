import Testing

@testable import Cache

@Suite("CacheControl") struct CacheControlTests {
  @Test func `nothing said is nothing meant`() { #expect(CacheControl() == CacheControl()) }
}
