internal import COpenSSL

/// HMAC with SHA-256. RFC 2104, by OpenSSL.
public enum MessageAuthentication {
  /// The 32-byte code of `message` under `key`.
  public static func code(of message: [UInt8], key: [UInt8]) -> [UInt8] {
    var code = [UInt8](repeating: 0, count: SHA256.byteCount)
    var count: UInt32 = 0
    _ = unsafe key.withUnsafeBytes { key in
      unsafe message.withUnsafeBufferPointer { message in
        unsafe HMAC(
          EVP_sha256(), key.baseAddress, Int32(key.count), message.baseAddress, message.count, &code, &count)
      }
    }
    return code
  }
}
