#include "COpenSSL.h"

#include <openssl/core_names.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* The transport. */

copenssl_pipe *copenssl_pipe_new(void) { return calloc(1, sizeof(copenssl_pipe)); }

void copenssl_pipe_free(copenssl_pipe *pipe) {
  free(pipe->out);
  free(pipe);
}

static int pipe_read(BIO *bio, char *target, size_t wanted, size_t *count) {
  copenssl_pipe *pipe = BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  if (pipe->in_count == 0) {
    BIO_set_retry_read(bio);
    return 0;
  }
  size_t taken = wanted < pipe->in_count ? wanted : pipe->in_count;
  memcpy(target, pipe->in, taken);
  pipe->in += taken;
  pipe->in_count -= taken;
  *count = taken;
  return 1;
}

static int pipe_write(BIO *bio, const char *bytes, size_t wanted, size_t *count) {
  copenssl_pipe *pipe = BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  if (pipe->out_capacity - pipe->out_count < wanted) {
    size_t capacity = pipe->out_capacity * 2;
    if (capacity < pipe->out_count + wanted) capacity = pipe->out_count + wanted;
    if (capacity < 32 * 1024) capacity = 32 * 1024;
    unsigned char *grown = realloc(pipe->out, capacity);
    if (grown == NULL) return 0;
    pipe->out = grown;
    pipe->out_capacity = capacity;
  }
  memcpy(pipe->out + pipe->out_count, bytes, wanted);
  pipe->out_count += wanted;
  *count = wanted;
  return 1;
}

static long pipe_control(BIO *bio, int command, long number, void *argument) {
  (void)bio, (void)number, (void)argument;
  return command == BIO_CTRL_FLUSH || command == BIO_CTRL_DUP;
}

static BIO_METHOD *method;

static void make_method(void) {
  BIO_METHOD *made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "pipe");
  if (made == NULL) return;
  BIO_meth_set_read_ex(made, pipe_read);
  BIO_meth_set_write_ex(made, pipe_write);
  BIO_meth_set_ctrl(made, pipe_control);
  method = made;
}

int copenssl_set_pipe(SSL *ssl, copenssl_pipe *pipe) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, make_method);
  BIO *bio = method == NULL ? NULL : BIO_new(method);
  if (bio == NULL) return 0;
  BIO_set_data(bio, pipe);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl, bio, bio);
  return 1;
}

/* Contexts. */

static SSL_CTX *context(const SSL_METHOD *kind) {
  SSL_CTX *context = SSL_CTX_new(kind);
  if (context == NULL) return NULL;
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(
      context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                   SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_mode(
      context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  /* Mozilla's intermediate list: forward secrecy and authenticated encryption. */
  SSL_CTX_set_cipher_list(
      context, "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
               "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305");
  /* 128 bits are as safe as the key exchange, and cheaper. */
  SSL_CTX_set_ciphersuites(
      context, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256");
  SSL_CTX_set1_groups_list(context, "X25519:P-256");
  /* One read brings what there is of a record and of those behind it. */
  SSL_CTX_set_read_ahead(context, 1);
  return context;
}

SSL_CTX *copenssl_server_context(void) {
  SSL_CTX *made = context(TLS_server_method());
  if (made == NULL) return NULL;
  SSL_CTX_set_session_cache_mode(made, SSL_SESS_CACHE_OFF);
  /* They are asked for one by one: TLSSession.write. */
  SSL_CTX_set_num_tickets(made, 0);
  SSL_CTX_set_max_early_data(made, 0);
  return made;
}

SSL_CTX *copenssl_client_context(int verifies) {
  SSL_CTX *made = context(TLS_client_method());
  if (made == NULL) return NULL;
  SSL_CTX_set_session_cache_mode(made, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_set_verify(made, verifies ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
  return made;
}

/* Choosing by name. RFC 6066, section 3. */

const unsigned char *copenssl_hello_name(SSL *ssl, size_t *count) {
  const unsigned char *bytes;
  size_t left;
  if (!SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &bytes, &left)) return NULL;
  /* ServerNameList: its length, then the type (0 is host_name) and the length of the first name. */
  if (left < 5 || (size_t)(bytes[0] << 8 | bytes[1]) != left - 2 || bytes[2] != TLSEXT_NAMETYPE_host_name) return NULL;
  size_t length = (size_t)(bytes[3] << 8 | bytes[4]);
  if (length == 0 || length > left - 5 || length > TLSEXT_MAXLEN_host_name) return NULL;
  *count = length;
  return bytes + 5;
}

typedef struct {
  copenssl_choose choose;
  void *argument;
} chooser;

static int said_hello(SSL *ssl, int *alert, void *argument) {
  const chooser *chooser = argument;
  int wrong = chooser->choose(ssl, chooser->argument);
  if (wrong == 0) return SSL_CLIENT_HELLO_SUCCESS;
  *alert = wrong;
  return SSL_CLIENT_HELLO_ERROR;
}

static void free_data(void *parent, void *pointer, CRYPTO_EX_DATA *data, int index, long number, void *argument) {
  (void)parent, (void)data, (void)index, (void)number, (void)argument;
  free(pointer);
}

static int chooser_index = -1;
static void make_chooser_index(void) { chooser_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_data); }

void copenssl_on_hello(SSL_CTX *context, copenssl_choose choose, void *argument) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, make_chooser_index);
  chooser *kept = malloc(sizeof *kept);
  if (kept == NULL || chooser_index < 0) abort();
  *kept = (chooser){choose, argument};
  SSL_CTX_set_ex_data(context, chooser_index, kept);
  SSL_CTX_set_client_hello_cb(context, said_hello, kept);
}

/* Tickets. RFC 5077, section 4, is how they are made. */

struct copenssl_ticket_keys {
  pthread_mutex_t lock;
  int count;
  unsigned char keys[COPENSSL_TICKET_KEYS][COPENSSL_TICKET_KEY_BYTES];
};

copenssl_ticket_keys *copenssl_ticket_keys_new(void) {
  copenssl_ticket_keys *keys = calloc(1, sizeof *keys);
  if (keys == NULL) return NULL;
  pthread_mutex_init(&keys->lock, NULL);
  return keys;
}

void copenssl_ticket_keys_free(copenssl_ticket_keys *keys) {
  pthread_mutex_destroy(&keys->lock);
  OPENSSL_cleanse(keys->keys, sizeof keys->keys);
  free(keys);
}

int copenssl_ticket_keys_rotate(copenssl_ticket_keys *keys) {
  unsigned char fresh[COPENSSL_TICKET_KEY_BYTES];
  if (RAND_priv_bytes(fresh, sizeof fresh) != 1) return 0;
  pthread_mutex_lock(&keys->lock);
  memmove(keys->keys[1], keys->keys[0], sizeof keys->keys - sizeof keys->keys[0]);
  memcpy(keys->keys[0], fresh, sizeof fresh);
  if (keys->count < COPENSSL_TICKET_KEYS) keys->count++;
  pthread_mutex_unlock(&keys->lock);
  OPENSSL_cleanse(fresh, sizeof fresh);
  return 1;
}

static int ticket_keys_index = -1;
static void make_ticket_keys_index(void) { ticket_keys_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL); }

/* 1 for a key that is the newest, 2 for one that is taken but made anew, 0 for none, -1 for a failure. */
static int find_ticket_key(
    SSL *ssl, unsigned char name[16], unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int makes) {
  copenssl_ticket_keys *keys = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), ticket_keys_index);
  unsigned char key[COPENSSL_TICKET_KEY_BYTES];
  int found = -1;
  pthread_mutex_lock(&keys->lock);
  for (int index = 0; index < keys->count && found < 0; index++)
    if (makes || memcmp(keys->keys[index], name, 16) == 0) {
      memcpy(key, keys->keys[index], sizeof key);
      found = index;
    }
  pthread_mutex_unlock(&keys->lock);
  if (found < 0) return makes ? -1 : 0;
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key + 32, 16),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
      OSSL_PARAM_construct_end(),
  };
  int good;
  if (makes) {
    memcpy(name, key, 16);
    good = RAND_bytes(iv, EVP_MAX_IV_LENGTH) == 1 &&
           EVP_EncryptInit_ex(cipher, EVP_aes_128_cbc(), NULL, key + 16, iv) == 1;
  } else {
    good = EVP_DecryptInit_ex(cipher, EVP_aes_128_cbc(), NULL, key + 16, iv) == 1;
  }
  good = good && EVP_MAC_CTX_set_params(mac, parameters) == 1;
  OPENSSL_cleanse(key, sizeof key);
  if (!good) return -1;
  /* TLS 1.3 clients use a ticket once, and get a fresh one each time. */
  return !makes && (found > 0 || SSL_version(ssl) == TLS1_3_VERSION) ? 2 : 1;
}

void copenssl_use_ticket_keys(SSL_CTX *context, copenssl_ticket_keys *keys) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, make_ticket_keys_index);
  if (ticket_keys_index < 0) abort();
  SSL_CTX_set_ex_data(context, ticket_keys_index, keys);
  SSL_CTX_set_tlsext_ticket_key_evp_cb(context, find_ticket_key);
}

/* Sessions of clients. */

static int keep_index = -1;
static int owner_index = -1;
static void make_indices(void) {
  keep_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
  owner_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}
static pthread_once_t indices_once = PTHREAD_ONCE_INIT;

static int session_came(SSL *ssl, SSL_SESSION *session) {
  void *owner = SSL_get_ex_data(ssl, owner_index);
  /* A data pointer that holds a function: POSIX lets it. */
  copenssl_keep keep;
  void *stored = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), keep_index);
  memcpy(&keep, &stored, sizeof keep);
  return owner == NULL || keep == NULL ? 0 : keep(owner, session);
}

void copenssl_on_session(SSL_CTX *context, copenssl_keep keep) {
  pthread_once(&indices_once, make_indices);
  void *stored;
  memcpy(&stored, &keep, sizeof stored);
  SSL_CTX_set_ex_data(context, keep_index, stored);
  SSL_CTX_sess_set_new_cb(context, session_came);
}

void copenssl_set_owner(SSL *ssl, void *owner) {
  pthread_once(&indices_once, make_indices);
  SSL_set_ex_data(ssl, owner_index, owner);
}

/* ALPN. RFC 7301. */

static int choose_protocol(
    SSL *ssl, const unsigned char **chosen, unsigned char *chosen_count, const unsigned char *offered, unsigned count,
    void *argument) {
  (void)ssl, (void)argument;
  static const unsigned char ours[] = "\x08http/1.1";
  if (SSL_select_next_proto((unsigned char **)chosen, chosen_count, ours, sizeof ours - 1, offered, count) ==
      OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_OK;
  /* Section 3.2: no protocol in common ends it; a client that knows only h2 must not be answered in HTTP/1.1. */
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

int copenssl_set_alpn(SSL_CTX *context, const unsigned char *protocols, unsigned count) {
  if (protocols != NULL) return SSL_CTX_set_alpn_protos(context, protocols, count) == 0;
  SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
  return 1;
}

int copenssl_set_server_name(SSL *ssl, const char *name) { return (int)SSL_set_tlsext_host_name(ssl, name); }

/* Certificates. */

int copenssl_use_chain(SSL_CTX *context, X509 *certificate, EVP_PKEY *key, STACK_OF(X509) *chain) {
  return SSL_CTX_use_cert_and_key(context, certificate, key, chain, 0) == 1;
}

STACK_OF(X509) *copenssl_x509_stack_new(void) { return sk_X509_new_null(); }
int copenssl_x509_stack_push(STACK_OF(X509) *stack, X509 *certificate) { return sk_X509_push(stack, certificate) > 0; }
void copenssl_x509_stack_free(STACK_OF(X509) *stack) { sk_X509_pop_free(stack, X509_free); }
void copenssl_bio_free(BIO *bio) { BIO_free(bio); }

GENERAL_NAMES *copenssl_dns_names(X509 *certificate) {
  return X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
}

const unsigned char *copenssl_dns_name(GENERAL_NAMES *names, int index, int *count) {
  for (int at = 0; at < sk_GENERAL_NAME_num(names); at++) {
    const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, at);
    if (name->type != GEN_DNS || index-- > 0) continue;
    *count = ASN1_STRING_length(name->d.dNSName);
    return ASN1_STRING_get0_data(name->d.dNSName);
  }
  return NULL;
}

void copenssl_names_free(GENERAL_NAMES *names) { GENERAL_NAMES_free(names); }

static int password_of(char *buffer, int size, int writes, void *argument) {
  (void)writes;
  const char *password = argument;
  if (password == NULL) return -1;
  size_t count = strlen(password);
  if (count > (size_t)size) return -1;
  memcpy(buffer, password, count);
  return (int)count;
}

EVP_PKEY *copenssl_read_key(BIO *bio, const char *password) {
  return PEM_read_bio_PrivateKey(bio, NULL, password_of, (void *)password);
}

X509 *copenssl_read_certificate(BIO *bio) { return PEM_read_bio_X509_AUX(bio, NULL, password_of, NULL); }

long copenssl_seconds_left(const X509 *certificate) {
  int days = 0, seconds = 0;
  if (!ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(certificate))) return 0;
  return (long)days * 86400 + seconds;
}

/* Stapling. RFC 6066, section 8. */

typedef struct staple {
  struct staple *next;
  /* Not owned: the context has it as long as this. */
  const X509 *certificate;
  size_t count;
  unsigned char bytes[];
} staple;

static int staple_index = -1;

static void free_staples(void *parent, void *pointer, CRYPTO_EX_DATA *data, int index, long number, void *argument) {
  (void)parent, (void)data, (void)index, (void)number, (void)argument;
  for (staple *each = pointer; each != NULL;) {
    staple *next = each->next;
    free(each);
    each = next;
  }
}

static void make_staple_index(void) { staple_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_staples); }

static int give_staple(SSL *ssl, void *argument) {
  (void)argument;
  const X509 *shown = SSL_get_certificate(ssl);
  for (const staple *each = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), staple_index); each != NULL; each = each->next) {
    if (X509_cmp(each->certificate, shown) != 0) continue;
    unsigned char *copy = OPENSSL_memdup(each->bytes, each->count);
    if (copy == NULL) return SSL_TLSEXT_ERR_NOACK;
    SSL_set_tlsext_status_ocsp_resp(ssl, copy, each->count);
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_NOACK;
}

int copenssl_add_staple(SSL_CTX *context, const X509 *certificate, const unsigned char *response, size_t count) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, make_staple_index);
  staple *kept = malloc(sizeof *kept + count);
  if (kept == NULL || staple_index < 0) return 0;
  kept->next = SSL_CTX_get_ex_data(context, staple_index);
  kept->certificate = certificate;
  kept->count = count;
  memcpy(kept->bytes, response, count);
  SSL_CTX_set_ex_data(context, staple_index, kept);
  SSL_CTX_set_tlsext_status_cb(context, give_staple);
  return 1;
}
