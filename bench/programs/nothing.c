/* What is started when only the starting is to be measured. */
#include "bench.h"

int main(void)
{
	return 0;
}
