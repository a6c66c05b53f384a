/// Why a value was refused, before anyone knows which variable it belongs to.
struct Refusal: Error, Hashable {
  /// What is at fault: the value, or one entry of a list.
  var part: String
  /// What is wrong, as a phrase that follows the part: `has no unit`.
  var problem: String

  init(_ part: some StringProtocol, _ problem: String) {
    self.part = String(part)
    self.problem = problem
  }
}
