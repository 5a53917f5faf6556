/*H:300 Hypercalls: the Guest's kernel asks, and we do.
 *
 * The number is in eax and the arguments in ebx, ecx, edx and esi; or all five
 * are in a slot of the ring, from where they are fetched before any real
 * hypercall.  After all that has been said of traps, this is pleasant reading:
 * one switch. */
#include <asm/lguest_hcall.h>
#include <sys/syscall.h>

#include "lg.h"
#include "page_tables.h"
#include "raw.h"

struct hcall_args {
	u32 number, arg1, arg2, arg3, arg4;
};

/* The top of virtual memory where the old Switcher lived.  Ours lives nowhere
 * in particular, but Guests have learnt to leave room. */
#define RESERVED_TOP 0x400000u
/*:*/

/*H:310 A Guest ends by its own will, with a word of farewell.  One that only
 * wants to start again isn't asked for its reasons. */
#define LAST_WORDS 128

static void shut_down(struct lguest *lg, u32 text, u32 reason)
{
	const char *words = guest_range_or_kill(lg, text, LAST_WORDS);

	if (words)
		kill_guest(lg, "CRASH: %.*s", LAST_WORDS - 1, words);
	lg->restart = reason == LGUEST_SHUTDOWN_RESTART;
}
/*:*/

/*H:320 Somebody is to be told about this address: a service thread, if one has
 * left an eventfd for it, and otherwise the Launcher itself, for which we stop.
 * No device lives at address 0. */
static void notify(struct lguest *lg, u32 address)
{
	static const u64 one = 1;
	unsigned i;

	for (i = 0; i < lg->neventfds; i++) {
		if (lg->eventfds[i].address != address)
			continue;
		raw_syscall(SYS_write, lg->eventfds[i].fd, (long)&one,
			    sizeof(one), 0, 0, 0);
		return;
	}
	lg->notify = address;
	if (address)
		x86_stop(&lg->cpu);
}

/* Nothing to do: the run loop sees to it that we sleep. */
static void halt(struct lguest *lg)
{
	lg->halted = true;
	x86_stop(&lg->cpu);
}

/* The fourth argument means nothing unless entries have 64 bits, and then a
 * register that isn't an argument may hold anything. */
static void set_pte(struct lguest *lg, const struct hcall_args *args)
{
	u64 high = lg->pae ? args->arg4 : 0;

	guest_set_pte(lg, args->arg1, args->arg2, args->arg3 | high << 32);
}
/*:*/

/*H:330 The switch.  Whatever has to do with page tables is another story, and
 * told later. */
static void do_hcall(struct lguest *lg, const struct hcall_args *args)
{
	switch (args->number) {
	case LHCALL_FLUSH_ASYNC:
	case LHCALL_SEND_INTERRUPTS:
		/* Coming here was all that it's for. */
		break;
	case LHCALL_LGUEST_INIT:
		kill_guest(lg, "already have lguest_data");
		break;
	case LHCALL_SHUTDOWN:
		shut_down(lg, args->arg1, args->arg2);
		break;
	case LHCALL_NEW_PGTABLE:
		guest_new_pagetable(lg, args->arg1);
		break;
	case LHCALL_FLUSH_TLB:
		if (args->arg1)
			guest_flush_all(lg);
		else
			guest_flush_user(lg);
		break;
	case LHCALL_LOAD_IDT_ENTRY:
		load_guest_idt_entry(lg, args->arg1, args->arg2, args->arg3);
		break;
	case LHCALL_SET_STACK:
		set_guest_stack(lg, args->arg1, args->arg2, args->arg3);
		break;
	case LHCALL_TS:
		x86_set_ts(&lg->cpu, args->arg1);
		break;
	case LHCALL_SET_CLOCKEVENT:
		set_clockevent(lg, args->arg1);
		break;
	case LHCALL_HALT:
		halt(lg);
		break;
	case LHCALL_SET_PMD:
		guest_set_pmd(lg, args->arg1, args->arg2);
		break;
	case LHCALL_SET_PTE:
		set_pte(lg, args);
		break;
	case LHCALL_SET_PGD:
		guest_set_pgd(lg, args->arg1, args->arg2);
		break;
	case LHCALL_LOAD_TLS:
		load_guest_tls(lg, args->arg1);
		break;
	case LHCALL_NOTIFY:
		notify(lg, args->arg1);
		break;
	case LHCALL_LOAD_GDT_ENTRY:
		load_guest_gdt_entry(lg, args->arg1, args->arg2, args->arg3);
		break;
	default:
		kill_guest(lg, "Bad hypercall %i", (int)args->number);
	}
}
/*:*/

/*H:340 The ring, from where we stopped last time, until we come to an empty slot
 * or have been round once.  A notify for the Launcher ends it early: we'll be
 * back here as soon as the Launcher has seen to it. */
static void copy_slot(struct hcall_args *args, const volatile u32 *slot)
{
	args->number = slot[0];
	args->arg1 = slot[1];
	args->arg2 = slot[2];
	args->arg3 = slot[3];
	args->arg4 = slot[4];
}

static void do_async_hcalls(struct lguest *lg)
{
	volatile u8 *status = lg->data->hcall_status;
	struct hcall_args args;
	unsigned i, n;

	for (i = 0; i < LHCALL_RING_SIZE && !lg->notify && !lg->dead; i++) {
		n = lg->next_hcall;
		if (status[n] == LHCALL_RING_DONE)
			return;
		lg->next_hcall = (n + 1) % LHCALL_RING_SIZE;
		copy_slot(&args, lg->data->hcalls[n]);
		do_hcall(lg, &args);
		status[n] = LHCALL_RING_DONE;
	}
}
/*:*/

/*H:350 The first hypercall of all is special: it says where the page is that we
 * share, and what's in it so far.  Until then we had nothing to say to each
 * other; so anything else means that there's no Guest in there, but some program
 * that has lost its way. */
static void init_data(struct lguest *lg, struct lguest_data *data)
{
	u32 vector = *(volatile u32 *)&data->syscall_vec;
	u32 kernel = *(volatile u32 *)&data->kernel_address;

	if (vector != 0x80 && vector != 0x40) {
		kill_guest(lg, "bad syscall vector");
		return;
	}
	if (kernel >= -RESERVED_TOP) {
		kill_guest(lg, "bad kernel address %#x", kernel);
		return;
	}
	lg->data = data;
	lg->noirq_start = data->noirq_start;
	lg->noirq_end = data->noirq_end;
	lg->cpu.global_start = kernel;
	data->reserve_mem = RESERVED_TOP;
	data->tsc_khz = tsc_khz(&lg->first);
	write_timestamp(lg);
}

static void initialize(struct lguest *lg, const struct hcall_args *args)
{
	struct lguest_data *data;

	if (args->number != LHCALL_LGUEST_INIT) {
		kill_guest(lg, "hypercall %i before INIT", (int)args->number);
		return;
	}
	data = guest_range(lg, args->arg1, sizeof(*data));
	if (data)
		init_data(lg, data);
	else
		kill_guest(lg, "bad guest page %08x", args->arg1);
}

void do_hypercalls(struct lguest *lg)
{
	const u64 *regs = lg->cpu.regs;
	struct hcall_args args = { regs[X86_EAX], regs[X86_EBX], regs[X86_ECX],
				   regs[X86_EDX], regs[X86_ESI] };

	if (!lg->data) {
		initialize(lg, &args);
		return;
	}
	do_async_hcalls(lg);
	lg->hcall_waiting = lg->notify;
	if (lg->notify || lg->dead)
		return;
	do_hcall(lg, &args);
	if (!lg->notify && !lg->halted)
		try_deliver_interrupt(lg);
}
/*:*/
