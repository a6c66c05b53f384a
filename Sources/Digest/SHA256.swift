internal import COpenSSL

/// SHA-256 of bytes that come in pieces. FIPS 180-4, by OpenSSL.
@safe public final class SHA256 {
  public static let byteCount = 32
  private let context: OpaquePointer

  public init() {
    guard let context = unsafe EVP_MD_CTX_new() else { fatalError("no memory for a digest") }
    unsafe self.context = context
  }

  deinit { unsafe EVP_MD_CTX_free(context) }

  public func begin() { unsafe EVP_DigestInit_ex(context, EVP_sha256(), nil) }

  public func add(_ bytes: Span<UInt8>) {
    unsafe bytes.withUnsafeBytes { buffer in
      _ = unsafe EVP_DigestUpdate(context, buffer.baseAddress, buffer.count)
    }
  }

  /// Ends the digest; `begin` is next.
  public func finish() -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: SHA256.byteCount)
    var count: UInt32 = 0
    unsafe EVP_DigestFinal_ex(context, &digest, &count)
    return digest
  }
}
