/* The Launcher, included whole, with a way back from fatal(): it says why, and the
 * saying is where we leap out. */
#ifndef FUZZ_LAUNCHER_H
#define FUZZ_LAUNCHER_H

#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

static int leap_or_print(char *to, size_t size, const char *fmt, va_list ap);

#undef _GNU_SOURCE
#define main launcher_main
#define vsnprintf leap_or_print
#include "../../lguest.c"
#undef vsnprintf
#undef main

static jmp_buf way_back;

static int leap_or_print(char *to, size_t size, const char *fmt, va_list ap)
{
	int len = vsnprintf(to, size, fmt, ap);

	if (given_up) {
		given_up = false;
		longjmp(way_back, 1);
	}
	return len;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#endif /* FUZZ_LAUNCHER_H */
