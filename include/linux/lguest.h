/*P:220 The page that the Guest and the Host both write on.
 *
 * Some things are asked so often that even a hypercall is too dear: are
 * interrupts enabled, which address faulted, what time is it?  So the Guest
 * sets aside a struct lguest_data somewhere in its memory, and tells the Host
 * where with its very first hypercall.  From then on "cli" is a store of zero
 * to irq_enabled, and nobody leaves the Guest for it.
 *
 * The Guest is a 32-bit kernel, the Host need not be: hence no pointer and no
 * "long" in here, and an assertion for every offset that could slip. */
#ifndef _LINUX_LGUEST_H
#define _LINUX_LGUEST_H

#include <asm/lguest_hcall.h>

/* Interrupt lines of the Guest.  Line N arrives at vector 32 + N; line 0 is
 * the timer, the others belong to devices. */
#define LGUEST_IRQS		32

/* irq_pending holds this or zero, and of irq_enabled no other bit counts: it is
 * the place of the interrupt flag in eflags, all of which Linux may store. */
#define LGUEST_EFLAGS_IF	0x200

#ifndef __ASSEMBLER__
#include <linux/types.h>

struct lguest_data {
	/* Guest, and the Host when it delivers: the virtual interrupt flag. */
	__u32 irq_enabled;
	/* Guest: a bit for each interrupt line that should keep quiet. */
	__u32 blocked_interrupts;
	/* Host: what %cr2 would say of the page fault being delivered. */
	__u32 cr2;
	/* Host: the wall clock, at LGUEST_INIT and at each interrupt. */
	__s32 sec, nsec;
	/* Host: an interrupt had to wait since irq_enabled was zero.  The Guest
	 * looks here when it enables interrupts, and if it finds 0x200 makes
	 * the one hypercall that's worth making, SEND_INTERRUPTS. */
	__u32 irq_pending;

	/* Both: the ring of asynchronous hypercalls.  The Guest starts with
	 * every slot LHCALL_RING_DONE. */
	__u8 hcall_status[LHCALL_RING_SIZE];
	__u32 hcalls[LHCALL_RING_SIZE][LHCALL_RING_WORDS];

	/* Host, at LGUEST_INIT: bytes at the top of virtual memory that the
	 * Guest must leave alone, and the speed of its time stamp counter (0:
	 * don't trust it). */
	__u32 reserve_mem;
	__u32 tsc_khz;

	/* Guest, before LGUEST_INIT: a range of eip where no interrupt may be
	 * delivered, since "iret" can't restore irq_enabled in the same breath. */
	__u32 noirq_start, noirq_end;
	/* Guest, likewise: from here up all page tables agree. */
	__u32 kernel_address;
	/* Guest, likewise: the vector that its programs call the system with. */
	__u32 syscall_vec;
};

#define LGUEST_DATA_AT(field, offset) \
	_Static_assert(__builtin_offsetof(struct lguest_data, field) == offset, \
		       "lguest_data: " #field " has moved")

LGUEST_DATA_AT(cr2, 8);
LGUEST_DATA_AT(sec, 12);
LGUEST_DATA_AT(nsec, 16);
LGUEST_DATA_AT(irq_pending, 20);
LGUEST_DATA_AT(hcall_status, 24);
LGUEST_DATA_AT(hcalls, 88);
LGUEST_DATA_AT(reserve_mem, 1368);
LGUEST_DATA_AT(tsc_khz, 1372);
LGUEST_DATA_AT(noirq_start, 1376);
LGUEST_DATA_AT(noirq_end, 1380);
LGUEST_DATA_AT(kernel_address, 1384);
LGUEST_DATA_AT(syscall_vec, 1388);
_Static_assert(sizeof(struct lguest_data) == 1392, "lguest_data has grown");
#undef LGUEST_DATA_AT
#endif /* !__ASSEMBLER__ */
/*:*/

#endif /* _LINUX_LGUEST_H */
