/*D:834 Something for the processor to do: all primes below two million.  With
 * any argument it keeps to itself how long that took. */
#include "user.h"

#define LIMIT 2000000
#define PRIMES_BELOW_LIMIT 148933

static u8 composite[LIMIT];

static u32 count_primes(void)
{
	u32 i, j, count = 0;

	for (i = 2; i < LIMIT; i++) {
		if (composite[i])
			continue;
		count++;
		for (j = 2 * i; j < LIMIT; j += i)
			composite[j] = 1;
	}
	return count;
}

int main(void)
{
	u64 start = now_us();
	u32 count = count_primes();

	if (count != PRIMES_BELOW_LIMIT)
		fail("%u primes", count);
	if (!arg(1))
		print("%u primes in %u us\n", count,
		      (u32)(now_us() - start));
	return 0;
}
/*:*/
