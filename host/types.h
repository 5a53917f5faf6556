/* The short names of the field, and the two idioms every file here needs. */
#ifndef LGUEST_HOST_TYPES_H
#define LGUEST_HOST_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

#define PAGE_SHIFT 12
#define PAGE_SIZE 4096u
#define PAGE_MASK (~(PAGE_SIZE - 1))

/* While the Guest runs, its FPU and SSE registers are live in the machine, and
 * libc's memcpy() loves those.  So the Host's C moves bytes itself. */
static inline void copy_bytes(void *to, const void *from, size_t len)
{
	__asm__ volatile("rep movsb"
			 : "+D"(to), "+S"(from), "+c"(len) : : "memory");
}

static inline void zero_bytes(void *to, size_t len)
{
	__asm__ volatile("rep stosb"
			 : "+D"(to), "+c"(len) : "a"(0) : "memory");
}

#endif /* LGUEST_HOST_TYPES_H */
