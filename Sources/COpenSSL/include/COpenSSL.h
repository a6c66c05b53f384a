/* What is used of OpenSSL 3: libssl-dev of Debian 12. Macros, which Swift does not see, are functions here, and so is
 * the transport: a BIO that takes what it reads from a span and puts what it writes behind what is there. */
#ifndef COPENSSL_H
#define COPENSSL_H

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

/* What comes and goes at this moment, shared by all sessions of a thread. */
typedef struct {
  /* Not owned; valid while a session receives. */
  const unsigned char *in;
  size_t in_count;
  /* Owned, grows. */
  unsigned char *out;
  size_t out_count;
  size_t out_capacity;
} copenssl_pipe;

copenssl_pipe *copenssl_pipe_new(void);
void copenssl_pipe_free(copenssl_pipe *pipe);

/* Gives `ssl` the pipe for its transport. 0 when there is no memory. */
int copenssl_set_pipe(SSL *ssl, copenssl_pipe *pipe);

/* Contexts: TLS 1.2 and 1.3, ciphers with forward secrecy and authentication, X25519 and P-256, no renegotiation, no
 * compression, buffers given back when idle. NULL when there is no memory. */
SSL_CTX *copenssl_server_context(void);
SSL_CTX *copenssl_client_context(int verifies);

/* The name of the first `server_name` that a client hello carries, and its length; NULL where there is none.
 * Only within a client hello callback. */
const unsigned char *copenssl_hello_name(SSL *ssl, size_t *count);

/* Calls `choose` when a client hello is there, with the argument given here. It returns 0 to go on, else an alert. */
typedef int (*copenssl_choose)(SSL *ssl, void *argument);
void copenssl_on_hello(SSL_CTX *context, copenssl_choose choose, void *argument);

/* Keys of session tickets: `keys[0]` makes new ones, all are tried for those that come. 48 bytes each: name, AES-128
 * key and HMAC-SHA-256 key of 16 bytes. The array must outlive the context, and may be changed between calls under
 * a lock of its own. */
enum { COPENSSL_TICKET_KEY_BYTES = 48, COPENSSL_TICKET_KEYS = 3 };
typedef struct copenssl_ticket_keys copenssl_ticket_keys;
copenssl_ticket_keys *copenssl_ticket_keys_new(void);
void copenssl_ticket_keys_free(copenssl_ticket_keys *keys);
/* A fresh key makes tickets from now on; the two before it are still taken. 0 when no random bytes are to be had. */
int copenssl_ticket_keys_rotate(copenssl_ticket_keys *keys);
void copenssl_use_ticket_keys(SSL_CTX *context, copenssl_ticket_keys *keys);

/* Calls `keep` with each session that can be resumed, with the argument given to copenssl_set_owner. It returns 1 if
 * it keeps the session, which it then owns. */
typedef int (*copenssl_keep)(void *owner, SSL_SESSION *session);
void copenssl_on_session(SSL_CTX *context, copenssl_keep keep);
void copenssl_set_owner(SSL *ssl, void *owner);

int copenssl_set_alpn(SSL_CTX *context, const unsigned char *protocols, unsigned count);
int copenssl_set_server_name(SSL *ssl, const char *name);
int copenssl_use_chain(SSL_CTX *context, X509 *certificate, EVP_PKEY *key, STACK_OF(X509) *chain);
STACK_OF(X509) *copenssl_x509_stack_new(void);
int copenssl_x509_stack_push(STACK_OF(X509) *stack, X509 *certificate);
void copenssl_x509_stack_free(STACK_OF(X509) *stack);
void copenssl_bio_free(BIO *bio);

/* The DNS name number `index` of a certificate's subjectAltName, as bytes; NULL behind the last. */
const unsigned char *copenssl_dns_name(GENERAL_NAMES *names, int index, int *count);
void copenssl_names_free(GENERAL_NAMES *names);
GENERAL_NAMES *copenssl_dns_names(X509 *certificate);

/* Reads a private key; `password` may be NULL, and nobody is asked for one. */
EVP_PKEY *copenssl_read_key(BIO *bio, const char *password);
X509 *copenssl_read_certificate(BIO *bio);

/* Seconds from now to the end of the certificate's validity, negative once that is past. */
long copenssl_seconds_left(const X509 *certificate);

/* OCSP response (DER) to staple where that certificate of the context is shown; copied. */
int copenssl_add_staple(SSL_CTX *context, const X509 *certificate, const unsigned char *response, size_t count);

/* RFC 2253, all but printable ASCII escaped. */
static const unsigned long COPENSSL_NAME_FLAGS = XN_FLAG_RFC2253;

#endif
