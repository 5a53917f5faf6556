/*D:806 What a program includes: our C library, all of it.
 *
 * The numbers and layouts come from Linux's own headers, for those are what
 * puppy promises to keep.  Calls return what the kernel returned, so that
 * there's no errno: a negative number is an error, and says which. */
#ifndef GUEST_USER_H
#define GUEST_USER_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <asm/unistd.h>
#include <asm/signal.h>
#include <asm/ldt.h>
#include <linux/errno.h>
#include <linux/mman.h>
#include <linux/time.h>
#include <linux/utsname.h>

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

/* Every program supplies this, and finds its arguments by arg(): 0 is its own
 * name, NULL comes after the last. */
int main(void);
const char *arg(unsigned int n);

void *memcpy(void *to, const void *from, size_t len);
void *memset(void *to, int byte, size_t len);
int memcmp(const void *a, const void *b, size_t len);
size_t strlen(const char *text);
int strcmp(const char *a, const char *b);
u32 number(const char *digits);

/* Understands %d %u %x %c %s and %%, to file descriptor 1. */
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* One line that begins with the program's name, then exit status 1. */
void fail(const char *format, ...)
	__attribute__((format(printf, 1, 2), noreturn));
void exit(int status) __attribute__((noreturn));

/* In crt0.S; the macro fills up the arguments that aren't there. */
int system_call(int nr, ...);
#define sys(name, ...) system_call(__NR_##name, ##__VA_ARGS__, 0, 0, 0, 0, 0, 0)

int fork(void);
/* Exit status of the child, or 128 + the signal that killed it. */
int wait_for(int child);
/* Fresh, zeroed, private memory; ends the program if there is none. */
void *map_pages(size_t bytes);
void on_signal(int signal, void (*handler)(int));
void signal_return(void);
/* Microseconds on the clock that never jumps; only differences matter. */
u64 now_us(void);
void sleep_us(u32 us);

#endif /* GUEST_USER_H */
/*:*/
