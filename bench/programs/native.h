/* Stands in for guest/user/user.h where a program is built for this machine
 * itself, of 64 bits: there the 32-bit way into the kernel may take fifty times
 * as long as the proper one (in a virtual machine it leaves that), and would be
 * no fair comparison. */
#ifndef BENCH_NATIVE_H
#define BENCH_NATIVE_H

#define _GNU_SOURCE
#include <err.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

typedef uint8_t u8;
typedef uint32_t u32;
typedef uint64_t u64;

extern char **program_arguments;

#define sys(name, ...)	syscall(SYS_##name, ##__VA_ARGS__)
#define print(...)	(printf(__VA_ARGS__), fflush(stdout))
#define fail(...)	errx(1, __VA_ARGS__)
#define arg(n)		program_arguments[n]
#define main		program_main

int program_main(void);
u32 number(const char *digits);
int wait_for(int child);
void *map_pages(size_t bytes);
void on_signal(int signal, void (*handler)(int));

#endif /* BENCH_NATIVE_H */
