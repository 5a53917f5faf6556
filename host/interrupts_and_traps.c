/*H:400 Interrupts and traps.
 *
 * A processor is interrupted all day.  Programs call the system, touch pages
 * that aren't there, divide by zero; devices have finished something; the clock
 * ticks.  Its answer is always the same: put a few words on the kernel's stack,
 * and go on at an address that the kernel left in a table of 256 gates, the IDT.
 *
 * A Guest's processor is us, so here are that table, those words, iret which
 * takes them off again, the interrupt lines and the clock.  Two things differ
 * from a PC.  The interrupt flag is a word in memory (lg->data->irq_enabled),
 * so that the Guest can change it without asking.  And the kernel is in ring 1,
 * though its gates say ring 0: nobody looks at their selectors. */
#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <asm/lguest_hcall.h>

#include "lg.h"
#include "page_tables.h"
#include "patience.h"
#include "raw.h"

/* Vectors that come with an error code, and those that come after their
 * instruction rather than before it (SDM 3A, table 6-1). */
#define BIT(n) (1u << (n))
#define HAVE_ERROR_CODE                                                        \
	(BIT(X86_DF) | BIT(X86_TS) | BIT(X86_NP) | BIT(X86_SS_FAULT) |         \
	 BIT(X86_GP) | BIT(X86_PF) | BIT(X86_AC))
#define ARE_TRAPS (BIT(X86_DB) | BIT(X86_BP) | BIT(X86_OF))

#define FIRST_IRQ_VECTOR 32
/*:*/

/*H:410 Into the kernel.  What lands on its stack, from low addresses to high:
 *
 *	error code	for some vectors
 *	eip cs eflags
 *	esp ss		if a program was interrupted, whose stack is not to be
 *			trusted: the kernel's was given by LHCALL_SET_STACK
 *
 * Should the stack not be there, a real processor tries a "double fault", and
 * if that fails too, it gives up.  We are quicker to see when we're beaten. */
#define FRAME_WORDS 6

static bool push_frame(struct lguest *lg, u32 esp, u32 *frame, u32 len)
{
	u32 error, address;

	if (x86_access(&lg->cpu, esp, frame, len, X86_WRITE, &error, &address))
		return true;
	kill_guest(lg, "bad stack page %#x", address);
	return false;
}

/* A kernel that returns from an interrupt may store all of eflags there, as Linux
 * does, and then the other bits mean nothing. */
static u32 interrupts_enabled(const struct lguest *lg)
{
	return *(volatile u32 *)&lg->data->irq_enabled & X86_FLAG_IF;
}

/* eflags as the kernel shall see it: with its own idea of the interrupt flag. */
static u32 virtual_eflags(const struct lguest *lg)
{
	return x86_eflags(&lg->cpu) | interrupts_enabled(lg);
}

static void enter_kernel(struct lguest *lg, const struct lg_gate *gate)
{
	struct x86_cpu *cpu = &lg->cpu;

	cpu->eip = gate->address;
	cpu->seg[X86_CS].selector = LGUEST_KERNEL_CS;
	x86_set_eflags(cpu, x86_eflags(cpu) & ~(X86_FLAG_TF | X86_FLAG_NT));
	if (gate->type == LG_GATE_INTERRUPT)
		lg->data->irq_enabled = 0;
}

/* Goes through @gate.  @error is pushed if @has_error; @resume is X86_FLAG_RF
 * or 0: what the pushed eflags have more than ours. */
static void deliver(struct lguest *lg, const struct lg_gate *gate, u32 resume,
		    bool has_error, u32 error)
{
	struct x86_cpu *cpu = &lg->cpu;
	u32 esp = cpu->regs[X86_ESP];
	u32 frame[FRAME_WORDS] = {
		error, cpu->eip, cpu->seg[X86_CS].selector,
		virtual_eflags(lg) | resume,
		esp, cpu->seg[X86_SS].selector,
	};
	u32 *first = has_error ? frame : frame + 1;
	u32 *end = frame + (cpu->user ? FRAME_WORDS : FRAME_WORDS - 2);
	u32 len = (end - first) * sizeof(*frame);

	if (cpu->user) {
		esp = lg->stack_esp;
		cpu->seg[X86_SS].selector = lg->stack_ss;
		guest_enter_ring(lg, false);
	}
	esp -= len;
	if (!push_frame(lg, esp, first, len))
		return;
	cpu->regs[X86_ESP] = esp;
	enter_kernel(lg, gate);
}
/*:*/

/*H:420 A trap that nobody asked for: the processor found something wrong with
 * the instruction at eip.  If the Guest has no gate for it, it doesn't know what
 * to do; nor do we.
 *
 * There's no cr2 for a Guest to read, so the address of a page fault goes to
 * where it looks for it.  And as on hardware, the eflags of a fault has RF, the
 * bit that says "we've been here already".
 *
 * A trap before a Guest has introduced itself is the sign of one that never will,
 * because it has never heard of us: it wants a privileged instruction; or it's a
 * Linux that can be made for other Hosts, has been told by the Launcher who we are,
 * and stops with ud2. */
static bool deliver_trap(struct lguest *lg, u8 vector, u32 error)
{
	const struct lg_gate *gate = &lg->idt[vector];

	if (!gate->type)
		return false;
	deliver(lg, gate, BIT(vector) & ARE_TRAPS ? 0 : X86_FLAG_RF,
		BIT(vector) & HAVE_ERROR_CODE, error);
	return true;
}

void lguest_trap(struct x86_cpu *cpu, u8 vector, u32 error, u32 address)
{
	struct lguest *lg = lg_of(cpu);

	/* The page tables may have been the death of it. */
	if (lg->dead)
		return;
	/* Nobody set TS, so it's none of the Guest's business. */
	if (vector == X86_NM && !x86_ts(cpu))
		return;
	if (vector == X86_PF && lg->data)
		lg->data->cr2 = address;
	if (deliver_trap(lg, vector, error))
		return;
	lg->stranger = !lg->data;
	kill_guest(lg, "unhandled trap %u at %#x (%#x)", vector, cpu->eip,
		   vector == X86_PF ? address : error);
}

/* A trap that was asked for: int, int3, into.  Only ring 1 may call the Host,
 * and of the other vectors the gate says who may use them.  The error code of a
 * refusal is the vector in the form of a selector into the IDT. */
#define IDT_SELECTOR(vector) ((vector) * 8u + 2u)

void lguest_interrupt(struct x86_cpu *cpu, u8 vector, unsigned len)
{
	struct lguest *lg = lg_of(cpu);
	const struct lg_gate *gate = &lg->idt[vector];

	if (vector == LGUEST_TRAP_ENTRY && !cpu->user) {
		cpu->eip += len;
		do_hypercalls(lg);
	} else if (!gate->type || gate->dpl < guest_ring(lg)) {
		lguest_trap(cpu, X86_GP, IDT_SELECTOR(vector), 0);
	} else {
		cpu->eip += len;
		deliver(lg, gate, 0, false, 0);
	}
}
/*:*/

/*H:430 And back.  iret takes off the stack what a trap has put there, after a
 * hard look at the selectors, for it is the one way by which a program gets its
 * privileges: this is the CPU's own instruction in all but name (SDM 2A, IRET).
 *
 * A Linux kernel comes through here for each system call and each fault.  The
 * five words are read in one go if they're in one page; the last two may not be
 * looked at otherwise before we know that they are meant, since the stack could
 * end before them. */
struct iret_frame {
	u32 eip, cs, eflags, esp, ss;
};

static bool read_words(struct x86_cpu *cpu, u32 esp, u32 *words, unsigned n)
{
	return x86_read(cpu, esp, words, n * 4);
}

/* The same, of 16 bits each: nobody does this any more. */
static bool read_halves(struct x86_cpu *cpu, u32 esp, u32 *words, unsigned n)
{
	u16 halves[5];
	unsigned i;

	if (!x86_read(cpu, esp, halves, n * 2))
		return false;
	for (i = 0; i < n; i++)
		words[i] = halves[i];
	return true;
}

static bool read_frame(struct x86_cpu *cpu, struct iret_frame *frame, bool op16)
{
	bool (*read)(struct x86_cpu *, u32, u32 *, unsigned) =
		op16 ? read_halves : read_words;
	u32 size = op16 ? 2 : 4, esp = cpu->regs[X86_ESP];
	u32 *words = &frame->eip;

	if ((esp & ~PAGE_MASK) <= PAGE_SIZE - 5 * size)
		return read(cpu, esp, words, 5);
	if (!read(cpu, esp, words, 3))
		return false;
	return (frame->cs & 3) == (cpu->user ? 3 : 1) ||
	       read(cpu, esp + 3 * size, words + 3, 2);
}

/* Checks cs and, if we change rings, ss.  A code segment of ring 0 or 2 is one
 * that we don't have. */
static bool check_frame(struct lguest *lg, const struct iret_frame *frame)
{
	u32 from = guest_ring(lg), to = frame->cs & 3;
	u8 vector = X86_GP;
	u16 selector = frame->cs;

	if (to >= from && (to == LGUEST_KERNEL_RING || to == LGUEST_USER_RING))
		vector = segment_fault(lg, X86_CS, selector, to);
	if (!vector && to != from) {
		selector = frame->ss;
		vector = segment_fault(lg, X86_SS, selector, to);
	}
	if (vector)
		lguest_trap(&lg->cpu, vector, selector & ~3u, 0);
	return !vector;
}

/* IOPL and IF aren't ours to change in ring 1, and x86_set_eflags() drops what
 * no ring can see.  A 16-bit iret leaves the upper half alone. */
static void return_to(struct lguest *lg, const struct iret_frame *frame,
		      bool op16)
{
	struct x86_cpu *cpu = &lg->cpu;
	bool outwards = (frame->cs & 3) != guest_ring(lg);
	u32 eflags = frame->eflags & ~X86_FLAG_IOPL;

	if (op16)
		eflags |= x86_eflags(cpu) & 0xffff0000;
	cpu->eip = frame->eip;
	cpu->seg[X86_CS].selector = frame->cs;
	x86_set_eflags(cpu, eflags);
	if (!outwards) {
		cpu->regs[X86_ESP] = (u32)(cpu->regs[X86_ESP] +
					   (op16 ? 6 : 12));
		return;
	}
	cpu->regs[X86_ESP] = frame->esp;
	cpu->seg[X86_SS].selector = frame->ss;
	drop_kernel_segments(lg);
	guest_enter_ring(lg, true);
}

/* The Guest can't enable interrupts and return in the same breath, so what came
 * between the two had to wait for this moment. */
void lguest_iret(struct x86_cpu *cpu, const struct x86_insn *insn)
{
	struct lguest *lg = lg_of(cpu);
	struct iret_frame frame;

	/* NT: return to another task.  There is no other task. */
	if (cpu->eflags_kept & X86_FLAG_NT) {
		lguest_trap(cpu, X86_TS, 0, 0);
		return;
	}
	if (!read_frame(cpu, &frame, insn->opsize16) ||
	    !check_frame(lg, &frame))
		return;
	return_to(lg, &frame, insn->opsize16);
	try_deliver_interrupt(lg);
}
/*:*/

/*H:440 pushf shows interrupts enabled, whatever irq_enabled says: that's what
 * the old Guests saw, for whom the machine's own flag could never be off.  popf
 * changes what ring 1 may change and silently ignores the rest, which is the
 * very reason why a PC's operating system doesn't know that it is in ring 1
 * until it is too late. */
u32 lguest_show_eflags(struct x86_cpu *cpu, u32 eflags)
{
	(void)cpu;
	return eflags | X86_FLAG_IF;
}

void lguest_change_eflags(struct x86_cpu *cpu, u32 eflags, u32 mask)
{
	mask &= X86_LIVE_FLAGS | X86_FLAG_TF | X86_FLAG_NT | X86_FLAG_AC |
		X86_FLAG_ID;
	x86_set_eflags(cpu, (x86_eflags(cpu) & ~mask) | (eflags & mask));
}
/*:*/

/*H:450 The Guest loads its gates one by one.  Three it can't have, since on the
 * old Host they belonged to the machine (NMI, double fault, and 15 that Intel
 * keeps for itself), and neither the one that leads to us. */
static bool ignored_gate(u32 number)
{
	return number == 2 || number == X86_DF || number == 15 ||
	       number == LGUEST_TRAP_ENTRY;
}

#define GATE_PRESENT 0x8000u

void load_guest_idt_entry(struct lguest *lg, u32 number, u32 low, u32 high)
{
	struct lg_gate gate = { .address = (low & 0xffff) | (high & 0xffff0000),
				.type = high >> 8 & 15,
				.dpl = high >> 13 & 3 };

	if (ignored_gate(number))
		return;
	if (number >= LGUEST_IDT_ENTRIES)
		kill_guest(lg, "Setting idt entry %u", number);
	else if (!(high & GATE_PRESENT))
		lg->idt[number].type = 0;
	else if (gate.type != LG_GATE_INTERRUPT && gate.type != LG_GATE_TRAP)
		kill_guest(lg, "bad IDT type %u", gate.type);
	else
		lg->idt[number] = gate;
}

/* The stack for traps out of ring 3 is wanted when it's too late to complain,
 * so it has to be there from the start. */
void set_guest_stack(struct lguest *lg, u32 ss, u32 esp, u32 pages)
{
	struct x86_cpu *cpu = &lg->cpu;
	struct guest_page page;
	u32 i, lin, error;

	if ((ss & 3) != LGUEST_KERNEL_RING) {
		kill_guest(lg, "bad stack segment %u", ss);
		return;
	}
	if (pages > 2) {
		kill_guest(lg, "bad stack pages %u", pages);
		return;
	}
	lg->stack_ss = ss;
	lg->stack_esp = esp;
	for (i = 0; i < pages; i++) {
		lin = esp - 1 - i * PAGE_SIZE;
		if (!cpu->machine->walk(cpu, lin, X86_WRITE, &page, &error))
			kill_guest(lg, "bad stack page %#x", lin);
	}
}
/*:*/

/*H:460 Interrupt lines.
 *
 * A device is another thread of the Launcher.  It sets the line's bit, and makes
 * sure that we look: we may be in the middle of translated code, which a kick
 * ends at the next instruction that starts a block, or asleep in HALT.  The
 * order matters on both sides: whoever sets a flag sets it before looking at the
 * other's, so that at least one of the two notices. */
static void futex(u32 *word, int op, u32 value)
{
	raw_syscall(SYS_futex, (long)word, op, value, 0, 0, 0);
}

void wake_guest(struct lguest *lg)
{
	x86_kick(&lg->cpu);
	if (__atomic_exchange_n(&lg->sleeping, 0, __ATOMIC_SEQ_CST))
		futex(&lg->sleeping, FUTEX_WAKE_PRIVATE, 1);
}

void set_interrupt(struct lguest *lg, unsigned irq)
{
	__atomic_fetch_or(&lg->pending, BIT(irq), __ATOMIC_SEQ_CST);
	wake_guest(lg);
}

static u32 unblocked(struct lguest *lg)
{
	u32 pending = __atomic_load_n(&lg->pending, __ATOMIC_SEQ_CST);

	if (!pending || !lg->data)
		return 0;
	return pending & ~*(volatile u32 *)&lg->data->blocked_interrupts;
}

/* HALT.  If somebody wakes us after we looked and before the kernel has put us to
 * sleep, "sleeping" is 0 by then and the futex doesn't wait. */
#define DEVICES_TURN (1u << 20)	/* in cycles: a disk's MB takes half as long */

static bool is_called(void *lg)
{
	return unblocked(lg) || ((struct lguest *)lg)->signalled;
}

void sleep_until_woken(struct lguest *lg)
{
	be_patient(&lg->tired, DEVICES_TURN, is_called, lg);
	__atomic_store_n(&lg->sleeping, 1, __ATOMIC_SEQ_CST);
	if (!is_called(lg))
		futex(&lg->sleeping, FUTEX_WAIT_PRIVATE, 1);
	__atomic_store_n(&lg->sleeping, 0, __ATOMIC_SEQ_CST);
}
/*:*/

/*H:470 Delivering one of them.  The lowest line that isn't blocked goes first,
 * and if it can't be delivered now, nor can the others:
 *
 *  - the Guest is in the few instructions between enabling interrupts and iret;
 *    we try again after that iret;
 *  - the Guest has disabled interrupts; then we leave a note in irq_pending, and
 *    it makes a hypercall when it enables them;
 *  - it hasn't loaded a gate for that line.
 *
 * Whoever is in HALT wants to be woken, so there interrupts count as enabled.
 *
 * The old Host never took the note in irq_pending back (it kept the number of a
 * line in a bool), and the Guest made 14,059 hypercalls in one boot to ask about
 * nothing.  Hence the last line. */
static bool interruptible(struct lguest *lg)
{
	struct lguest_data *data = lg->data;

	if (lg->cpu.eip >= lg->noirq_start && lg->cpu.eip < lg->noirq_end)
		return false;
	if (lg->halted) {
		data->irq_enabled = LGUEST_EFLAGS_IF;
		lg->halted = false;
	} else if (!interrupts_enabled(lg)) {
		data->irq_pending = LGUEST_EFLAGS_IF;
		return false;
	}
	return true;
}

static void deliver_interrupt(struct lguest *lg, unsigned irq)
{
	const struct lg_gate *gate = &lg->idt[FIRST_IRQ_VECTOR + irq];

	if (!gate->type)
		return;
	__atomic_fetch_and(&lg->pending, ~BIT(irq), __ATOMIC_SEQ_CST);
	deliver(lg, gate, 0, false, 0);
	write_timestamp(lg);
	lg->data->irq_pending = unblocked(lg) ? LGUEST_EFLAGS_IF : 0;
}

void try_deliver_interrupt(struct lguest *lg)
{
	u32 lines = unblocked(lg);

	if (lines && !lg->dead && interruptible(lg))
		deliver_interrupt(lg, __builtin_ctz(lines));
}
/*:*/

/*H:480 The clock.
 *
 * A Guest asks to be interrupted once, so many nanoseconds from now; Linux does
 * all its timekeeping with such alarms.  A timer of the kernel's sends our own
 * thread a signal, whose handler does what a device would: it raises a line. */
#define CLOCK_SIGNAL (SIGRTMIN + 1)

static void alarm_rings(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	set_interrupt(info->si_value.sival_ptr, 0);
}

int init_clock(struct lguest *lg)
{
	struct sigaction act = { .sa_sigaction = alarm_rings,
				 .sa_flags = SA_SIGINFO | SA_RESTART };
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID,
				  .sigev_signo = CLOCK_SIGNAL,
				  .sigev_value.sival_ptr = lg };

	event._sigev_un._tid = lg->task;
	if (sigaction(CLOCK_SIGNAL, &act, NULL) != 0)
		return -errno;
	return raw_syscall(SYS_timer_create, CLOCK_MONOTONIC, (long)&event,
			   (long)&lg->timer, 0, 0, 0);
}

/* A signal that is on its way must not find the Guest gone. */
void exit_clock(struct lguest *lg)
{
	raw_syscall(SYS_timer_delete, lg->timer, 0, 0, 0, 0, 0);
	signal(CLOCK_SIGNAL, SIG_IGN);
}

void set_clockevent(struct lguest *lg, u32 ns)
{
	struct itimerspec when = { .it_value.tv_sec = ns / 1000000000,
				   .it_value.tv_nsec = ns % 1000000000 };

	raw_syscall(SYS_timer_settime, lg->timer, 0, (long)&when, 0, 0, 0);
}

void write_timestamp(struct lguest *lg)
{
	struct timespec now;

	raw_syscall(SYS_clock_gettime, CLOCK_REALTIME, (long)&now, 0, 0, 0, 0);
	lg->data->sec = now.tv_sec;
	lg->data->nsec = now.tv_nsec;
}
/*:*/

/*M:610 An interrupt that had to wait for the end of the noirq range is looked at
 * again after an iret or a hypercall, and whenever somebody kicks us.  A Guest
 * that leaves the range by a jump waits longer than it should.  The processor can
 * run a single instruction (that's how TF works), so one could step through the
 * range; but then each of those few interrupts would cost more than it does to
 * wait. :*/

/*M:620 A system call is two trips into C, one for the int that begins it and one
 * for the iret at its end.  Neither does more than look something up (a gate, two
 * selectors) and copy five words by the kernel's window; translated code could do
 * that by itself, as it does for a PC's cli and sti. :*/
