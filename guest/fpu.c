#include "kernel.h"

/*G:490 The FPU, lazily.
 *
 * A program's numbers (x87, MMX and SSE, 512 bytes of them) are expensive to
 * move and most programs never calculate with them.  So they stay in the
 * processor as long as possible.  fpu_owner is the task whose numbers are in
 * there; while any other program runs, a bit called TS is set, and with that
 * the first instruction that touches the FPU traps to us.  Then, and not
 * before, we swap.
 *
 * TS is only ever clear while its owner is the program that's loaded. */
static struct task *fpu_owner;
static bool ts_is_set;

/* Into the ring: a real hypercall follows soon, as the callers know. */
static void set_ts(bool set)
{
	if (set != ts_is_set)
		hcall_later(LHCALL_TS, set, 0, 0, 0);
	ts_is_set = set;
}

static void save(u8 *fpu)
{
	asm volatile("fxsave %0" : "=m" (*(u8 (*)[512])fpu));
}

static void restore(const u8 *fpu)
{
	asm volatile("fxrstor %0" : : "m" (*(const u8 (*)[512])fpu));
}

void fpu_switch(const struct task *to)
{
	set_ts(to != fpu_owner);
}

void fpu_trap(void)
{
	counters.fpu_traps++;
	set_ts(false);
	hcall(LHCALL_FLUSH_ASYNC, 0, 0, 0, 0);
	if (fpu_owner)
		save(fpu_owner->fpu);
	restore(current->fpu);
	fpu_owner = current;
}
/*:*/

/*G:492 A new program finds the FPU as if it had been reset, with all exceptions
 * masked: that's two control words, and zeros.  The child of a fork finds it as
 * its parent left it.  And who ends needs his numbers no more. */
#define X87_CONTROL	0x037f
#define SSE_CONTROL	0x1f80
#define SSE_CONTROL_AT	24

void fpu_init(struct task *task)
{
	memset(task->fpu, 0, sizeof(task->fpu));
	*(u16 *)task->fpu = X87_CONTROL;
	*(u32 *)(task->fpu + SSE_CONTROL_AT) = SSE_CONTROL;
}

void fpu_copy(struct task *child)
{
	u32 flags = irq_save();

	if (fpu_owner == current)
		save(current->fpu);
	memcpy(child->fpu, current->fpu, sizeof(child->fpu));
	irq_restore(flags);
}

void fpu_forget(void)
{
	u32 flags = irq_save();

	if (fpu_owner == current)
		fpu_owner = NULL;
	set_ts(true);
	irq_restore(flags);
}
/*:*/
