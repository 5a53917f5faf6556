/* What the programs that test run32 share, on top of puppy's C library. */
#ifndef TESTS_H
#define TESTS_H

#include "../../../guest/user/user.h"
#include <asm/sigcontext.h>
#include <asm/siginfo.h>
#include <asm/ucontext.h>

/* A place of known address, the same natively and here. */
#define ARENA ((u8 *)0x10000000)
#define PAGE 4096

static inline u8 *map_at(void *address, u32 len, int rights)
{
	return (u8 *)sys(mmap2, address, len, rights,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

/* A handler with all three arguments. */
static inline void on_signal_info(int signal,
				  void (*handler)(int, siginfo_t *,
						  struct ucontext *),
				  u32 flags)
{
	struct {
		void *handler;
		u32 flags;
		void *restorer;
		u32 mask[2];
	} action = { (void *)handler, flags | SA_SIGINFO, NULL, { 0, 0 } };

	if (sys(rt_sigaction, signal, &action, NULL, 8) < 0)
		fail("rt_sigaction %d", signal);
}

#endif
