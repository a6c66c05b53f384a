internal import COpenSSL

/// A certificate with its chain and its key, read from PEM files and found to fit.
@safe final class Identity: Sendable {
  let file: String
  /// The DNS names that it is for, in lower case, `*.example.com` as `.example.com`.
  let names: [String]
  // Immutable after `init`.
  private nonisolated(unsafe) let certificate: OpaquePointer
  private nonisolated(unsafe) let chain: OpaquePointer
  private nonisolated(unsafe) let key: OpaquePointer
  private let staple: [UInt8]?

  /// - Throws: what is wrong, with the file that it is wrong with.
  init(_ pair: TLSServerSettings.Pair, password: String?) throws(TLSError) {
    file = pair.certificate
    let read = unsafe try Identity.readChain(pair.certificate)
    let key: OpaquePointer
    do throws(TLSError) {
      unsafe key = try Identity.readKey(pair.key, password)
      guard unsafe X509_check_private_key(read.certificate, key) == 1 else {
        unsafe EVP_PKEY_free(key)
        ERR_clear_error()
        throw TLSError("\(pair.key): is not the key of \(pair.certificate)")
      }
      if unsafe copenssl_seconds_left(read.certificate) < 0 {
        unsafe EVP_PKEY_free(key)
        throw TLSError("\(pair.certificate): has expired")
      }
    } catch {
      unsafe X509_free(read.certificate)
      unsafe copenssl_x509_stack_free(read.chain)
      names = []
      staple = nil
      throw error
    }
    unsafe certificate = read.certificate
    unsafe chain = read.chain
    unsafe self.key = key
    staple = Identity.readStaple(pair.certificate)
    names = unsafe Identity.dnsNames(read.certificate)
  }

  deinit {
    unsafe X509_free(certificate)
    unsafe copenssl_x509_stack_free(chain)
    unsafe EVP_PKEY_free(key)
  }

  /// ECDSA, RSA and so on, by OpenSSL's number.
  var kind: Int32 { unsafe EVP_PKEY_get_base_id(key) }

  var secondsLeft: Int { unsafe copenssl_seconds_left(certificate) }

  func use(in context: OpaquePointer) throws(TLSError) {
    guard unsafe copenssl_use_chain(context, certificate, key, chain) == 1 else {
      throw TLSError("\(file): \(TLSError.last(or: "cannot be used"))")
    }
    if let staple { _ = unsafe copenssl_add_staple(context, certificate, staple, staple.count) }
  }

  /// What the authority last said of the certificate, where it was put beside it: the file's name and `.ocsp`.
  static func staplePath(_ file: String) -> String { file + ".ocsp" }

  private static let stapleBytesMax = 64 * 1024

  private static func readStaple(_ file: String) -> [UInt8]? {
    guard let bio = unsafe BIO_new_file(staplePath(file), "rb") else {
      // There need not be one.
      ERR_clear_error()
      return nil
    }
    defer { unsafe copenssl_bio_free(bio) }
    var bytes = [UInt8](repeating: 0, count: stapleBytesMax)
    let count = unsafe BIO_read(bio, &bytes, Int32(bytes.count))
    return count > 0 ? Array(bytes.prefix(Int(count))) : nil
  }

  private static func readChain(_ file: String) throws(TLSError) -> (
    certificate: OpaquePointer, chain: OpaquePointer
  ) {
    guard let bio = unsafe BIO_new_file(file, "r") else {
      throw TLSError("\(file): \(TLSError.last(or: "cannot be read"))")
    }
    defer { unsafe copenssl_bio_free(bio) }
    guard let certificate = unsafe copenssl_read_certificate(bio) else {
      ERR_clear_error()
      throw TLSError("\(file): holds no certificate in PEM form")
    }
    guard let chain = unsafe copenssl_x509_stack_new() else { fatalError("no memory for TLS") }
    while let next = unsafe copenssl_read_certificate(bio) {
      _ = unsafe copenssl_x509_stack_push(chain, next)
    }
    // The end of the file is told as a failure.
    ERR_clear_error()
    return unsafe (certificate, chain)
  }

  private static func readKey(_ file: String, _ password: String?) throws(TLSError) -> OpaquePointer {
    guard let bio = unsafe BIO_new_file(file, "r") else {
      throw TLSError("\(file): \(TLSError.last(or: "cannot be read"))")
    }
    defer { unsafe copenssl_bio_free(bio) }
    guard let key = unsafe copenssl_read_key(bio, password) else {
      let error = TLSError.last(or: "unreadable")
      throw TLSError("\(file): holds no private key that can be read (\(error))")
    }
    return unsafe key
  }

  private static func dnsNames(_ certificate: OpaquePointer) -> [String] {
    guard let list = unsafe copenssl_dns_names(certificate) else { return [] }
    defer { unsafe copenssl_names_free(list) }
    var names: [String] = []
    var count: Int32 = 0
    while let bytes = unsafe copenssl_dns_name(list, Int32(names.count), &count) {
      let name = unsafe String(
        decoding: UnsafeBufferPointer(start: bytes, count: Int(count)), as: UTF8.self
      ).lowercased()
      names.append(name.hasPrefix("*.") ? String(name.dropFirst()) : name)
    }
    return names
  }
}
