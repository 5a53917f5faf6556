#include "puppy.h"

/*G:150 The page that we share with the Host.
 *
 * Its first half changes all the time; this is the part that the Host wants to
 * know from the beginning, and so the compiler fills it in.  All interrupts
 * start out blocked, until somebody asks for one.  The two addresses in entry.S
 * and what they're good for: see G:420. */
extern char noirq_start[], noirq_end[];

struct lguest_data lguest_data = {
	.blocked_interrupts = ~0u,
	.hcall_status = { [0 ... LHCALL_RING_SIZE - 1] = LHCALL_RING_DONE },
	.noirq_start = (u32)noirq_start,
	.noirq_end = (u32)noirq_end,
	.kernel_address = PAGE_OFFSET,
	.syscall_vec = SYSCALL_VECTOR,
};
/*:*/

/*G:152 A hypercall is a trap with its arguments in registers.  It costs about
 * as much as a system call does: not much, but more than none. */
u32 hcall(u32 nr, u32 a, u32 b, u32 c, u32 d)
{
	counters.hypercalls++;
	asm volatile("int %1"
		     : "+a" (nr)
		     : "i" (LGUEST_TRAP_ENTRY),
		       "b" (a), "c" (b), "d" (c), "S" (d)
		     : "memory");
	return nr;
}
/*:*/

/*G:154 So we save some.  Many things are only told to the Host, there's no
 * answer to wait for, and they needn't be done before the next real hypercall.
 * Those go into the ring.  The Host takes them out in the same order, and marks
 * each slot as done; if it hasn't come round to ours since we filled it last
 * time, the ring is full, and an ordinary hypercall empties it for us. */
void hcall_later(u32 nr, u32 a, u32 b, u32 c, u32 d)
{
	static u32 next;
	u32 flags = irq_save();

	if (lguest_data.hcall_status[next] != LHCALL_RING_DONE) {
		counters.ring_full++;
		hcall(nr, a, b, c, d);
	} else {
		u32 *slot = lguest_data.hcalls[next];

		slot[0] = nr;
		slot[1] = a;
		slot[2] = b;
		slot[3] = c;
		slot[4] = d;
		/* Only now is it there. */
		barrier();
		lguest_data.hcall_status[next] = LHCALL_RING_WAITING;
		next = (next + 1) % LHCALL_RING_SIZE;
		counters.ring_calls++;
	}
	irq_restore(flags);
}
/*:*/

/*G:156 Interrupts are switched off and on more often than anything else is done
 * to a processor, and not one hypercall is needed for it: the Host looks at
 * irq_enabled before it delivers.  An interrupt that came while they were off
 * has left its mark in irq_pending, and then (only then) it's polite to say
 * that they are on again. */
u32 irq_save(void)
{
	u32 flags = lguest_data.irq_enabled;

	barrier();
	lguest_data.irq_enabled = 0;
	barrier();
	return flags;
}

void irq_restore(u32 flags)
{
	barrier();
	lguest_data.irq_enabled = flags;
	barrier();
	if (flags & lguest_data.irq_pending)
		hcall(LHCALL_SEND_INTERRUPTS, 0, 0, 0, 0);
}
/*:*/
