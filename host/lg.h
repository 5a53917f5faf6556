/*H:010 Everything the Host knows of a Guest.
 *
 * It's little.  A Guest is a processor with some memory, the tables that a
 * kernel loads into a processor (GDT, IDT, the stack for traps), one page that
 * it shares with us, and what it waits for.  The processor itself stands first
 * and knows nothing of the rest: when it comes to something that it has to ask
 * about, it calls one of our functions with a struct x86_cpu, and lg_of() finds
 * the Guest around it. */
#ifndef LGUEST_LG_H
#define LGUEST_LG_H

#include <linux/lguest.h>
#include <sys/types.h>

#include "host.h"
#include "tsc.h"
#include "windows.h"
#include "x86/x86.h"

/* The one code and the one data segment that a Guest starts with: entries 12
 * and 13 of its GDT, ring 1. */
#define LGUEST_KERNEL_CS 0x61
#define LGUEST_KERNEL_DS 0x69
#define LGUEST_KERNEL_RING 1
#define LGUEST_USER_RING 3

#define LGUEST_GDT_ENTRIES 32
#define LGUEST_IDT_ENTRIES 256

/* A reason for dying is one line; the longest that the Guest can give is 127
 * characters. */
#define LGUEST_REASON_LEN 256

/* What we use of a gate.  Its selector could only be LGUEST_KERNEL_CS. */
struct lg_gate {
	u32 address;
	u8 type;	/* LG_GATE_*, 0: not present */
	u8 dpl;
};
#define LG_GATE_INTERRUPT 0xe
#define LG_GATE_TRAP 0xf

struct lg_eventfd {
	u32 address;
	int fd;
};

struct lguest {
	struct x86_cpu cpu;
	struct windows *windows;
	u64 pgdir;		/* the Guest's cr3, or WINDOWS_LINEAR */
	bool pae;

	/* Where the Guest told us to look, in its own memory. */
	struct lguest_data *data;
	u32 noirq_start, noirq_end;

	struct lg_gate idt[LGUEST_IDT_ENTRIES];
	u32 gdt[LGUEST_GDT_ENTRIES][2];
	u32 stack_esp;		/* for traps out of ring 3 */
	u16 stack_ss;

	u32 next_hcall;		/* slot of the ring to look at next */
	u32 notify;		/* for the Launcher; 0: nothing */
	bool hcall_waiting;	/* the ring had a notify in front of it */

	/* Interrupt lines, one bit each: raised by any thread. */
	u32 pending;
	u32 sleeping;		/* a futex: 1 while we may be asleep in HALT */
	unsigned tired;		/* see patience.h */
	bool halted;
	volatile bool signalled;	/* the Launcher has had a signal */

	bool dead;
	bool restart;		/* ... but wants to live again */
	bool stranger;		/* wasn't meant to be an lguest Guest */
	char reason[LGUEST_REASON_LEN];

	pid_t task;		/* who called INITIALIZE, and may run us */
	int timer;		/* the kernel's number of it */
	struct tsc_clocks first;	/* when it all began */
	struct lg_eventfd *eventfds;
	unsigned neventfds;
};

static inline struct lguest *lg_of(struct x86_cpu *cpu)
{
	return (struct lguest *)cpu;
}
/*:*/

static inline u32 guest_ring(const struct lguest *lg)
{
	return lg->cpu.user ? LGUEST_USER_RING : LGUEST_KERNEL_RING;
}

/* core.c */
extern const struct x86_machine lguest_machine;

/* The Guest dies of this; the first reason is the one that counts. */
void kill_guest(struct lguest *lg, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* @len bytes of Guest-physical memory at @paddr; NULL if not all are there.
 * The Guest may change them at any time: read once, then check. */
void *guest_range(struct lguest *lg, u32 paddr, u32 len);
/* Same, but the Guest doesn't survive a NULL. */
void *guest_range_or_kill(struct lguest *lg, u32 paddr, u32 len);
/* Runs the Guest until it has a notify for the Launcher: 0 and lg->notify; or
 * lg->signalled: -EINTR; or until it is dead: -ENOENT, -ERESTART. */
int run_guest(struct lguest *lg);

/* hypercalls.c */
/* The hypercall in the Guest's registers, and those of the ring before it. */
void do_hypercalls(struct lguest *lg);

/* interrupts_and_traps.c */
void lguest_trap(struct x86_cpu *cpu, u8 vector, u32 error, u32 address);
void lguest_interrupt(struct x86_cpu *cpu, u8 vector, unsigned len);
void lguest_iret(struct x86_cpu *cpu, const struct x86_insn *insn);
u32 lguest_show_eflags(struct x86_cpu *cpu, u32 eflags);
void lguest_change_eflags(struct x86_cpu *cpu, u32 eflags, u32 mask);

void load_guest_idt_entry(struct lguest *lg, u32 number, u32 low, u32 high);
void set_guest_stack(struct lguest *lg, u32 ss, u32 esp, u32 pages);
/* Raises line @irq; from any thread, and from signal handlers. */
void set_interrupt(struct lguest *lg, unsigned irq);
/* Delivers the first pending interrupt, if the Guest will have it now. */
void try_deliver_interrupt(struct lguest *lg);
/* Out of translated code and out of HALT, to look what's new; as above. */
void wake_guest(struct lguest *lg);
/* Sleeps until a line is pending that isn't blocked, or we have a signal. */
void sleep_until_woken(struct lguest *lg);

/* The clock.  Returns 0 or -errno. */
int init_clock(struct lguest *lg);
void exit_clock(struct lguest *lg);
/* Interrupt 0 in @ns nanoseconds; 0 takes it back. */
void set_clockevent(struct lguest *lg, u32 ns);
/* The wall clock into the Guest's lguest_data. */
void write_timestamp(struct lguest *lg);

/* segments.c */
void init_guest_gdt(struct lguest *lg);
bool lguest_load_segment(struct x86_cpu *cpu, int seg, u16 selector);
bool lguest_descriptor(struct x86_cpu *cpu, u16 selector, u32 out[2]);
/* Which vector would loading @seg with @selector in @ring raise?  0: none. */
u8 segment_fault(const struct lguest *lg, int seg, u16 selector, u32 ring);
/* On the way to ring 3: it doesn't get to keep the kernel's data segments. */
void drop_kernel_segments(struct lguest *lg);
void load_guest_gdt_entry(struct lguest *lg, u32 number, u32 low, u32 high);
void load_guest_tls(struct lguest *lg, u32 paddr);

#endif /* LGUEST_LG_H */
