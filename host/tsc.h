/*H:495 How fast does the time stamp counter count? */
#ifndef LGUEST_TSC_H
#define LGUEST_TSC_H

#include "types.h"

/* Does the kernel keep time by it? */
bool tsc_is_trusted(void);

/* The counter and the kernel's clock, read at the same moment; ns is 0 if they
 * never were. */
struct tsc_clocks {
	u64 tsc, ns;
};

/* Reads both for the first time, which takes a few microseconds; and compares
 * them with what they say later, which may have to wait for half a millisecond
 * to have passed.  0: never started. */
void tsc_start(struct tsc_clocks *first);
u32 tsc_khz(const struct tsc_clocks *first);
/*:*/

#endif /* LGUEST_TSC_H */
