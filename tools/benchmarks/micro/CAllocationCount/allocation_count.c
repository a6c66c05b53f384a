#include "CAllocationCount.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

/* Of one thread, so that counting costs one addition and other threads do not matter. Found without a
 * call into the loader, which might allocate. */
static _Thread_local uint64_t total __attribute__((tls_model("initial-exec")));

uint64_t callocationcount_total(void) { return total; }

#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_OWN_ALLOCATOR 1
#endif

/* An executable's definitions go before those of its libraries, so the Swift runtime calls these too.
 * `free` may stay glibc's: the memory is. */
#if defined(__GLIBC__) && !defined(HAS_OWN_ALLOCATOR)

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

void *malloc(size_t size) {
  total += 1;
  return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
  total += 1;
  return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size) {
  total += 1;
  return __libc_realloc(old, size);
}

void *memalign(size_t alignment, size_t size) {
  total += 1;
  return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
  total += 1;
  return __libc_memalign(alignment, size);
}

int posix_memalign(void **result, size_t alignment, size_t size) {
  if (alignment % sizeof(void *) != 0 || alignment == 0 || (alignment & (alignment - 1)) != 0) return EINVAL;
  total += 1;
  void *memory = __libc_memalign(alignment, size);
  if (memory == NULL) return ENOMEM;
  *result = memory;
  return 0;
}

#endif
