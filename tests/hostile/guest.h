/* A tiny Guest that means no good: what its cases have in common.
 *
 * A case is a function and what should become of it.  There's one image with
 * all of them; the kernel command line names the case to run and may hold some
 * numbers for it.  The runner (run.c) reads the table of cases out of the image.
 *
 * What's expected is the Launcher's exit status, a space, and a pattern for the
 * whole of its stderr ("*" for anything).  "?" for the status is 0, or 1 with one
 * line; with "~" the Guest may also run for ever, and then the runner ends it.
 *  A Guest that has seen what it wanted
 * to see calls good_bye(), and then status is 0; one that has seen something it
 * shouldn't calls fail(), and no pattern provides for that. */
#ifndef HOSTILE_GUEST_H
#define HOSTILE_GUEST_H

#include <stdbool.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define NULL ((void *)0)
#define PAGE 4096u
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

struct hostile_case {
	const char *name, *options, *expect;
	void (*run)(void);
};

/* @options: the Launcher's, in front of the memory size and the kernel; DISK is
 * a disk of one megabyte, which should be as it was in the end. */
#define CASE(function, options, expect)                                      \
	static void function(void);                                          \
	static const struct hostile_case function##_case                     \
		__attribute__((section("cases"), used)) = {                  \
			#function, options, expect, function,                \
	};                                                                   \
	static void function(void)

#define HARMLESS "0 "

/* ---- The Host ---- */

struct lguest_data {
	u32 irq_enabled, blocked_interrupts, cr2, sec, nsec, irq_pending;
	u8 hcall_status[64];
	u32 hcalls[64][5];
	u32 reserve_mem, tsc_khz, noirq_start, noirq_end, kernel_address;
	u32 syscall_vec;
};
extern volatile struct lguest_data lguest_data;

enum {
	FLUSH_ASYNC, INIT, SHUTDOWN, NEW_PGTABLE = 4, FLUSH_TLB, LOAD_IDT,
	SET_STACK, TS, CLOCKEVENT, HALT, SET_PMD = 13, SET_PTE, SET_PGD,
	LOAD_TLS, NOTIFY, LOAD_GDT, SEND_INTERRUPTS, HCALLS,
};
u32 hcall(u32 number, u32 a, u32 b, u32 c, u32 d);
/* LGUEST_INIT, and gates for interrupts, without which HALT doesn't sleep.  It's
 * done for cases whose names don't begin with "_". */
void begin(void);
void __attribute__((noreturn)) good_bye(void);
void __attribute__((noreturn)) fail(const char *why);
#define demand(condition)                          \
	do {                                       \
		if (!(condition))                  \
			fail("not: " #condition);  \
	} while (0)
void print(const char *text);
void sleep_ms(u32 ms);
/* The Host (or a device) should be ending us just now. */
void __attribute__((noreturn)) wait_for_death(void);
/* The nth number after the case's name on the command line, in hex. */
u32 argument(unsigned int n);
/* Memory below the devices' pages, and the end of those. */
u32 memory_end(void);
u32 limit(void);
void fill(void *at, u8 value, u32 len);
/* gcc makes calls of these by itself. */
void *memset(void *at, int value, u32 len);
void *memcpy(void *to, const void *from, u32 len);
u32 random32(void);

/* ---- Pages and traps ---- */

#define PTE_P 1u
#define PTE_W 2u
#define PTE_U 4u
#define PTE_KERNEL (PTE_P | PTE_W)
#define PTE_USER (PTE_P | PTE_W | PTE_U)
#define USER_CS 0x73u
#define USER_DS 0x7bu
#define KERNEL_CS 0x61u
#define KERNEL_DS 0x69u

/* Identity mapping of all memory and device pages, for the kernel only, and the
 * same at 3 GB; programs see .user and .udata. */
void paging_on(void);
extern u32 page_directory[1024];
void map_page(u32 virtual, u32 entry);
/* User page for the page of @in_kernel. */
void map_user(u32 virtual, void *in_kernel);
void load_gate(u8 vector, void *handler, u32 kind);
#define INTERRUPT_GATE 0x8e00u
#define TRAP_GATE 0x8f00u
#define ANYBODY 0x6000u
/* A gate for everything, so that nothing is fatal. */
void gates_on(void);

struct trap {
	u32 edi, esi, ebp, pushed_esp, ebx, edx, ecx, eax;
	u32 vector, error, eip, cs, eflags, esp, ss;
};
extern struct trap trap;
/* Runs a program until it traps; what trapped is in "trap".  The first @ignored
 * traps are answered with iret. */
void run_user(void *eip, u32 esp, u32 ignored);
/* Same, but it ends in a trap 32 if nothing else stops it. */
void run_user_for_a_ms(void *eip, u32 esp);
/* Same for a function in ring 1. */
void run_kernel(void (*function)(void));
/* Sets up both of the above. */
void programs_on(void);

/* A stretch of code for ring 3, with a name. */
#define USER_CODE(name, code)                          \
	extern u8 name[];                              \
	asm(".pushsection .user, \"ax\"\n"             \
	    #name ":\n" code "\n"                      \
	    "	int $0x80\n"                           \
	    "	.popsection")
extern u8 user_data[4 * PAGE];
#define USER_STACK ((u32)user_data + 3 * PAGE)

/* ---- Devices ---- */

#define DESC_NEXT 1u
#define DESC_WRITE 2u
#define DESC_INDIRECT 4u
#define RING_SIZE 256u

struct desc {
	u64 addr;
	u32 len;
	u16 flags, next;
};

struct queue {
	u32 addr;
	volatile struct desc *desc;
	volatile struct {
		u16 flags, idx, ring[RING_SIZE];
	} *avail;
	volatile struct {
		u16 flags, idx;
		struct {
			u32 id, len;
		} ring[RING_SIZE];
	} *used;
	u16 seen;
};

struct device {
	volatile u8 *desc;
	volatile u8 *features, *accepted, *config;
	u8 type, num_vq, feature_len, config_len;
	struct queue vq[2];
};
enum { NET = 1, BLOCK, CONSOLE, RNG };
enum { DESC_TYPE, DESC_NUM_VQ, DESC_FEATURE_LEN, DESC_CONFIG_LEN, DESC_STATUS };

void find_device(u8 type, struct device *dev);
/* Writes the status and tells of it. */
void set_status(struct device *dev, u8 status);
/* Resets it, and starts it with the low byte or so of its features. */
void start_device(struct device *dev, u32 features);
void set_desc(struct queue *q, u16 i, u64 addr, u32 len, u16 flags, u16 next);
void make_available(struct queue *q, u16 head);
void kick(struct queue *q);
/* All of it: one descriptor, made available. */
void offer(struct queue *q, u64 addr, u32 len, u16 flags);
/* Waits for the next used element, returns its length. */
u32 wait_used(struct queue *q);
/* Tells the runner by a word on the console, and waits until it has been done.
 * (The console is started for it.) */
void ask_runner(const char *what);

#endif /* HOSTILE_GUEST_H */
