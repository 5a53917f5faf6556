/*S:300 System calls without errno.
 *
 * Two facts make the C library's wrappers unfit for the Host: service threads
 * made by clone() share our errno, and the Guest's SSE registers are live while
 * we run.  The kernel itself returns -errno in a register and touches nothing
 * else, which is all that we ever wanted to know. :*/
#ifndef LGUEST_HOST_RAW_H
#define LGUEST_HOST_RAW_H

/* Returns what the kernel returned: a value, or -errno (-4095..-1). */
static inline long raw_syscall(long nr, long a, long b, long c, long d, long e,
			       long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "0"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8),
			   "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

#endif /* LGUEST_HOST_RAW_H */
