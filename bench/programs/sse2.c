/* The floating point unit with registers, as it has been since 2001. */
#pragma GCC target("sse2,fpmath=sse")
#include "float.h"

int main(void)
{
	return timed("sse2", work);
}
