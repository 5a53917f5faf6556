/* A page of the program's own file, touched for the first time: a copy has to
 * be made, as it is written to. */
#include "bench.h"

#define PAGES	256
#define PAGE	4096

static u8 data[PAGES * PAGE] = { 1, [sizeof(data) - 1] = 1 };

int main(void)
{
	volatile u8 *byte = data;
	u32 i, start = clock_ns();

	for (i = 0; i < PAGES; i++)
		byte[i * PAGE]++;
	report("file_page", (clock_ns() - start) / PAGES);
	return 0;
}
