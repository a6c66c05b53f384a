import Routing
import Testing

@Suite("Route patterns") struct RoutePatternTests {
  @Test(arguments: [
    ("/a", "/a/"), ("*", "/"), ("*", "*/"), ("*/a", "/a"), ("a.example", "A.Example/"),
    ("a.example.", "a.example"),
    ("*.a.example", "*.A.example./"), ("[::1]/a", "[0:0::1]/a"), ("[::ffff:10.0.0.1]", "10.0.0.1"),
    ("/%7euser", "/~user"), ("/a%2fb", "/a%2Fb"),
  ])
  func `two spellings of one pattern are equal`(one: String, other: String) {
    #expect(pattern(one) == pattern(other))
    #expect(pattern(one).hashValue == pattern(other).hashValue)
  }

  @Test(arguments: [
    ("/a", "/A"), ("/a", "/b"), ("/a", "/a/b"), ("/a", "*"), ("a.example", "*.a.example"), ("a.example", "*"),
    ("a.example", "b.a.example"), ("*.a.example", "*.b.a.example"), ("/a%2Fb", "/a/b"), ("[::1]", "[::2]"),
  ])
  func `patterns that differ for some request are not equal`(one: String, other: String) {
    #expect(pattern(one) != pattern(other))
  }

  @Test func `a pattern is shown as it was written`() {
    #expect(pattern("A.Example/%7ea/").description == "A.Example/%7ea/")
    #expect(RoutePattern.everything.description == "*")
  }

  @Test func `what stands in a pattern is normalised`() {
    #expect(pattern("A.Example./%7ea/").host == .exact("a.example"))
    #expect(pattern("A.Example./%7ea/").prefix == "/~a")
    #expect(pattern("[0:0::1]").host == .exact("::1"))
    #expect(pattern("*") == .everything)
    #expect(pattern("*").prefix == "")
  }
}
