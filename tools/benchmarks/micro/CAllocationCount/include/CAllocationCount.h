/* Heap allocations, counted by standing in for malloc and its kin, and a value no optimiser sees through. */
#pragma once

#include <stdint.h>

/* What this thread has allocated so far: one for each call that returned new or larger memory. Stays 0
 * where the C library is not glibc, and under sanitizers, which bring a malloc of their own. */
uint64_t callocationcount_total(void);

/* Returns `value`. In Swift the optimiser would know that, and move what depends on it out of a loop. */
static inline intptr_t callocationcount_opaque(intptr_t value) {
  __asm__ volatile("" : "+r"(value) : : "memory");
  return value;
}
