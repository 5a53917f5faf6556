/* A Guest with so many megabytes as the program's name (or first argument)
 * says has five eighths of them written to: nanoseconds for each page. */
#include "bench.h"

#define PAGE	4096

int main(void)
{
	u32 megabytes = number_argument(), pages = megabytes * 160, i, start;
	volatile u8 *memory;

	start = clock_ns();
	memory = map_pages((size_t)pages * PAGE);
	for (i = 0; i < pages; i++)
		memory[i * PAGE] = 1;
	start = clock_ns() - start;
	print("fill_%u value %u\n", megabytes, start / pages);
	return 0;
}
