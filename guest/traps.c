#include "kernel.h"

/*G:440 Traps, the part in C.
 *
 * The gates first.  A gate is 64 bits with an address torn in two, a type and
 * the least ring that may come through on purpose, with an "int" instruction.
 * Type 14 switches interrupts off on the way in, 15 doesn't.  We tell the Host
 * of every single one; it has its own table, and ours would be of no interest
 * to anybody.
 *
 * All 256 get an address, even though no more than about 60 can ever happen: a
 * program may try "int $200", and if there's a gate which it mustn't use,
 * that's a general protection fault of that program.  If there were none, the
 * Host would have to think of something, and what it thinks of isn't pleasant
 * for us. */
#define INTERRUPT_GATE	14
#define TRAP_GATE	15
#define GATE_PRESENT	0x8000u
#define ENTRY_BYTES	16

#define BREAKPOINT	3
#define OVERFLOW	4
#define DEVICE_NOT_AVAILABLE 7
#define PAGE_FAULT	14
#define FAULT_WRITE	2u	/* in its error code */

extern char trap_entries[];

static void set_gate(u32 vector, u32 type, u32 ring)
{
	u32 address = (u32)trap_entries + vector * ENTRY_BYTES;

	hcall(LHCALL_LOAD_IDT_ENTRY, vector,
	      KERNEL_CS << 16 | (address & 0xffff),
	      (address & 0xffff0000) | GATE_PRESENT | ring << 13 | type << 8,
	      0);
}

/* Flat, 4 GB, of ring 3; and the one bit that makes code of data. */
#define USER_SEGMENT_LOW	0x0000ffffu
#define USER_CODE_HIGH		0x00cffb00u
#define USER_DATA_HIGH		0x00cff300u

static void set_segments(void)
{
	hcall(LHCALL_LOAD_GDT_ENTRY, USER_CS / 8, USER_SEGMENT_LOW,
	      USER_CODE_HIGH, 0);
	hcall(LHCALL_LOAD_GDT_ENTRY, USER_DS / 8, USER_SEGMENT_LOW,
	      USER_DATA_HIGH, 0);
}

void traps_init(void)
{
	u32 vector;

	set_segments();
	for (vector = 0; vector < 256; vector++)
		set_gate(vector, INTERRUPT_GATE, 0);
	set_gate(BREAKPOINT, INTERRUPT_GATE, 3);
	set_gate(OVERFLOW, INTERRUPT_GATE, 3);
	set_gate(SYSCALL_VECTOR, TRAP_GATE, 3);
}
/*:*/

/*G:442 Interrupts: one function for each line.  A line is blocked until
 * somebody wants it; afterwards we ask the Host to look, for it may have been
 * waiting. */
static struct {
	void (*fn)(void *arg);
	void *arg;
} lines[LGUEST_IRQS];

/* An interrupt has come, and somebody besides current would like to run. */
static bool yield_soon;

void request_irq(unsigned int irq, void (*fn)(void *arg), void *arg)
{
	u32 flags = irq_save();

	lines[irq].fn = fn;
	lines[irq].arg = arg;
	lguest_data.blocked_interrupts &= ~(1u << irq);
	irq_restore(flags);
	hcall(LHCALL_SEND_INTERRUPTS, 0, 0, 0, 0);
}

static void interrupt(u32 irq)
{
	counters.interrupts++;
	if (lines[irq].fn)
		lines[irq].fn(lines[irq].arg);
	yield_soon = tasks_waiting();
}
/*:*/

/*G:444 Faults.  Those of a program become a signal.  In the kernel there are a
 * few instructions that may fail: they stand in a list, each with the place
 * where to go on (see G:430, G:520).  Anything else is a mistake of ours. */
static const struct {
	const char *name;
	int signal;
} faults[] = {
	{ "division by zero", SIGFPE },
	{ "single step", SIGTRAP },
	{ "NMI", SIGSEGV },
	{ "breakpoint", SIGTRAP },
	{ "overflow", SIGSEGV },
	{ "out of bounds", SIGSEGV },
	{ "bad instruction", SIGILL },
	{ "FPU in the kernel", SIGFPE },
	{ "double fault", SIGSEGV },
	{ "coprocessor overrun", SIGFPE },
	{ "bad TSS", SIGSEGV },
	{ "segment not present", SIGBUS },
	{ "stack fault", SIGBUS },
	{ "general protection fault", SIGSEGV },
	{ "page fault", SIGSEGV },
	{ "reserved trap", SIGSEGV },
	{ "FPU error", SIGFPE },
	{ "misaligned", SIGBUS },
	{ "machine check", SIGBUS },
	{ "SIMD error", SIGFPE },
};

struct fixup {
	u32 from, to;
};

extern const struct fixup fixups_start[], fixups_end[];

static bool fix_up(struct regs *regs)
{
	const struct fixup *fixup;

	for (fixup = fixups_start; fixup < fixups_end; fixup++) {
		if (fixup->from == regs->eip) {
			regs->eip = fixup->to;
			return true;
		}
	}
	return false;
}

static void kernel_fault(struct regs *regs, u32 address)
{
	u32 nr = regs->trap;

	if (fix_up(regs))
		return;
	panic("kernel: %s at %x, error code %x, address %x, in %s",
	      nr < ARRAY_SIZE(faults) ? faults[nr].name : "unknown trap",
	      regs->eip, regs->error, address, current->name);
}

static void fault(struct regs *regs)
{
	irq_restore(regs->eflags & EFLAGS_IF);
	if (!from_program(regs))
		kernel_fault(regs, 0);
	else
		signal_force(regs->trap < ARRAY_SIZE(faults) ?
			     faults[regs->trap].signal : SIGSEGV);
}
/*:*/

/*G:446 A page fault may be nobody's fault.  The address is in lguest_data, and
 * must be read before interrupts are on again and another page fault can
 * replace it.  Then space.c has a look whether there ought to be a page.  That
 * goes for the kernel as well: it may be the first to touch a program's memory,
 * when it copies something there. */
static void page_fault(struct regs *regs)
{
	u32 address = lguest_data.cr2;
	int signal = SIGSEGV;

	irq_restore(regs->eflags & EFLAGS_IF);
	counters.faults++;
	if (address < PAGE_OFFSET && current->space.root)
		signal = space_fault(&current->space, address,
				     regs->error & FAULT_WRITE);
	if (signal && from_program(regs))
		signal_force(signal);
	else if (signal)
		kernel_fault(regs, address);
}
/*:*/

/*G:448 Before a program goes on there may be something to do: let another one
 * have the processor, act upon a signal, let an interrupt in that came
 * meanwhile.  Each of these can lead to the next, so we go round until there's
 * nothing left, and look with interrupts off, so that it stays like that. */
static void before_program(struct regs *regs)
{
	for (;;) {
		irq_save();
		if (yield_soon) {
			yield_soon = false;
			yield();
		} else if (signal_waiting(current)) {
			irq_restore(EFLAGS_IF);
			signal_deliver(regs);
		} else if (lguest_data.irq_pending) {
			irq_restore(EFLAGS_IF);
		} else {
			return;
		}
	}
}

void trap(struct regs *regs)
{
	if (regs->trap == SYSCALL_VECTOR)
		system_call(regs);
	else if (regs->trap - IRQ_BASE < LGUEST_IRQS)
		interrupt(regs->trap - IRQ_BASE);
	else if (regs->trap == LATE_INTERRUPT)
		hcall(LHCALL_SEND_INTERRUPTS, 0, 0, 0, 0);
	else if (regs->trap == PAGE_FAULT)
		page_fault(regs);
	else if (regs->trap == DEVICE_NOT_AVAILABLE && from_program(regs))
		fpu_trap();
	else
		fault(regs);
	if (from_program(regs))
		before_program(regs);
}
/*:*/
