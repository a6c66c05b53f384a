/* What is used of OpenSSL 3: libssl-dev of Debian 12. */
#ifndef COPENSSL_H
#define COPENSSL_H

#include <openssl/evp.h>
#include <openssl/hmac.h>

#endif
