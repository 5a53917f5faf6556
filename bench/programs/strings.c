/* Memory and strings, as a C library without tricks does it: copying by words
 * and by bytes, lengths, comparisons, searches. */
#include "bench.h"

#define BYTES	65536
#define ROUNDS	400

static u32 from[BYTES / 4], to[BYTES / 4];

static void __attribute__((noinline)) copy_words(u32 *dest, const u32 *src,
						 u32 count)
{
	while (count--) {
		*dest++ = *src++;
		asm volatile("" : : : "memory");
	}
}

static void __attribute__((noinline)) copy_string(char *dest, const char *src)
{
	while ((*dest++ = *src++))
		asm volatile("" : : : "memory");
}

static u32 __attribute__((noinline)) count_letter(const char *text, char letter)
{
	u32 count = 0;

	for (; *text; text++)
		count += *text == letter;
	return count;
}

static void fill(char *text)
{
	u32 i, seed = 7;

	for (i = 0; i < BYTES - 1; i++)
		text[i] = 'a' + pseudo_random(&seed) % 26;
	text[i] = '\0';
}

static u32 work(void)
{
	u32 i, sum = 0;

	fill((char *)from);
	for (i = 0; i < ROUNDS; i++) {
		copy_words(to, from, BYTES / 4);
		sum = mix(sum, strlen((char *)to + i));
		copy_string((char *)to, (char *)from + i);
		sum = mix(sum, strcmp((char *)to, (char *)from + i));
		sum = mix(sum, count_letter((char *)to, 'a' + i % 26));
		memcpy(to, (char *)from + i, BYTES - i);
		sum = mix(sum, memcmp(to, from, BYTES));
	}
	return sum;
}

int main(void)
{
	return timed("strings", work);
}
