/*D:838 Keeps the processor busy for as many milliseconds as its argument says
 * (100 if it says nothing), and never gives it up of its own accord. */
#include "user.h"

int main(void)
{
	const char *ms = arg(1);
	u64 end = now_us() + 1000 * (ms ? number(ms) : 100);

	while (now_us() < end)
		;
	return 0;
}
/*:*/
