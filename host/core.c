/*H:200 The heart of the Host: run_guest().
 *
 * Here is the loop that the Launcher is in while it says that it is running a
 * Guest, and here the two things are kept that everybody else needs: a safe way
 * into the Guest's memory, and a safe way out of its life. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "lg.h"
#include "page_tables.h"

/* All roads to the Guest's memory from an address that it gave us lead through
 * here.  The sum of start and length could wrap around; the difference can't. */
void *guest_range(struct lguest *lg, u32 paddr, u32 len)
{
	u64 size = (u64)lg->cpu.memory_pages * PAGE_SIZE;

	if (paddr > size || len > size - paddr)
		return NULL;
	return lg->cpu.memory + paddr;
}

void *guest_range_or_kill(struct lguest *lg, u32 paddr, u32 len)
{
	void *range = guest_range(lg, paddr, len);

	if (!range)
		kill_guest(lg, "bad read address %#x len %u", paddr, len);
	return range;
}
/*:*/

/*H:210 A Guest that has done something impossible dies, and its last words are
 * what happened: never a crash of ours, never silence.  Later misfortunes are
 * only the echo of the first, so that one is kept.
 *
 * The C library's printf is at home in vector registers, which are the Guest's
 * just now.  It won't miss them. */
void kill_guest(struct lguest *lg, const char *fmt, ...)
{
	va_list ap;

	if (lg->dead)
		return;
	va_start(ap, fmt);
	vsnprintf(lg->reason, sizeof(lg->reason), fmt, ap);
	va_end(ap);
	lg->dead = true;
	x86_stop(&lg->cpu);
}
/*:*/

/*H:220 Privileged instructions.  A Guest's kernel has been written not to use
 * them: it makes hypercalls, and changes words in lguest_data.  What it tries
 * nevertheless is #GP(0), as it would be on any processor in ring 1, and the
 * Guest may do with that what it likes.
 *
 * With one exception.  At boot, Linux pokes at ports where PCs have their PCI
 * bus, their interrupt controllers and their serial lines, without a thought
 * that they might not be there.  So reading a port gives all ones, as an empty
 * bus does, and writing is for nothing; and cli, which happens on the same
 * occasions, is skipped as well. */
#define OP_CLI 0xfa
#define OP_IN 0xe4	/* and e5; ec and ed with the port in dx */
#define OP_OUT 0xe6

static bool is_port_io(u8 opcode, u8 kind)
{
	return (opcode & ~9) == kind;
}

static void skip(struct x86_cpu *cpu, const struct x86_insn *insn)
{
	int size = insn->opcode & 1 ? insn->opsize16 ? 2 : 4 : 1;

	if (is_port_io(insn->opcode, OP_IN))
		x86_put_reg(cpu, X86_EAX, size, ~0u);
	cpu->eip += insn->len;
}

static void privileged(struct x86_cpu *cpu, const struct x86_insn *insn)
{
	bool harmless = !insn->map && (insn->opcode == OP_CLI ||
				       is_port_io(insn->opcode, OP_IN) ||
				       is_port_io(insn->opcode, OP_OUT));

	if (harmless && !cpu->user)
		skip(cpu, insn);
	else
		x86_trap(cpu, X86_GP, 0, 0);
}
/*:*/

/*H:230 Which processor is this?  A Guest's program asks cpuid directly, and we
 * must not promise what we don't keep: no instructions beyond SSSE3, and none of
 * the things that take a kernel's help which a Guest has no means to give.  The
 * rest is the truth. */
#define CPUID_MAX_BASIC 5u
#define CPUID_EXTENDED 0x80000000u
#define CPUID_MAX_EXTENDED 0x80000004u

/* Leaf 1: FPU TSC CX8 CMOV MMX FXSR SSE SSE2; SSE3 SSSE3. */
#define CPUID_1_EDX 0x07808111u
#define CPUID_1_ECX 0x00000201u
/* Leaf 4: not how many processors share a cache. */
#define CPUID_4_EAX 0x00003fffu

static void set_words(u32 out[4], u32 eax, u32 ebx, u32 ecx, u32 edx)
{
	out[0] = eax;
	out[1] = ebx;
	out[2] = ecx;
	out[3] = edx;
}

static void ask_machine(u32 leaf, u32 subleaf, u32 out[4])
{
	x86_host_cpuid(leaf, subleaf, out);
	switch (leaf) {
	case 0:
		out[0] = CPUID_MAX_BASIC;
		break;
	case 1:
		set_words(out, out[0], 0, out[2] & CPUID_1_ECX,
			  out[3] & CPUID_1_EDX);
		break;
	case 4:
		out[0] &= CPUID_4_EAX;
		break;
	}
}

static bool has_answer(u32 leaf)
{
	return leaf <= 2 || leaf == 4 ||
	       (leaf > CPUID_EXTENDED + 1 && leaf <= CPUID_MAX_EXTENDED);
}

static void cpuid(struct x86_cpu *cpu, u32 leaf, u32 subleaf, u32 out[4])
{
	(void)cpu;
	if (leaf == CPUID_EXTENDED)
		set_words(out, CPUID_MAX_EXTENDED, 0, 0, 0);
	else if (has_answer(leaf))
		ask_machine(leaf, leaf == 4 ? subleaf : 0, out);
	else
		set_words(out, 0, 0, 0, 0);
}
/*:*/

/*H:240 What the processor asks about memory goes on to the page tables or to
 * the windows, with the address space that the Guest is in. */
static bool walk(struct x86_cpu *cpu, u32 lin, u32 access,
		 struct guest_page *page, u32 *error)
{
	struct lguest *lg = lg_of(cpu);

	return lguest_reader.walk(lg, lg->pgdir, lin, access, page, error);
}

static bool peek(struct x86_cpu *cpu, u32 lin, struct guest_page *page)
{
	struct lguest *lg = lg_of(cpu);

	return lguest_reader.peek(lg, lg->pgdir, lin, page);
}

static bool fill(struct x86_cpu *cpu, u32 lin, u32 access, u32 *error)
{
	return windows_fill(lg_of(cpu)->windows, lin, access, error);
}

static void protect(struct x86_cpu *cpu, u32 pfn)
{
	windows_protect(lg_of(cpu)->windows, pfn);
}

const struct x86_machine lguest_machine = {
	.walk = walk,
	.peek = peek,
	.fill = fill,
	.protect = protect,
	.load_segment = lguest_load_segment,
	.privileged = privileged,
	.interrupt = lguest_interrupt,
	.iret = lguest_iret,
	.trap = lguest_trap,
	.show_eflags = lguest_show_eflags,
	.change_eflags = lguest_change_eflags,
	.cpuid = cpuid,
	.descriptor = lguest_descriptor,
};
/*:*/

/*H:250 And this is it.  The Guest runs until somebody kicks it (a line was
 * raised) or something stops it (a notify, HALT, death); mostly, the reason is
 * gone by the time that we get here, and it runs on.
 *
 * Mind the order: first we forget the kick, then we look at what it was for.  The
 * other way round, one that comes in between would be lost. */
static void run_once(struct lguest *lg)
{
	x86_unkick(&lg->cpu);
	if (lg->hcall_waiting)
		do_hypercalls(lg);
	if (lg->notify || lg->dead)
		return;
	try_deliver_interrupt(lg);
	if (lg->halted)
		sleep_until_woken(lg);
	else if (!lg->dead)
		x86_run(&lg->cpu);
}

/* The Guest's floating point registers are in the machine from here to there, so
 * all of the Host's C in between is compiled to do without. */
int run_guest(struct lguest *lg)
{
	x86_load_fpu(&lg->cpu);
	while (!lg->notify && !lg->dead && !lg->signalled)
		run_once(lg);
	x86_save_fpu(&lg->cpu);
	if (lg->dead)
		return lg->restart ? -ERESTART : -ENOENT;
	return lg->notify ? 0 : -EINTR;
}
/*:*/
