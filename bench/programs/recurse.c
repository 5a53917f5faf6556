/* Calls and returns, and hardly anything else: the compiler may neither turn
 * them into loops nor put one call's body inside another's. */
#pragma GCC optimize("no-optimize-sibling-calls", "no-inline", \
		     "no-partial-inlining", "no-ipa-cp")
#include "bench.h"

#define QUEENS	9

static u32 __attribute__((noinline)) fib(u32 n)
{
	return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

static u32 __attribute__((noinline)) ackermann(u32 m, u32 n)
{
	if (!m)
		return n + 1;
	return ackermann(m - 1, n ? ackermann(m, n - 1) : 1);
}

static u32 __attribute__((noinline)) queens(u32 row, u32 columns, u32 left,
					    u32 right)
{
	u32 free = ~(columns | left | right) & ((1 << QUEENS) - 1), count = 0;

	if (row == QUEENS)
		return 1;
	for (; free; free &= free - 1) {
		u32 bit = free & -free;

		count += queens(row + 1, columns | bit, (left | bit) << 1,
				(right | bit) >> 1);
	}
	return count;
}

static u32 work(void)
{
	u32 i, sum = fib(34);

	sum = mix(sum, ackermann(2, 1200));
	for (i = 0; i < 30; i++)
		sum = mix(sum, queens(0, 0, 0, 0));
	return sum;
}

int main(void)
{
	return timed("recurse", work);
}
