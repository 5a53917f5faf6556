/* The Launcher, included whole, with a way back from fatal(): it says why, and the
 * saying is where we leap out.  There are no service threads: whoever asks for one
 * gets a number that no process can have, and whoever includes this does its
 * work; and what ends the process is a way back, too. */
#ifndef FUZZ_LAUNCHER_H
#define FUZZ_LAUNCHER_H

#define _GNU_SOURCE
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#define NO_SUCH_PROCESS 0x7ffffff0

static int leap_or_print(char *to, size_t size, const char *fmt, va_list ap);
static void __attribute__((noreturn)) leap(int status);

#undef _GNU_SOURCE
#define main launcher_main
#define vsnprintf leap_or_print
#define exit leap
#define clone(function, ...) ((void)(function), NO_SUCH_PROCESS)
#include "../../lguest.c"
#undef clone
#undef exit
#undef vsnprintf
#undef main

static jmp_buf way_back;

static void leap(int status)
{
	(void)status;
	longjmp(way_back, 1);
}

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
