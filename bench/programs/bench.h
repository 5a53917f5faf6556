/* What the programs of the benchmark share.  They are programs of the Guest's
 * user land (guest/user): the same start, the same few library functions, and
 * because Linux gives them the same system calls, the same file runs natively,
 * under qemu-i386 and in the Guest.  The first kind computes, and needs nothing
 * but write, exit and clock_gettime. */
#ifndef BENCH_H
#define BENCH_H

#ifdef __x86_64__
#include "native.h"
#else
#include "../../guest/user/user.h"
#endif

/* Nanoseconds that wrap after four seconds: only differences matter. */
u32 clock_ns(void);

/* Prints "NAME value NANOSECONDS". */
void report(const char *name, u32 ns);

/* Times work() and prints "NAME result WHAT-IT-RETURNED", by which the runs
 * are compared, and "NAME value NANOSECONDS". */
int timed(const char *name, u32 (*work)(void));

/* The program's first argument, or the digits that its name ends in: a kernel
 * that's told to run a program doesn't give it arguments. */
u32 number_argument(void);

/* The same numbers every time, whoever asks. */
u32 pseudo_random(u32 *state);

/* Mixes a value into a running sum. */
static inline u32 mix(u32 sum, u32 value)
{
	return (sum << 5 | sum >> 27) ^ value;
}

#endif /* BENCH_H */
