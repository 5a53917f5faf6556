/*G:010 What the rooms of the kernel know of each other.
 *
 * puppy is small enough that one header will do: whatever a file offers to the
 * others stands here, in the order in which the chapter tells of it.  What
 * isn't here is nobody else's business and "static".
 *
 * Three rules hold everywhere, and are what keeps such a kernel short:
 *
 *  - There is one processor, and the kernel is never preempted: a task that
 *    runs in here runs until it waits, or goes back to its program.  Only an
 *    interrupt can come between, and irq_save() keeps even that away.
 *  - All the memory we manage is mapped, always, at PAGE_OFFSET: pa() and va()
 *    are an addition each.
 *  - A failure of the user's program is a negative errno, a failure of ours is
 *    panic(). */
#ifndef GUEST_PUPPY_H
#define GUEST_PUPPY_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <linux/lguest.h>
#include "layout.h"

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed int s32;
typedef signed long long s64;

#define PAGE_SIZE	4096u
#define PAGE_SHIFT	12

#define NS_PER_MS	1000000u
#define NS_PER_S	1000000000u

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))
#define ALIGN_DOWN(x, to)	((x) & ~((to) - 1))
#define ALIGN_UP(x, to)		ALIGN_DOWN((x) + (to) - 1, to)
#define barrier()		asm volatile("" : : : "memory")

static inline u32 min_u32(u32 a, u32 b)
{
	return a < b ? a : b;
}

static inline int min_int(int a, int b)
{
	return a < b ? a : b;
}

static inline u32 max_u32(u32 a, u32 b)
{
	return a > b ? a : b;
}
/*:*/

/*G:012 lib.c: what a C program takes for granted, and a kernel has to bring
 * along.  ksnprintf() understands %c %s %d %u %x %p %%, with a width, a leading
 * 0 or -, and "ll" for 64 bits; it returns what it would have liked to
 * write. */
void *memcpy(void *to, const void *from, size_t len);
void *memmove(void *to, const void *from, size_t len);
void *memset(void *to, int byte, size_t len);
int memcmp(const void *a, const void *b, size_t len);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t len);
int kvsnprintf(char *to, size_t size, const char *fmt, va_list args);
int ksnprintf(char *to, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Quotient; the remainder goes to *rest unless that is NULL.  ("/" on 64 bits
 * would be a call into a library that we don't have.) */
u64 div64(u64 dividend, u32 divisor, u32 *rest);
/*:*/

/*G:014 printk.c: talking, and the ways to stop for good.  Until console_ready
 * is set (by the console's driver, in chapter D) printk() uses the Host's early
 * console.  It may sleep where interrupts are on; panic() may be called from
 * anywhere.  reason is LGUEST_SHUTDOWN_POWEROFF or _RESTART. */
extern bool console_ready;
void printk(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void panic(const char *fmt, ...)
	__attribute__((format(printf, 1, 2), noreturn));
void shutdown(const char *text, u32 reason) __attribute__((noreturn));
#define POWER_DOWN	"Power down"
#define RESTARTING	"Restarting"
/*:*/

/*G:016 main.c: the command line.  An option's value, "" if it stands there
 * without one, NULL if it doesn't stand there at all. */
const char *cmdline_option(const char *name);
/*:*/

/*G:018 hypercall.c: asking the Host, at once or when it suits.  What is left
 * for later is done, in order, before the next hcall() is. */
extern struct lguest_data lguest_data;
u32 hcall(u32 nr, u32 a, u32 b, u32 c, u32 d);
void hcall_later(u32 nr, u32 a, u32 b, u32 c, u32 d);

/* Interrupts off, and back to what they were. */
u32 irq_save(void);
void irq_restore(u32 flags);
/*:*/

/*G:020 memory.c: pages of RAM, and smaller things made of them.  Pages come
 * zeroed; several users may share one (get_page() adds a user), and the last
 * free_page() gives it back.  kmalloc() is zeroed too, and ends at a page. */
u32 memory_top(void);		/* Bytes of RAM; the device page follows it. */
u32 pa(const void *kernel_virtual);
void *va(u32 physical);
void *alloc_page(void);		/* NULL if there is none left. */
/* So many neighbours, the first page's number a multiple of @align. */
void *alloc_run(u32 count, u32 align);
void get_page(void *page);
u32 page_users(const void *page);
void free_page(void *page);
unsigned int free_pages(void);
unsigned int total_pages(void);
void *kmalloc(size_t size);
void kfree(void *object);
void memory_init(void);
/*:*/

/*G:022 paging.c: page tables.  A root is the (kernel virtual) page directory,
 * or the page directory pointer table in puppy-pae; nobody outside of paging.c
 * needs to know which. */
#define PTE_PRESENT	0x001u
#define PTE_WRITE	0x002u
#define PTE_USER	0x004u
#define PTE_ACCESSED	0x020u
#define PTE_DIRTY	0x040u
/* The last three bits are left to the kernel: this one says that the page was
 * writable, before fork() made it shared. */
#define PTE_COW		0x200u
/* What a program's pages have.  Accessed at once, and dirty too if they're writable:
 * a page is mapped because the program stumbled over it, and it's about to try
 * again.  That saves the processor a look at the entry, and a Host which sees
 * it on the way back to the program a whole fault (2 us). */
#define PTE_READABLE	(PTE_USER | PTE_ACCESSED)
#define PTE_WRITABLE	(PTE_READABLE | PTE_WRITE | PTE_DIRTY)

void *root_alloc(void);
void root_free(void *root);
void *kernel_root(void);
void root_load(void *root);
/* Maps a page; false if there's no memory for a table.  Replacing or removing
 * an entry is told to the Host, before the program can run again if the caller
 * ends with pages_settle(). */
bool page_map(void *root, u32 virtual, const void *page, u32 flags);
void *page_unmap(void *root, u32 virtual);
void *page_mapped(void *root, u32 virtual, u32 *flags);
void pages_settle(void);
/* Everything the program of @from has mapped becomes shared with @to. */
bool root_share(void *to, void *from);
/* Pages above RAM (devices), or RAM that isn't mapped; while booting only. */
void *map_physical(u32 physical, unsigned int pages);
/* Flags of a kernel page's entry; clearing A and D to see them set again. */
u32 kernel_page_flags(const void *virtual);
void kernel_page_clear(const void *virtual, u32 flags);
void paging_init(void);
/*:*/

/*G:024 traps.c: why we left the program.  The order is that of the stack: what
 * the Host pushed is at the end, what we pushed (entry.S) before it. */
struct regs {
	u32 ebx, ecx, edx, esi, edi, ebp, eax;
	u32 ds, es;
	u32 trap, error;
	u32 eip, cs, eflags;
	/* Only there if we come from a program. */
	u32 esp, ss;
};

#define EFLAGS_IF	LGUEST_EFLAGS_IF

static inline bool from_program(const struct regs *regs)
{
	return (regs->cs & 3) == 3;
}

void request_irq(unsigned int irq, void (*fn)(void *arg), void *arg);
void traps_init(void);
void trap(struct regs *regs);
/*:*/

/*G:026 time.c: nanoseconds since boot, the wall clock, and being called
 * back. */
u64 now_ns(void);
u64 wall_ns(void);
u64 wall_seconds(void);
/* Asks for a timer interrupt not later than at that time. */
void timer_want(u64 when);
void time_init(void);
/*:*/

/*G:028 task.c: who runs, and who waits for what.  The waits test ready(arg)
 * first and whenever somebody calls wake(), with interrupts off.
 * wait_on_timeout() says if it became ready; wait_interruptible() is false if a
 * signal came first. */
struct task;
struct waitqueue {
	struct task *first;
};
extern struct task *current;

struct task *kthread(const char *name, void (*fn)(void *arg), void *arg);
void wait_on(struct waitqueue *queue, bool (*ready)(void *arg), void *arg);
bool wait_on_timeout(struct waitqueue *queue, bool (*ready)(void *arg),
		     void *arg, u64 ns);
bool wait_interruptible(struct waitqueue *queue, bool (*ready)(void *arg),
			void *arg);
void wake(struct waitqueue *queue);
void sleep_ns(u64 ns);
void yield(void);
/* One line of text for each task. */
void ps(void (*line)(const char *text, void *arg), void *arg);

/* What happened since boot: for the shell's reader, and for the self-test. */
struct counters {
	u32 switches, halts, interrupts, timers;
	u32 faults, cow_copies, fpu_traps;
	u32 hypercalls, ring_calls, ring_full;
};
extern struct counters counters;
/*:*/

/*G:030 exec.c: starts a program of the initrd as a process of its own, and
 * waits.  Its exit status, or 128 + the signal that ended it; negative if there
 * is no such program or no memory. */
int run_program(const char *path, char *const argv[]);
/*:*/

/*G:032 initrd.c: the files.  Paths have no leading slash in the archive; with
 * or without one will do here.  The walk goes on while there are files, and
 * returns false if there's no initrd. */
const void *initrd_find(const char *path, size_t *size);
bool initrd_walk(void (*fn)(const char *path, size_t size, void *arg),
		 void *arg);
void initrd_init(void);
/*:*/

/*G:034 And what chapter D gives to the kernel.  bus_init() runs in a thread of
 * its own, with interrupts on, so that it may wait for devices. */
void bus_init(void);
void console_write(const char *text, size_t len);
void console_flush(void);	/* Before the very end. */
int console_getc(void);		/* Waits; negative if a signal came first. */
bool block_rw(unsigned int disk, bool write, u64 sector, void *buf,
	      unsigned int sectors);
bool block_flush(unsigned int disk);
u64 block_sectors(unsigned int disk);
int rng_read(void *buf, size_t len);
void shell(void *unused);
void selftest(void *unused);
/* Measures everything, or what has that name: false if nothing has. */
bool bench(const char *name);
/*:*/

#endif /* GUEST_PUPPY_H */
