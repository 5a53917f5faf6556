/*S:150 Faults: the machine's signals in, the Guest's traps out.
 *
 * Translated code makes no checks of its own.  The machine makes them all, and
 * tells of each with a signal: a hole in the window (fill it, or it is the
 * Guest's page fault), a division by zero, a poll that somebody spoiled.  The
 * handler finds out which instruction of the Guest it was from the block's
 * marks, puts the Guest's state into struct x86_cpu as it was before that
 * instruction, and returns to a place which leaves translated code.
 *
 * sigreturn brings the FPU registers back, which is why we never leave the
 * handler by a jump: the kernel gave us a fresh FPU, the Guest's is in the
 * signal frame. */
#define _GNU_SOURCE
#include <signal.h>
#include <string.h>
#include <ucontext.h>

#include "cache.h"

_Static_assert(offsetof(struct x86_cpu, flags) == 64, "switcher.S");
_Static_assert(offsetof(struct x86_cpu, window) == 96, "switcher.S");
_Static_assert(offsetof(struct x86_cpu, jumps) == 104, "switcher.S");
_Static_assert(offsetof(struct x86_cpu, host_rsp) == 112, "switcher.S");
_Static_assert(offsetof(struct x86_cpu, target) == 120, "switcher.S");
_Static_assert(offsetof(struct x86_cpu, code) == 136, "switcher.S");
_Static_assert(offsetof(struct x86_cpu, fpu_poll) < 128, "emit_poll()");

#define WINDOW_SIZE (1ull << 32)
/* How far one access can reach out of a window: fxsave's 512 bytes, and a good
 * deal more. */
#define WINDOW_GUARD 65536ull

/* Signal handlers have no argument of ours, so there is one cpu a process. */
static struct x86_cpu *running;

static const int fault_signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP };
static struct sigaction old_actions[5];

/* One fault: what the machine says, and what it was for the Guest. */
struct fault {
	struct x86_cpu *cpu;
	greg_t *regs;
	u64 address;
	const struct x86_block *block;
	const struct x86_mark *mark;
};
/*:*/

/*S:152 Leaving.  The registers as they are now become the Guest's; cutting the
 * upper halves off undoes what a string instruction did to esi and edi. */
static const int guest_order[8] = { REG_RAX, REG_RCX, REG_RDX, REG_RBX,
				    REG_R13, REG_RBP, REG_RSI, REG_RDI };

/* The flags of counting with 64 bits become those of 32: no block goes far enough
 * for one that is set to be wrong. */
static u64 counted_flags(u64 flags, u8 fix, u32 value)
{
	bool down = fix & FIX_DOWN;

	if (value >> 31)
		flags |= X86_FLAG_SF;
	if (!value)
		flags |= X86_FLAG_ZF;
	if (value == 0x80000000 - down)
		flags |= X86_FLAG_OF;
	if (fix & FIX_CARRY && value == (down ? ~0u : 0))
		flags |= X86_FLAG_CF;
	return flags;
}

static void save_state(const struct fault *f)
{
	struct x86_cpu *cpu = f->cpu;
	u8 fix = f->mark->fix;

	for (int i = 0; i < 8; i++)
		cpu->regs[i] = (u32)f->regs[guest_order[i]];
	if ((fix & FIX_MASK) == FIX_RSI_FROM_R9)
		cpu->regs[X86_ESI] = (u32)f->regs[REG_R9];
	cpu->flags = f->regs[REG_EFL] & (X86_LIVE_FLAGS | 2);
	if (fix & FIX_COUNTED)
		cpu->flags = counted_flags(cpu->flags, fix,
					   cpu->regs[fix >> FIX_REG_SHIFT & 7]);
	cpu->eip = f->block->eip + f->mark->guest;
}

static void leave(const struct fault *f, enum x86_exit why)
{
	save_state(f);
	f->cpu->exit = why;
	f->regs[REG_RIP] = (greg_t)(uintptr_t)x86_leave_saved;
	f->regs[REG_EFL] &= ~(greg_t)(X86_FLAG_DF | X86_FLAG_TF | X86_FLAG_AC);
}

static void leave_for_trap(const struct fault *f, u8 vector, u32 error)
{
	f->cpu->vector = vector;
	f->cpu->error = error;
	f->cpu->address = f->address - f->cpu->window;
	leave(f, EXIT_TRAP);
}
/*:*/

/*S:154 A touch of the window that the machine did not like. */
static bool in_window(const struct fault *f)
{
	u64 offset = f->address - f->cpu->window;

	return offset < WINDOW_SIZE;
}

/* A string instruction may walk off either end of the window, where a 386 would
 * wrap.  Its registers cut to 32 bits have wrapped, so it only has to start
 * again, unless one element lies on both sides: that is more than the segment
 * limit allows. */
static bool just_outside(u64 offset)
{
	return offset - WINDOW_SIZE < WINDOW_GUARD || -offset <= WINDOW_GUARD;
}

static bool walked_off(const struct fault *f)
{
	u64 window = f->cpu->window;

	return (f->mark->fix & FIX_MASK) == FIX_STRING &&
	       (just_outside(f->regs[REG_RSI] - window) ||
		just_outside(f->regs[REG_RDI] - window));
}

static void window_fault(const struct fault *f)
{
	struct x86_cpu *cpu = f->cpu;
	u32 access = (f->regs[REG_ERR] & X86_WRITE) |
		     (cpu->user ? X86_USER : 0);
	u32 error;

	if (!cpu->machine->fill(cpu, f->address - cpu->window, access, &error)) {
		leave_for_trap(f, X86_PF, error);
	} else if (f->block->dead) {
		/* It has just rewritten itself: finish this instruction alone,
		 * and look for the new code behind it. */
		cpu->single = true;
		leave(f, EXIT_LOOKUP);
	}
}

/* An access beyond the window's ends: with addresses of 64 bits, it should have
 * wrapped, and has to be done again by other code.  If it should not, the 386
 * calls it a violation of the segment limit (SDM 3A:5.3). */
static void edge_fault(const struct fault *f)
{
	if (walked_off(f))
		leave(f, EXIT_LOOKUP);
	else if (x86_code_wraps(f->cpu, f->block))
		leave(f, EXIT_POLL);
	else
		leave_for_trap(f, X86_GP, 0);
}

static void memory_fault(const struct fault *f, int trapno)
{
	if (trapno != X86_PF)
		leave_for_trap(f, X86_GP, 0);
	else if (f->address == X86_FPU_TRAP)
		leave_for_trap(f, X86_NM, 0);
	else if (in_window(f))
		window_fault(f);
	else
		edge_fault(f);
}

static void handle(const struct fault *f, int trapno)
{
	switch (trapno) {
	case X86_DE:
	case X86_UD:
	case X86_MF:
	case X86_XM:
		leave_for_trap(f, trapno, 0);
		break;
	default:
		memory_fault(f, trapno);
	}
}

/* Not the Guest's doing: let the signal do what it would have done. */
static void give_up(int sig)
{
	struct sigaction act;

	memset(&act, 0, sizeof(act));
	act.sa_handler = SIG_DFL;
	sigaction(sig, &act, NULL);
}

static bool polled(const struct fault *f)
{
	return f->regs[REG_TRAPNO] == X86_PF &&
	       (f->address == X86_POLL_TRAP || f->address == X86_WAITING_TRAP);
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	struct fault f = { .cpu = running, .regs = uc->uc_mcontext.gregs };
	u64 rip = f.regs[REG_RIP];
	struct x86_mark entry;

	(void)info;
	if (rip >= (u64)x86_try_copy && rip < (u64)x86_try_copy_failed) {
		f.regs[REG_RIP] = (greg_t)(uintptr_t)x86_try_copy_failed;
		return;
	}
	f.block = running ? x86_block_at(running, rip) : NULL;
	if (!f.block) {
		give_up(sig);
		return;
	}
	f.mark = x86_mark_at(running, f.block, rip);
	f.address = f.regs[REG_CR2];
	if (!polled(&f)) {
		handle(&f, f.regs[REG_TRAPNO]);
		return;
	}
	if (f.address == X86_WAITING_TRAP)
		running->stop = true;
	/* The instruction whose mark this is hasn't begun yet. */
	entry = *f.mark;
	entry.fix = FIX_NONE;
	f.mark = &entry;
	leave(&f, EXIT_POLL);
}
/*:*/

/* Only ever one cpu: a second x86_init() is EBUSY.  Nothing disturbs a fault's
 * handler but what the handler itself brings on: a call that a filter of system
 * calls forbids, whoever has made one. */
int x86_faults_init(struct x86_cpu *cpu)
{
	struct sigaction act;

	if (running)
		return -16;
	memset(&act, 0, sizeof(act));
	act.sa_sigaction = on_fault;
	act.sa_flags = SA_SIGINFO;
	sigfillset(&act.sa_mask);
	sigdelset(&act.sa_mask, SIGSYS);
	for (int i = 0; i < 5; i++)
		if (sigaction(fault_signals[i], &act, &old_actions[i]) < 0)
			return -22;
	running = cpu;
	return 0;
}

void x86_faults_exit(struct x86_cpu *cpu)
{
	if (running != cpu)
		return;
	for (int i = 0; i < 5; i++)
		sigaction(fault_signals[i], &old_actions[i], NULL);
	running = NULL;
}
