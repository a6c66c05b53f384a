import Digest
import Testing

@Suite("Digests") struct DigestTests {
  private func hex(_ bytes: [UInt8]) -> String {
    bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
  }

  @Test(arguments: [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
  ]) func `SHA-256 is that of FIPS 180-4, however the bytes are cut`(text: String, expected: String) {
    let bytes = Array(text.utf8)
    let digest = SHA256()
    for cut in 0...bytes.count {
      digest.begin()
      digest.add(bytes.span.extracting(0..<cut))
      digest.add(bytes.span.extracting(cut..<bytes.count))
      #expect(hex(digest.finish()) == expected)
    }
  }

  @Test func `the code is that of RFC 4231`() {
    let first = MessageAuthentication.code(
      of: Array("Hi There".utf8), key: [UInt8](repeating: 0x0B, count: 20))
    #expect(hex(first) == "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7")
    let second = MessageAuthentication.code(
      of: Array("what do ya want for nothing?".utf8), key: Array("Jefe".utf8))
    #expect(hex(second) == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
  }
}
