/* Long simple loops over arrays: primes by sieve, and a sort. */
#include "bench.h"

#define LIMIT	2000000
#define NUMBERS	300000

static u8 composite[LIMIT];
static u32 numbers[NUMBERS];

static u32 count_primes(void)
{
	u32 i, j, count = 0;

	memset(composite, 0, LIMIT);
	for (i = 2; i < LIMIT; i++) {
		if (composite[i])
			continue;
		count++;
		for (j = 2 * i; j < LIMIT; j += i)
			composite[j] = 1;
	}
	return count;
}

static void sort(u32 *first, u32 *last)
{
	while (first < last) {
		u32 pivot = first[(last - first) / 2], *i = first, *j = last;

		while (i <= j) {
			while (*i < pivot)
				i++;
			while (*j > pivot)
				j--;
			if (i <= j) {
				u32 swapped = *i;

				*i++ = *j;
				*j-- = swapped;
			}
		}
		sort(first, j);
		first = i;
	}
}

static u32 work(void)
{
	u32 i, seed = 1, sum = 0;

	for (i = 0; i < 3; i++)
		sum += count_primes();
	for (i = 0; i < NUMBERS; i++)
		numbers[i] = pseudo_random(&seed);
	sort(numbers, numbers + NUMBERS - 1);
	for (i = 0; i < NUMBERS; i++)
		sum = mix(sum, numbers[i]);
	return sum;
}

int main(void)
{
	return timed("sieve", work);
}
