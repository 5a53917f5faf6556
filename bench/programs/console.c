/* Four megabytes to standard output, then how many kilobytes a second that
 * were. */
#include "bench.h"

#define LINE	1000
#define LINES	4000

int main(void)
{
	static char line[LINE];
	u32 i, start, us;

	for (i = 0; i < LINE - 1; i++)
		line[i] = 'x';
	line[i] = '\n';
	start = clock_ns();
	for (i = 0; i < LINES; i++)
		if (sys(write, 1, line, LINE) != LINE)
			fail("can't write");
	us = (clock_ns() - start) / 1000;
	print("console value %u\n", LINES * LINE * 1000u / us);
	return 0;
}
