/*H:010 Everything the Host knows of a Guest. */
#ifndef LGUEST_LG_H
#define LGUEST_LG_H

#include <linux/lguest.h>
#include <sys/types.h>
#include <time.h>

#include "host.h"
#include "windows.h"
#include "x86/x86.h"

#define LGUEST_IRQS 32
#define LGUEST_GDT_ENTRIES 32
#define LGUEST_EVENTFDS 64

struct lg_eventfd {
	u32 addr;
	int fd;
};

/* The processor stands first, so that the machine's callbacks find the rest of
 * it by a cast: see lg_of(). */
struct lguest {
	struct x86_cpu cpu;
	/* ... the machine's own state; owner of core.c adds what it needs ... */
};
/*:*/

#endif /* LGUEST_LG_H */
