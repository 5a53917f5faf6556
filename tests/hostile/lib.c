/* What C code needs on any machine. */
#include "guest.h"

void fill(void *at, u8 value, u32 len)
{
	asm volatile("rep stosb" : "+D"(at), "+c"(len) : "a"(value) : "memory");
}

void *memset(void *at, int value, u32 len)
{
	fill(at, value, len);
	return at;
}

void *memcpy(void *to, const void *from, u32 len)
{
	void *ret = to;

	asm volatile("rep movsb"
		     : "+D"(to), "+S"(from), "+c"(len) : : "memory");
	return ret;
}

u32 random32(void)
{
	static u32 state = 0x2545f491;

	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state;
}
