/* The floating point unit with the stack, as it was in 1980. */
#include "float.h"

int main(void)
{
	return timed("x87", work);
}
